"""`Intake`: what of a batch of records the sinks may have, and why the rest is refused.

    records ► decode ► check against the ontology ─┬─► accepted, in order
                                                   └─► refused, each with its reason

Checking value by value would cost more than everything else on the way, so a batch's values are compared
with their bounds at once; only a report that stands out is checked in detail by the ontology, whose word
counts. Sentinels need no look of their own: the ontology's check holds them to lie outside the bounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Generic, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from ranvier.fabric import event
from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.ports import Record
from ranvier.fabric.topology_change import NodeChange, RelationChange, TopologyChange
from ranvier.ontology.errors import InputError, OntologyError, RanvierError
from ranvier.ontology.ontology import Ontology

T = TypeVar("T")

INT64 = 2**63
INT32 = 2**31
FINITE = float(np.finfo(np.float64).max)


class Accepted(msgspec.Struct, Generic[T], frozen=True, gc=False):
    """A payload that the sink may have, and the record that brought it."""

    record: Record
    payload: T


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that no sink may have, and why."""

    record: Record
    reason: str
    source: str = ""
    tenant: str = "default"
    network: str = "default"

    @classmethod
    def of(cls, accepted: Accepted[Any], reason: str) -> Refused:
        """What was accepted, and then refused by the store itself."""
        return _refused(accepted.record, accepted.payload, reason)


