"""`Ontology`: the classes, relations and quantities that Ranvier knows, loaded from its compiled form.

Turtle files (data/*.ttl) ► `ranvier.ontology.compile` (rdflib, SHACL) ► data/compiled.json ► `load()`

The compiled form is committed and a test holds it to the Turtle files, so that the platform starts
without rdflib.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

from ranvier.ontology.errors import InputError, OntologyError, UnitMismatch

Collection = Literal["CC", "SI", "GAUGE", "DER"]
"""How a value comes about (TS 32.404 3.1): cumulative counter, status inspection, gauge, discrete event
registration (a figure of each event in the period: their mean, most often)."""

Aggregation = Literal["sum", "mean", "weighted", "max", "min"]
"""How values of short periods make the value of a long one."""

_COMPILED = Path(__file__).resolve().parent / "data" / "compiled.json"
_RDN = re.compile(r"(?<!\\),")
_SUBCOUNTER = re.compile(r"[._]")


class Quantity(msgspec.Struct, frozen=True, omit_defaults=True):
    """A measured quantity.

    object_classes  where it is measured: the standard's classes first, then those that may carry it too
                (an NRCellDU node that stands for the whole cell carries what the standard puts on NRCellCU)
    collection  CC sums over periods, SI and GAUGE average over time, DER is weighted by the quantity
                named in `weight` (its volume), or by time where it names none; see `aggregation`
    minimum, maximum  bounds that a valid value keeps, in `unit`; None where there is none
    sentinels   values that mean "missing" and are never data
    integer     the source reports whole numbers only (RSRP of a handset, counts): atoms for a forecast
    tolerance   what operators call a hit in "twinning precision", in `unit`
    aggregate   overrides the collection method where that alone would mislead: peaks, energies
    split_by    what its subcounters are split by (cause, 5QI, SNSSAI, bin …); empty where it has none
    normalisation  how a model brings it to scale: standard, log1p, minmax, circular or none
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
    aggregate: Literal["sum", "mean", "max", "min"] | None = None
    split_by: tuple[str, ...] = ()
    normalisation: str = "standard"
    domain: str = ""

    @property
    def aggregation(self) -> Aggregation:
        """How values of short periods make the value of a long one."""
        if self.aggregate is not None:
            return self.aggregate
        if self.collection == "CC":
            return "sum"
        return "weighted" if self.weight is not None else "mean"


class ObjectClass(msgspec.Struct, frozen=True, omit_defaults=True):
    """A class of nodes, with its parent class, the domain file that defines it, and its attributes' units.

    attributes  own and inherited attributes, each with its unit ("" where it has none)
    required    attributes that every node has; expected: those that the standard makes mandatory, though
                a partial view of a network may lack them (they count towards completeness)
    aliases     other names of the class in distinguished names
    tensor      the node type under which a neural network sees it; "" where it does not
    """

    name: str
    label: str
    parent: str | None
    domain: str
    source: str
    attributes: dict[str, str] = {}
    required: tuple[str, ...] = ()
    expected: tuple[str, ...] = ()
    abstract: bool = False
    aliases: tuple[str, ...] = ()
    tensor: str = ""


class Attribute(msgspec.Struct, frozen=True, omit_defaults=True):
    """A property of nodes: its type, its unit ("" for none), bounds and legal values."""

    name: str
    label: str
    datatype: Literal["string", "integer", "number", "boolean"]
    unit: str
    source: str
    minimum: float | None = None
    maximum: float | None = None
    one_of: tuple[str, ...] = ()
    normalisation: str = "none"


class RelationType(msgspec.Struct, frozen=True, omit_defaults=True):
    """A relation and the classes it may join.

    functional  "target": a target takes part in at most one at a time (a UE is served by one cell);
                "source": likewise for the source; None: any number
    tensor      whether it is an edge of the graph that a neural network takes
    """

    name: str
    label: str
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    functional: Literal["source", "target"] | None
    source: str
    tensor: bool = False
    domain: str = ""


