"""`Columns`: a mapping made ready for one header: where each value stands and what it may be."""

from __future__ import annotations

from typing import NamedTuple

from ranvier.fabric.sources.checked_value import Check, check_of, checked
from ranvier.fabric.sources.distinguished_name import escaped
from ranvier.fabric.sources.mappings.drive_test_mapping import CellProperty, DriveTestMapping, ValueColumn
from ranvier.fabric.topology_change import Scalar
from ranvier.ontology.ontology import Ontology

_UNSEEN = float("nan")
_REMEMBERED = 4096
"""Texts that each column remembers: most values of a log repeat."""


class Cell(NamedTuple):
    """What a row says of the serving cell."""

    node_id: str
    node_class: str
    mode: str
    properties: dict[str, Scalar]


class _Value(NamedTuple):
    """A column of values; `known` remembers what texts of it mean, None where that is "missing"."""

    at: int
    quantity: str
    known: dict[str, float | None]
    column: str
    check: Check
    scale: float
    offset: float


class Columns:
    """The columns of one file by their index."""

    def __init__(self, mapping: DriveTestMapping, names: list[str], ontology: Ontology) -> None:
        self._missing = frozenset(mapping.missing)
        self._of = mapping.cell
        self.time = names.index(mapping.time.column)
        self.ue = None if mapping.ue.id is None else names.index(mapping.ue.id)
        classes = set() if mapping.cell is None else set(mapping.cell.classes.values())
        self._plans: dict[str | None, tuple[_Value, ...]] = {
            node_class: tuple(
                _compiled(value, names, ontology)
                for value in mapping.value
                if value.cell_classes is None or node_class in value.cell_classes
            )
            for node_class in {None, *classes}
        }
        if mapping.cell is not None:
            self._id, self._mode = names.index(mapping.cell.id), names.index(mapping.cell.mode)
            self._properties = [(told, names.index(told.column)) for told in mapping.cell.property]
            self._identity = [self._id, self._mode, *(index for _, index in self._properties)]
        self._last: tuple[list[str], Cell | None] = [], None

    def values(self, fields: list[str]) -> dict[str, float]:
        """Quantity to value. Raises ValueError where a value is no number or out of its bounds."""
        found: dict[str, float] = {}
        for value in self._plans[self._class(fields)]:
            at, quantity, known, *_ = value
            text = fields[at]
            number = known.get(text, _UNSEEN)
            if number is _UNSEEN:
                number = self._number(value, text)
                if len(known) < _REMEMBERED:
                    known[text] = number
            if number is not None:
                found[quantity] = number
        return found

    def _number(self, value: _Value, text: str) -> float | None:
        if text in self._missing:
            return None
        named = f"column {value.column}"
        if value.scale == 1.0 and value.offset == 0.0:
            return checked(value.check, text, named)
        raw = checked(Check(value.quantity, value.check.unit, fault=value.check.fault), text, named)
        if raw is None or raw in value.check.sentinels:
            return None
        return checked(value.check, raw * value.scale + value.offset, named)

    def cell(self, fields: list[str]) -> Cell | None:
        """The serving cell, or None where the row names none; rows that say the same get the same one.

        Raises ValueError where a property is not written as the mapping says.
        """
        told = [fields[index] for index in self._identity]
        if told != self._last[0]:
            self._last = told, self._cell(fields)
        return self._last[1]

    def _cell(self, fields: list[str]) -> Cell | None:
        assert self._of is not None
        identity, mode = fields[self._id], fields[self._mode]
        if identity in self._missing or mode in self._missing:
            return None
        node_class = self._of.classes[mode]
        properties: dict[str, Scalar] = {}
        for told, index in self._properties:
            text = fields[index]
            if text in self._missing or text in told.missing:
                continue
            if told.cell_classes is None or node_class in told.cell_classes:
                properties[told.name] = _property(told, text)
        return Cell(f"{node_class}={escaped(identity)}", node_class, mode, properties)

    def _class(self, fields: list[str]) -> str | None:
        if self._of is None:
            return None
        mode = fields[self._mode]
        if mode in self._missing:
            return None
        try:
            return self._of.classes[mode]
        except KeyError:
            known = ", ".join(self._of.classes)
            raise ValueError(
                f"expected a mode among {known}; got {mode!r}; declare it under [cell.classes] of the mapping"
            ) from None


def _property(told: CellProperty, text: str) -> Scalar:
    if told.kind == "text":
        return text
    try:
        return int(text, 16 if told.kind == "hex" else 10)
    except ValueError:
        raise ValueError(
            f"expected {told.name} as {told.kind} in column {told.column}; got {text!r};"
            " correct it, or declare it as missing in the mapping"
        ) from None


def _compiled(value: ValueColumn, names: list[str], ontology: Ontology) -> _Value:
    check = check_of(ontology, value.quantity, "UE", value.unit)
    check = check._replace(sentinels=check.sentinels | set(value.sentinels))
    return _Value(
        names.index(value.column), value.quantity, {}, value.column, check, value.scale, value.offset
    )
