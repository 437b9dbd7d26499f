"""Which series there are, how many points, and how to be rid of old ones.

Objects come from InfluxDB's index; which of their quantities have points is asked for a page's objects only.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pyarrow.compute as pc

from ranvier.fabric.series import influx_tables
from ranvier.fabric.series.influx_layout import EARLIEST_NS, FEEDBACK, LATEST_NS, OBSERVED, OWN
from ranvier.fabric.series.influx_names import any_of, decode, encode, tags_of
from ranvier.fabric.series.influx_reading import field_keys
from ranvier.fabric.series.influx_versions import Select
from ranvier.fabric.series.paging import decode_cursor, encode_cursor

OBJECTS_AT_ONCE = 50
QUANTITIES_AT_ONCE = 256
Pairs = tuple[tuple[str, str], ...]


def page(select: Select, owner: tuple[str, str], after: str | None, limit: int) -> tuple[Pairs, str | None]:
    """The (object, quantity) pairs of (tenant, network) after a cursor; InputError for one made up."""
    start = decode_cursor(after)
    found: list[tuple[str, str]] = []
    objects = [name for name in _objects(select, owner) if name >= start[0]]
    for first in range(0, len(objects), OBJECTS_AT_ONCE):
        pairs = set[tuple[str, str]]()
        for measurement in (OBSERVED, FEEDBACK):
            pairs |= _pairs(select, measurement, owner, objects[first : first + OBJECTS_AT_ONCE])
        found += sorted(pair for pair in pairs if after is None or pair > start)
        if len(found) > limit:
            return tuple(found[:limit]), encode_cursor(found[limit - 1])
    return tuple(found), None


def _objects(select: Select, owner: tuple[str, str]) -> list[str]:
    names = set[str]()
    for measurement in (OBSERVED, FEEDBACK):
        query = f'SHOW TAG VALUES FROM "{measurement}" WITH KEY = "object" WHERE {_of(owner)}'
        names.update(influx_tables.listed_values(select(measurement, query)))
    return sorted(decode(name) for name in names)


def _of(owner: tuple[str, str]) -> str:
    return f"tenant = '{encode(owner[0])}' AND network = '{encode(owner[1])}'"


def _pairs(
    select: Select, measurement: str, owner: tuple[str, str], objects: Sequence[str]
) -> set[tuple[str, str]]:
    fields, found = _fields(select, measurement), set[tuple[str, str]]()
    for first in range(0, len(fields), QUANTITIES_AT_ONCE):
        some = fields[first : first + QUANTITIES_AT_ONCE]
        answer = select(
            measurement,
            f'SELECT {_each("first", some)} FROM "{measurement}" WHERE {_of(owner)} '
            f'AND "object" =~ {any_of(encode(name) for name in objects)} '
            f'AND time >= {EARLIEST_NS} AND time <= {LATEST_NS} GROUP BY "object"',
        )
        table = influx_tables.selected(answer, dict.fromkeys(some, influx_tables.REAL))
        owners = [decode(tags_of(text)["object"]) for text in table["tags"].to_pylist()]
        for field in some:
            there = pc.is_valid(table[field]).to_pylist()
            found |= {(name, decode(field)) for name, is_there in zip(owners, there, strict=True) if is_there}
    return found


def _fields(select: Select, measurement: str) -> list[str]:
    return [key for key in field_keys(select, measurement) if not key.startswith(OWN)]


def _each(function: str, fields: Sequence[str]) -> str:
    return ", ".join(f'{function}("{field}"::field)' for field in fields)


def count(select: Select, measurement: str, before_ns: int = LATEST_NS) -> int:
    """How many points, all versions of them, end before a time. Reads them all: not for every day."""
    fields, total = _fields(select, measurement), 0
    for first in range(0, len(fields), QUANTITIES_AT_ONCE):
        some = fields[first : first + QUANTITIES_AT_ONCE]
        answer = select(
            measurement,
            f'SELECT {_each("count", some)} FROM "{measurement}" '
            f"WHERE time >= {EARLIEST_NS} AND time < {before_ns}",
        )
        table = influx_tables.selected(answer, dict.fromkeys(some, influx_tables.WHOLE))
        total += sum(pc.sum(table[field]).as_py() or 0 for field in some)
    return total


def rfc3339(time_ns: int) -> str:
    """A time as InfluxDB's delete API wants it, to the nanosecond."""
    seconds, rest = divmod(time_ns, 10**9)
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