class Unit(msgspec.Struct, frozen=True, omit_defaults=True):
    """A unit: its symbol, other spellings of the very same unit, and its factor within its dimension.

    A unit without a dimension ("") converts to nothing. `numerator` / `denominator` is exact.
    """

    symbol: str
    label: str
    synonyms: tuple[str, ...] = ()
    dimension: str = ""
    numerator: int = 1
    denominator: int = 1


class Ontology(msgspec.Struct, frozen=True):
    """All of it, with the checks that the fabric makes of what comes in.

    units       by symbol; spellings: every declared spelling of a unit, to its symbol
    aliases     other names of classes, to the class
    domains     the Turtle files, by name, with their labels
    """

    version: str
    classes: dict[str, ObjectClass]
    relations: dict[str, RelationType]
    quantities: dict[str, Quantity]
    attributes: dict[str, Attribute] = {}
    units: dict[str, Unit] = {}
    spellings: dict[str, str] = {}
    aliases: dict[str, str] = {}
    domains: dict[str, str] = {}

    def quantity(self, name: str) -> Quantity:
        """The quantity of that name, or the subcounter of one that is split (RRC.ConnEstabAtt.mo-Data).

        Raises OntologyError with the nearest names.
        """
        found = self.quantities.get(name)
        if found is not None:
            return found
        for stem in _stems(name):
            family = self.quantities.get(stem)
            if family is not None and family.split_by:
                return msgspec.structs.replace(family, name=name, weight=None)
        raise OntologyError(
            "the name of a quantity", repr(name), _nearest(name, self.quantities, "ranvier ontology show")
        )

    def check_unit(self, quantity: str, unit: str) -> None:
        """Raises UnitMismatch, naming both units, where `unit` is not the quantity's.

        Declared spellings of the same unit pass (kbps for kbit/s); nothing is converted.
        """
        wanted = self.quantity(quantity)
        if self.symbol(unit) == wanted.unit:
            return
        raise UnitMismatch(
            f"{quantity} in {wanted.unit!r}", f"{unit!r}", self._unit_remedy(wanted, self.symbol(unit))
        )

    def symbol(self, unit: str) -> str:
        """The symbol of the unit that goes by `unit`; `unit` itself where it is not known."""
        word = unit.strip()
        return word if word in self.units else self.spellings.get(word, unit)

    def factor(self, quantity: str, unit: str) -> float:
        """What a value in `unit` is multiplied by to be in the quantity's unit.

        For an adapter that declares its source's unit. Exact and linear only: raises UnitMismatch where the
        units are not of one dimension (levels in dB are never converted).
        """
        wanted = self.quantity(quantity)
        own = self.symbol(unit)
        if own == wanted.unit:
            return 1.0
        given, target = self.units.get(own), self.units.get(wanted.unit)
        if given is None or target is None or not given.dimension or given.dimension != target.dimension:
            raise UnitMismatch(
                f"a unit that converts to {wanted.unit!r} for {quantity}",
                f"{unit!r}",
                self._unit_remedy(wanted, own),
            )
        scale = Fraction(given.numerator, given.denominator) / Fraction(target.numerator, target.denominator)
        return float(scale)

    def check_value(self, quantity: str, object_class: str, value: float) -> None:
        """Raises OntologyError where the class does not have the quantity or the value is out of bounds.

        A sentinel is no value either: a source adapter takes it out before.
        """
        known = self.quantity(quantity)
        if object_class not in known.object_classes and not any(
            ancestor in known.object_classes for ancestor in self.ancestors(object_class)
        ):
            raise OntologyError(
                f"{quantity} on {' or '.join(known.object_classes)}",
                f"it on {object_class}",
                "name the object it was measured on, or add the class to the ontology (docs/ontology.md)",
            )
        if value in known.sentinels:
            raise OntologyError(
                f"a value of {quantity}", f"{value}, which means missing", "leave missing values out"
            )
        if not _within(value, known.minimum, known.maximum):
            raise OntologyError(
                f"{quantity} in [{_bound(known.minimum)}, {_bound(known.maximum)}] {known.unit}",
                f"{value}",
                "check the unit and the source's code for missing",
            )

    def allows(self, relation: str, source_class: str, target_class: str) -> bool:
        """Whether the relation may join these classes (or their ancestors)."""
        known = self.relations.get(relation)
        if known is None:
            return False
        sources = (source_class, *self.ancestors(source_class))
        targets = (target_class, *self.ancestors(target_class))
        return not (set(sources).isdisjoint(known.sources) or set(targets).isdisjoint(known.targets))

    def ancestors(self, object_class: str) -> tuple[str, ...]:
        """The classes above, from the parent up; empty for a class that is not known."""
        above: list[str] = []
        known = self.classes.get(object_class)
        while known is not None and known.parent is not None and known.parent not in above:
            above.append(known.parent)
            known = self.classes.get(known.parent)
        return tuple(above)

    def class_of(self, distinguished_name: str) -> str:
        """The class named by the last relative distinguished name, e.g. NRCellDU of "…,NRCellDU=3".

        Names are as in TS 32.300 7: a comma within a value is escaped. Raises OntologyError.
        """
        last = _RDN.split(distinguished_name)[-1]
        name, equals, value = last.partition("=")
        name = name.strip()
        found = name if name in self.classes else self.aliases.get(name)
        if found is None or not equals or not value.strip():
            raise OntologyError(
                "a distinguished name that ends in Class=id",
                repr(distinguished_name),
                _nearest(name, self.classes, "ranvier ontology show"),
            )
        return found

    def _unit_remedy(self, wanted: Quantity, symbol: str) -> str:
        """What to do about a wrong unit: the sibling that has it, or the factor that an adapter declares."""
        given, target = self.units.get(symbol), self.units.get(wanted.unit)
        if given and target and given.dimension and given.dimension == target.dimension:
            return f"declare the source's unit {symbol!r} in its adapter, which then converts it exactly"
        sibling = _sibling(self, wanted, symbol)
        if sibling is not None:
            return f"did you mean {sibling}, whose unit that is?"
        return f"send it in {wanted.unit!r}, or under the name of a quantity in {symbol!r}"


