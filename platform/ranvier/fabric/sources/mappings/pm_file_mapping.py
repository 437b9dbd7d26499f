"""`PmFileMapping`: what a vendor's PM files mean where they depart from TS 28.552, written as TOML."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Literal

import msgspec

from ranvier.ontology.ontology import Ontology


class Counter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one measType means.

    quantity  a quantity of the ontology; None: the one of the same name
    unit      the unit that the files use; None: the ontology's own. PM files carry no units, so a vendor
              who departs from the standard is known only from here
    """

    quantity: str | None = None
    unit: str | None = None


class PmFileMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For the files whose vendorName matches `vendor` (a pattern with * and ?).

    zone        of times that carry no offset
    missing     results that mean "missing"
    counters    measType to its meaning
    classes     the class name in a measObjLdn to a class of the ontology
    ignore      patterns of measTypes that are left out on purpose; others that the ontology does not know
                go to the dead letters
    cumulative  patterns of measTypes that only ever rise: the value of a period is the difference to the
                period before, and a reset leaves the period without one
    """

    name: str = "3gpp"
    format: Literal["pm-file"] = "pm-file"
    vendor: str = "*"
    zone: str = "UTC"
    missing: tuple[str, ...] = ("", "NIL", "nil", "NULL", "null")
    counters: dict[str, Counter] = {}
    classes: dict[str, str] = {}
    ignore: tuple[str, ...] = ()
    cumulative: tuple[str, ...] = ()

    def fits(self, vendor: str) -> bool:
        """Whether the mapping is for files of this vendor."""
        return fnmatchcase(vendor, self.vendor)

    def ignores(self, meas_type: str) -> bool:
        """Whether the type is left out on purpose."""
        return any(fnmatchcase(meas_type, pattern) for pattern in self.ignore)

    def accumulates(self, meas_type: str) -> bool:
        """Whether the type only ever rises."""
        return any(fnmatchcase(meas_type, pattern) for pattern in self.cumulative)

    def check(self, ontology: Ontology) -> None:
        """Raises OntologyError or UnitMismatch where the mapping contradicts the ontology."""
        for meas_type, counter in self.counters.items():
            quantity = counter.quantity or meas_type
            ontology.quantity(quantity)
            if counter.unit is not None:
                ontology.factor(quantity, counter.unit)
