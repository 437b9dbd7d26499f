"""`Ves`: events of network functions as the VES listener takes them (ONAP VES 7.2), one or many.

    event ► domain ─┬─► measurement, perf3gpp ► MeasurementReport
                    ├─► fault, stndDefined    ► Alarm, NodeChange
                    ├─► pnfRegistration       ► NodeChange
                    └─► heartbeat, fileReady  ► a MeasurementReport without values: the element was heard

What a heartbeat or a file-ready event says besides is in the record's `notice`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import IO

import msgspec

from ranvier.fabric.dead_letter import DeadLetter
from ranvier.fabric.sources.json_items import Item, items
from ranvier.fabric.sources.source import Bad, Good, SourceContext
from ranvier.fabric.sources.ves_alarms import fault
from ranvier.fabric.sources.ves_event import JsonObject, VesEvent, bodies, event_of
from ranvier.fabric.sources.ves_measurements import measurement, perf3gpp, perf3gpp_again
from ranvier.fabric.sources.ves_notices import heartbeat, notification, registration
from ranvier.fabric.sources.ves_standard import standard
from ranvier.ontology.errors import RanvierError

_DOMAINS: dict[str, Callable[[VesEvent, SourceContext, str], Iterator[Good | Bad]]] = {
    "measurement": measurement,
    "perf3gpp": perf3gpp,
    "fault": fault,
    "stndDefined": standard,
    "heartbeat": heartbeat,
    "pnfRegistration": registration,
    "notification": notification,
}


class Ves:
    """The adapter."""

    name = "ves"

    def detect(self, head: bytes, _context: SourceContext, /) -> bool:
        """Whether it is JSON with VES headers."""
        start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
        return start[:1] in (b"{", b"[") and b'"commonEventHeader"' in start

    def read(self, raw: IO[bytes] | bytes, context: SourceContext) -> Iterator[Good | Bad]:
        """The records of each event."""
        for item in items(raw):
            yield from _item(item, context)

    def replay(self, letter: DeadLetter, context: SourceContext) -> Iterator[Good | Bad]:
        """One event again, or one object's results of a perf3gpp event."""
        if letter.context:
            yield from perf3gpp_again(letter, context)
        else:
            for item in items(letter.raw):
                yield from _item(item._replace(position=letter.position), context)


def _item(item: Item, context: SourceContext) -> Iterator[Good | Bad]:
    try:
        if item.fault:
            raise ValueError(f"expected a whole JSON event; got {item.fault}; send it again")
        found = list(bodies(msgspec.json.decode(item.raw)))
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        yield context.bad("ves", str(error), item.position, item.raw)
        return
    for number, body in enumerate(found, start=1):
        position = item.position if len(found) == 1 else f"{item.position}, event {number}"
        yield from _event(body, context, position)


def _event(body: JsonObject, context: SourceContext, position: str) -> Iterator[Good | Bad]:
    try:
        event = event_of(body, context)
        handler = _DOMAINS.get(event.header.domain)
        if handler is None:
            known = ", ".join(_DOMAINS)
            raise ValueError(f"expected a domain among {known}; got {event.header.domain!r}; leave it out")
        records = list(handler(event, context, f"{position}, eventId {event.header.event_id}"))
    except (RanvierError, ValueError, TypeError, OverflowError, msgspec.ValidationError) as error:
        yield context.bad("ves", str(error), position, msgspec.json.encode({"event": body}))
        return
    yield from records