def _stems(name: str) -> Iterable[str]:
    """What `name` may be a subcounter of, the longest first."""
    cuts = [match.start() for match in _SUBCOUNTER.finditer(name)]
    return (name[:cut] for cut in reversed(cuts))


def _within(value: float, minimum: float | None, maximum: float | None) -> bool:
    """Whether a finite value keeps its bounds."""
    if not math.isfinite(value):
        return False
    return (minimum is None or value >= minimum) and (maximum is None or value <= maximum)


def _bound(value: float | None) -> str:
    return "…" if value is None else f"{value:g}"


def _nearest(name: str, known: Iterable[str], otherwise: str) -> str:
    """A remedy that names what was perhaps meant."""
    near = difflib.get_close_matches(name, list(known), n=3, cutoff=0.6)
    return f"did you mean {' or '.join(near)}?" if near else f"see {otherwise}"


def _sibling(ontology: Ontology, wanted: Quantity, symbol: str) -> str | None:
    """The quantity of the same class whose unit that is and whose name is nearest."""
    names = [
        other.name
        for other in ontology.quantities.values()
        if other.unit == symbol and set(other.object_classes) & set(wanted.object_classes)
    ]
    same_end = [name for name in names if name[-2:] == wanted.name[-2:]]
    near = difflib.get_close_matches(wanted.name, same_end or names, n=1, cutoff=0.6)
    return near[0] if near else None


@cache
def load(path: Path | None = None) -> Ontology:
    """The ontology that this version of Ranvier ships, or one compiled with more domains; read once.

    Raises InputError where the file at `path` is not there or is no compiled ontology.
    """
    try:
        return msgspec.json.decode((path or _COMPILED).read_bytes(), type=Ontology)
    except (OSError, msgspec.DecodeError, msgspec.ValidationError) as error:
        raise InputError(
            f"a compiled ontology in {path or _COMPILED}",
            str(error),
            "make it with python -m ranvier.ontology.compile (docs/ontology.md)",
        ) from error
