"""Pages of the log's newest records that belong to one tenant and network."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import TypeVar

import msgspec

from ranvier.fabric.event import Payload, decode
from ranvier.fabric.ports import EventLog, Record
from ranvier.gateway.api.cursor import Whole, decode_cursor, encode_cursor
from ranvier.gateway.api.newest import ends_of, newest_first
from ranvier.gateway.api.platform import Whose
from ranvier.ontology.errors import InputError

P = TypeVar("P", bound=Payload)
_MAX_SCANNED = 20_000


def own(record: Record, kind: type[P], whose: Whose) -> P | None:
    """The payload of a record, if it is of this kind and belongs to `whose`."""
    try:
        payload = decode(record.value)
    except (InputError, msgspec.MsgspecError):
        return None
    if not isinstance(payload, kind):
        return None
    return payload if (payload.tenant, payload.network) == (whose.tenant, whose.network) else None


def own_page(
    log: EventLog, topic: str, kind: type[P], whose: Whose, cursor: str | None, limit: int
) -> tuple[list[tuple[Record, P]], str | None]:
    """Up to `limit` own records, newest first, and the next cursor.

    Scans a bounded number of records: a page may hold fewer than `limit` and still have a next one.
    """
    query = [topic, whose]
    ends = ends_of(log, topic)
    place = decode_cursor(cursor, query, tuple[dict[Whole, Whole]])
    if place is not None:
        ends = {partition: min(end, place[0].get(partition, 0)) for partition, end in ends.items()}
    items: list[tuple[Record, P]] = []
    scanned = newest_first(log, topic, ends)
    left: Mapping[int, int] = dict(ends)
    for count, record in enumerate(scanned, 1):
        left = {**left, record.partition: record.offset}
        payload = own(record, kind, whose)
        if payload is not None:
            items.append((record, payload))
        if len(items) == limit or count == _MAX_SCANNED:
            more = next(islice(scanned, 1), None) is not None
            return items, encode_cursor(query, [left]) if more else None
    return items, None