@dataclass(frozen=True, slots=True)
class _Bounds:
    """Lower and upper bounds of some quantities, (n,) each."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]


Shape = tuple[str, tuple[str, ...]]
"""An object class and the quantities of a report, in its order."""


class Intake:
    """Decodes and checks. Remembers the bounds of up to `capacity` shapes of reports."""

    def __init__(self, ontology: Ontology, capacity: int = 4096) -> None:
        self._ontology, self._capacity = ontology, capacity
        self._bounds: dict[Shape, _Bounds | None] = {}

    def measurements(
        self, records: Sequence[Record]
    ) -> tuple[list[Accepted[MeasurementReport]], list[Refused]]:
        """The reports among `records` that the ontology allows, in order, and the refused records."""
        accepted: list[Accepted[MeasurementReport]] = []
        refused: list[Refused] = []
        for record in records:
            try:
                payload = event.decode(record.value)
                if not isinstance(payload, MeasurementReport):
                    raise _stranger("a measurement report", payload)
                accepted.append(Accepted(record, payload))
            except RanvierError as error:
                refused.append(Refused(record, str(error)))
        return self._checked(accepted, refused)

    def _checked(
        self, decoded: list[Accepted[MeasurementReport]], refused: list[Refused]
    ) -> tuple[list[Accepted[MeasurementReport]], list[Refused]]:
        accepted = decoded
        odd = self._odd([each.payload for each in decoded])
        if odd:
            accepted = []
            for row, each in enumerate(decoded):
                reason = self._reason(each.payload) if row in odd else None
                if reason is None:
                    accepted.append(each)
                else:
                    refused.append(_refused(each.record, each.payload, reason))
        return accepted, refused

    def _odd(self, reports: Sequence[MeasurementReport]) -> set[int]:
        """The reports that need a closer look."""
        odd: set[int] = set()
        rows_of: dict[Shape, list[int]] = {}
        for row, report in enumerate(reports):
            if not _has_sound_frame(report):
                odd.add(row)
                continue
            shape = (report.object_class, tuple(report.values))
            rows = rows_of.get(shape)
            if rows is None:
                rows_of[shape] = [row]
            else:
                rows.append(row)
        for shape, rows in rows_of.items():
            odd.update(self._outside(shape, rows, reports))
        return odd

    def _outside(self, shape: Shape, rows: list[int], reports: Sequence[MeasurementReport]) -> list[int]:
        """Those of `rows`, all of one shape, that need a closer look."""
        bounds = self._bounds_of(shape)
        if bounds is None:
            return rows
        width = len(bounds.low)
        several = chain.from_iterable(reports[row].values.values() for row in rows)
        values = np.fromiter(several, np.float64, len(rows) * width).reshape(len(rows), width)
        outside = ~((values >= bounds.low) & (values <= bounds.high)).all(axis=1)
        return [rows[place] for place in np.flatnonzero(outside).tolist()]

    def _bounds_of(self, shape: Shape) -> _Bounds | None:
        """The bounds of a shape, or None where its reports need a closer look each time."""
        if shape in self._bounds:
            return self._bounds[shape]
        if len(self._bounds) >= self._capacity:
            self._bounds.clear()
        bounds = self._bounds[shape] = self._find_bounds(shape)
        return bounds

    def _find_bounds(self, shape: Shape) -> _Bounds | None:
        object_class, names = shape
        if object_class not in self._ontology.classes:
            return None
        low, high = [], []
        for name in names:
            try:
                quantity = self._ontology.quantity(name)
                inside = _inside(quantity.minimum, quantity.maximum)
                self._ontology.check_value(name, object_class, inside)
            except RanvierError:
                return None
            # An open end still shuts out the infinities.
            low.append(-FINITE if quantity.minimum is None else max(quantity.minimum, -FINITE))
            high.append(FINITE if quantity.maximum is None else min(quantity.maximum, FINITE))
        return _Bounds(np.array(low, np.float64), np.array(high, np.float64))

    def _reason(self, report: MeasurementReport) -> str | None:
        """Why the report is refused, or None where it is not."""
        try:
            _check_frame(report)
            self._check_class(report.object_class)
            for name, value in report.values.items():
                if not np.isfinite(value):
                    raise InputError("a finite value", f"{name} = {value}", "leave out what is missing")
                self._ontology.check_value(name, report.object_class, value)
        except RanvierError as error:
            return str(error)
        return None

    def changes(self, records: Sequence[Record]) -> tuple[list[Accepted[TopologyChange]], list[Refused]]:
        """The topology changes among `records` that the ontology knows, in order, and the refused records."""
        accepted: list[Accepted[TopologyChange]] = []
        refused: list[Refused] = []
        for record in records:
            payload: event.Payload | None = None
            try:
                payload = event.decode(record.value)
                if not isinstance(payload, NodeChange | RelationChange):
                    raise _stranger("a topology change", payload)
                self._check_change(payload)
                accepted.append(Accepted(record, payload))
            except RanvierError as error:
                refused.append(_refused(record, payload, str(error)))
        return accepted, refused

    def _check_change(self, change: TopologyChange) -> None:
        if not -INT64 <= change.valid_from_ns < INT64:
            raise InputError(
                "a time in 64 bits", str(change.valid_from_ns), "give nanoseconds since the epoch"
            )
        if isinstance(change, NodeChange):
            if change.op == "upsert":
                self._check_class(change.node_class)
        elif change.relation not in self._ontology.relations:
            raise OntologyError(
                "a relation of the ontology", repr(change.relation), "see `ranvier ontology show`"
            )

    def _check_class(self, name: str) -> None:
        if name not in self._ontology.classes:
            raise OntologyError("a class of the ontology", repr(name), "see `ranvier ontology show`")


def _inside(minimum: float | None, maximum: float | None) -> float:
    """A value within the bounds."""
    if minimum is not None and maximum is not None:
        return (minimum + maximum) / 2
    if minimum is not None:
        return minimum
    return 0.0 if maximum is None else maximum


def _has_sound_frame(report: MeasurementReport) -> bool:
    return -INT64 <= report.start_ns <= report.end_ns < INT64 and -INT32 <= report.revision < INT32


def _check_frame(report: MeasurementReport) -> None:
    if not _has_sound_frame(report):
        raise InputError(
            "a period that ends at or after its start, times in 64 bits and a revision in 32",
            f"[{report.start_ns}, {report.end_ns}), revision {report.revision}",
            "give nanoseconds since the Unix epoch",
        )


def _stranger(expected: str, payload: event.Payload) -> InputError:
    return InputError(expected, event.TYPE_OF[type(payload)], "send it to the topic of its type")


def _refused(record: Record, payload: event.Payload | None, reason: str) -> Refused:
    if payload is None:
        return Refused(record, reason)
    return Refused(record, reason, payload.source, payload.tenant, payload.network)
