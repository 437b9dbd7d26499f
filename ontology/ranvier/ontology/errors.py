"""The exceptions of Ranvier.

RanvierError
├── OntologyError         a class, relation, quantity or unit that the ontology does not allow
│   └── UnitMismatch      a quantity was given in a unit that contradicts the ontology
├── InputError            a file, event or argument that cannot be used as it is
├── StoreError            a store cannot do what was asked of it
│   ├── StoreBusy         another process holds the store
│   └── AccessRefused     a server does not take the credentials
├── Unavailable           what should answer is not installed, not trained, or away
│   └── TooLate           it did not answer in time
├── NotFound              nothing goes by that name at that time
└── LeakError             a forecast asked for something that was not known at its time

Every message says what was expected, what came, and what to do. The tree lives in the lowest layer
because every layer raises from it.
"""

from __future__ import annotations


class RanvierError(Exception):
    """The root of all errors that Ranvier raises on purpose."""

    def __init__(self, expected: str, got: str, remedy: str) -> None:
        self.expected, self.got, self.remedy = expected, got, remedy
        super().__init__(f"expected {expected}; got {got}; {remedy}")


class OntologyError(RanvierError):
    """A class, relation, quantity or unit that the ontology does not allow."""


class UnitMismatch(OntologyError):
    """A quantity was given in a unit that contradicts the ontology."""


class InputError(RanvierError):
    """A file, event or argument that cannot be used as it is."""


class StoreError(RanvierError):
    """A store cannot do what was asked of it."""


class StoreBusy(StoreError):
    """Another process holds the store."""


class AccessRefused(StoreError):
    """A server does not take the credentials: waiting does not help."""


class Unavailable(RanvierError):
    """What should answer is not installed, not trained, or away."""


class TooLate(Unavailable):
    """It did not answer in time."""


class NotFound(RanvierError):
    """Nothing goes by that name at that time."""


class LeakError(RanvierError):
    """A forecast asked for something that was not known at its time."""
