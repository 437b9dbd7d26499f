"""`Ontology`: the classes, relations and quantities that Ranvier knows, loaded from its compiled form.

Turtle files (data/*.ttl) ► compile.py (rdflib, SHACL) ► data/compiled.json ► `load()`

The compiled form is committed and a test holds it to the Turtle files, so that the platform starts
without rdflib.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from ranvier.ontology.errors import OntologyError, UnitMismatch

Collection = Literal["CC", "SI", "GAUGE", "DER"]
"""How a value comes about (TS 32.404 / TS 28.552): cumulative counter, status inspection, gauge, derived ratio."""


class Quantity(msgspec.Struct, frozen=True):
    """A measured quantity.

    collection  CC sums over periods, SI and GAUGE average over time, DER is weighted by the quantity
                named in `weight` (its volume), or by time where it names none
    minimum, maximum  bounds that a valid value keeps, in `unit`; None where there is none
    sentinels   values that mean "missing" and are never data
    integer     the source reports whole numbers only (RSRP of a handset, counts): atoms for a forecast
    tolerance   what operators call a hit in "twinning precision", in `unit`
    """

    name: str
    label: str
    unit: str
    object_classes: tuple[str, ...]
    collection: Collection
    source: str
    weight: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    sentinels: tuple[float, ...] = ()
    integer: bool = False
    tolerance: float | None = None


class ObjectClass(msgspec.Struct, frozen=True):
    """A class of nodes, with its parent class, the domain file that defines it, and its attributes' units."""

    name: str
    label: str
    parent: str | None
    domain: str
    source: str
    attributes: dict[str, str] = {}


class RelationType(msgspec.Struct, frozen=True):
    """A relation and the classes it may join.

    functional  "target": a target takes part in at most one at a time (a UE is served by one cell);
                "source": likewise for the source; None: any number
    """

    name: str
    label: str
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    functional: Literal["source", "target"] | None
    source: str


class Ontology(msgspec.Struct, frozen=True):
    """All of it, with the checks that the fabric makes of what comes in."""

    version: str
    classes: dict[str, ObjectClass]
    relations: dict[str, RelationType]
    quantities: dict[str, Quantity]

    def quantity(self, name: str) -> Quantity:
        """The quantity of that name. Raises OntologyError with the nearest names."""
        raise NotImplementedError

    def check_unit(self, quantity: str, unit: str) -> None:
        """Raises UnitMismatch, naming both units, where `unit` is not the quantity's."""
        raise NotImplementedError

    def check_value(self, quantity: str, object_class: str, value: float) -> None:
        """Raises OntologyError where the class does not have the quantity or the value is out of bounds."""
        raise NotImplementedError

    def allows(self, relation: str, source_class: str, target_class: str) -> bool:
        """Whether the relation may join these classes (or their ancestors)."""
        raise NotImplementedError

    def class_of(self, distinguished_name: str) -> str:
        """The class named by the last relative distinguished name, e.g. NRCellDU of "…,NRCellDU=3"."""
        raise NotImplementedError


def load() -> Ontology:
    """The ontology that this version of Ranvier ships."""
    raise NotImplementedError


_ = (Mapping, OntologyError, UnitMismatch)
