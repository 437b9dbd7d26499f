"""`Native`: Ranvier's own events, CloudEvents 1.0 in JSON: one, an array, or one on each line.

Decoded strictly and then held to the ontology: the class, each quantity, its bounds and, where the event
gives `units` (quantity to unit), its unit. Whose an event is, the context says, not the event.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

import msgspec

from ranvier.fabric.alarm import Alarm
from ranvier.fabric.dead_letter import DeadLetter
from ranvier.fabric.event import decode
from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.sources.json_items import Item, items
from ranvier.fabric.sources.source import Bad, Good, GoodPayload, SourceContext
from ranvier.fabric.topology_change import NodeChange
from ranvier.ontology.errors import InputError, OntologyError, RanvierError
from ranvier.ontology.ontology import Ontology


class _Data(msgspec.Struct):
    units: dict[str, str] = {}


class _Units(msgspec.Struct):
    data: _Data


_UNITS = msgspec.json.Decoder(_Units)


class Native:
    """The adapter."""

    name = "native"

    def detect(self, head: bytes, _context: SourceContext, /) -> bool:
        """Whether it is JSON with CloudEvents."""
        start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
        return start[:1] in (b"{", b"[") and b'"specversion"' in start

    def read(self, raw: IO[bytes] | bytes, context: SourceContext) -> Iterator[Good | Bad]:
        """The payload of each event."""
        for item in items(raw):
            yield _record(item, context)

    def replay(self, letter: DeadLetter, context: SourceContext) -> Iterator[Good | Bad]:
        """The event again."""
        yield _record(Item(letter.position, letter.raw), context)


def _record(item: Item, context: SourceContext) -> Good | Bad:
    try:
        if item.fault:
            raise ValueError(f"expected a whole JSON event; got {item.fault}; send it again")
        payload = decode(item.raw)
        if isinstance(payload, DeadLetter):
            raise InputError("telemetry", "a dead letter", "replay it: ranvier deadletter replay")
        _check(payload, item.raw, context)
    except (RanvierError, ValueError, RecursionError) as error:
        return context.bad("native", str(error), item.position, item.raw)
    own = {"tenant": context.tenant, "network": context.network, "source": payload.source or context.source}
    return Good(msgspec.structs.replace(payload, **own), item.position)


def _check(payload: GoodPayload, raw: bytes, context: SourceContext) -> None:
    ontology = context.ontology
    if isinstance(payload, MeasurementReport):
        _check_report(payload, raw, ontology)
        at_ns = payload.end_ns
    elif isinstance(payload, Alarm):
        at_ns = payload.event_time_ns
    else:
        _check_change(payload, ontology)
        at_ns = payload.valid_from_ns
    if not 0 <= at_ns <= context.latest_ns:
        raise InputError(
            f"a time in [0, {context.latest_ns}] ns", f"{at_ns} ns", "set the source's clock right"
        )


def _check_report(report: MeasurementReport, raw: bytes, ontology: Ontology) -> None:
    _known(report.object_class, ontology)
    if not report.object_id or report.start_ns > report.end_ns:
        got = f"{report.object_id!r}, [{report.start_ns}, {report.end_ns})"
        raise InputError(
            "an object and a period that does not end before it starts", got, "correct the event"
        )
    if b'"units"' in raw:
        for quantity, unit in _UNITS.decode(raw).data.units.items():
            ontology.check_unit(quantity, unit)
    for quantity, value in report.values.items():
        ontology.check_value(quantity, report.object_class, value)


def _check_change(change: GoodPayload, ontology: Ontology) -> None:
    if isinstance(change, NodeChange):
        _known(change.node_class, ontology)
        if not change.node_id:
            raise InputError("a node_id", "an empty one", "name the object")
        return
    assert not isinstance(change, MeasurementReport | Alarm)
    if change.relation not in ontology.relations:
        known = ", ".join(ontology.relations)
        raise OntologyError(f"a relation among {known}", repr(change.relation), "correct the event")
    try:
        ends = ontology.class_of(change.source_id), ontology.class_of(change.target_id)
    except OntologyError:
        return  # names that do not tell their class: the graph knows better
    if not ontology.allows(change.relation, *ends):
        got = f"{ends[0]} to {ends[1]}"
        raise OntologyError(f"ends that {change.relation!r} may join", got, "correct the event")


def _known(object_class: str, ontology: Ontology) -> None:
    if object_class not in ontology.classes:
        raise OntologyError("a class of the ontology", repr(object_class), "see ranvier ontology show")
