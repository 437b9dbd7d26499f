"""Compares the two sides of a migration: counts and hashes, at several times of knowledge.

log     every record of every partition: place, key, value, headers, time
graph   all nodes and relations as believed at up to `TIMES` times of knowledge, now being the last, and the
        history of up to `HISTORIES` nodes, evenly chosen where there are more
series  all points as known at up to `TIMES` times of knowledge

A hash is a sum over its items, so it holds whatever their order and needs no memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, NamedTuple, Protocol

import msgspec

from ranvier.fabric.migration import log_move
from ranvier.fabric.migration.progress import Progress
from ranvier.fabric.migration.sides import GraphTeller, SeriesTeller, Side
from ranvier.fabric.ports import FOREVER_NS, SeriesQuery
from ranvier.fabric.snapshot import Node, Relation

NOW_NS = FOREVER_NS
TIMES = 4
HISTORIES = 2_000
OBJECTS_AT_ONCE = 200


Sides = tuple[Side, Side]


class Row(NamedTuple):
    """One line of the comparison. Equal means the counts and the contents."""

    what: str
    source: int
    target: int
    equal: bool


class Bar(Protocol):
    """Where progress is shown."""

    def begin(self, what: str, total: int) -> None:
        """A part begins, of so many."""
        ...

    def advance(self, count: int) -> None:
        """So many more of it are done."""
        ...


class Sum:
    """How many items, and a hash that does not depend on their order."""

    def __init__(self) -> None:
        self.count = self.total = 0

    def add(self, item: Any) -> None:
        """One more."""
        self.count += 1
        found = blake2b(msgspec.msgpack.encode(_plain(item)), digest_size=16).digest()
        self.total = (self.total + int.from_bytes(found)) % 2**128


def compare(
    source: Side, target: Side, kept: Progress, graph: GraphTeller, series: SeriesTeller, bar: Bar
) -> list[Row]:  # fmt: skip
    """One row for each thing that both sides must have alike."""
    bar.begin("log records compared", log_move.records_of(source.log, kept.bases))
    rows = _log(source, target, kept, bar.advance)
    sides, owners, scopes = (source, target), graph.scopes(), series.scopes()
    times = _some([*graph.recorded()[:-1], NOW_NS], TIMES)
    bar.begin("graph compared", len(owners) * (len(times) + 1))
    for owner in owners:
        rows += _graph(sides, owner, times, bar.advance)
        rows.append(_histories(sides, owner, graph.entities(*owner)))
        bar.advance(1)
    times = [*series.recorded(TIMES)[:-1], NOW_NS]
    bar.begin("series compared", len(scopes) * len(times))
    for scope in scopes:
        rows += _series(sides, scope, series.objects(*scope), times, bar.advance)
    return [*rows, *_offsets(source, target, kept)]


# ---------------------------------------------------------------- log
def _log(source: Side, target: Side, kept: Progress, tell: Callable[[int], None]) -> list[Row]:
    rows = []
    for topic in log_move.TOPICS:
        there = target.log.offsets(topic)
        for place, end in sorted(source.log.offsets(topic).items()):
            base = kept.base(*place)
            counts = end - base, there.get(place, 0)
            equal = counts[0] == counts[1] and log_move.digest(
                source.log, place, range(base, end), kept
            ) == log_move.digest(target.log, place, range(counts[1]), None)
            rows.append(Row(f"records of {topic}/{place[1]}", *counts, equal))
            tell(counts[0])
    return rows


def _offsets(source: Side, target: Side, kept: Progress) -> list[Row]:
    rows = []
    for name, here, there in (
        ("graph", source.graph.offsets(), target.graph.offsets()),
        ("series", source.series.offsets(), target.series.offsets()),
    ):
        meant = log_move.in_target(here, kept)
        rows.append(Row(f"offsets of the {name} sink", len(meant), len(there), meant == dict(there)))
    return rows


# ---------------------------------------------------------------- graph
def _graph(
    sides: Sides, owner: tuple[str, str], times: Sequence[int], tell: Callable[[int], None]
) -> list[Row]:  # fmt: skip
    rows, named = [], "/".join(owner)
    for known_at_ns in times:
        nodes, relations = zip(*(_whole(side, owner, known_at_ns) for side in sides), strict=True)
        rows.append(_row(f"nodes of {named}, as known {_time(known_at_ns)}", nodes))
        rows.append(_row(f"relations of {named}, as known {_time(known_at_ns)}", relations))
        tell(1)
    return rows


def _whole(side: Side, owner: tuple[str, str], known_at_ns: int) -> tuple[Sum, Sum]:
    """All that was believed to hold at that time, and what is believed of the present by then."""
    nodes, relations = Sum(), Sum()
    found = side.graph.snapshot(*owner, min(known_at_ns, NOW_NS - 1), known_at_ns)
    for node in found.nodes:
        nodes.add(_told(node))
    for relation in found.relations:
        relations.add(_told(relation))
    return nodes, relations


def _histories(sides: Sides, owner: tuple[str, str], ids: Sequence[str]) -> Row:
    some = _some(ids, HISTORIES)
    sums = []
    for side in sides:
        sums.append(entries := Sum())
        for node_id in some:
            for entry in side.graph.history(*owner, node_id, NOW_NS):
                entries.add(_told(entry))
    of = "" if len(some) == len(ids) else f" ({len(some)} of {len(ids)} nodes)"
    return _row(f"history entries of {'/'.join(owner)}{of}", sums)


def _told(entry: Node | Relation) -> tuple[Any, ...]:
    """What is believed; not since when, which may be dated earlier (see `graph.retelling`)."""
    names = (entry.node_id, entry.node_class) if isinstance(entry, Node) else (
        entry.source_id, entry.relation, entry.target_id
    )  # fmt: skip
    return (*names, entry.valid_from_ns, entry.valid_to_ns, sorted(entry.properties.items()))


# ---------------------------------------------------------------- series
def _series(
    sides: Sides, scope: tuple[str, str, str], objects: Sequence[str], times: Sequence[int],
    tell: Callable[[int], None],
) -> list[Row]:  # fmt: skip
    rows = []
    for known_at_ns in times:
        sums = [_points(side, scope, objects, known_at_ns) for side in sides]
        rows.append(_row(f"points of {'/'.join(scope)}, as known {_time(known_at_ns)}", sums))
        tell(1)
    return rows


def _points(side: Side, scope: tuple[str, str, str], objects: Sequence[str], known_at_ns: int) -> Sum:
    points = Sum()
    tenant, network, origin = scope
    for start in range(0, len(objects), OBJECTS_AT_ONCE):
        some = tuple(objects[start : start + OBJECTS_AT_ONCE])
        query = SeriesQuery(
            tenant, network, some, from_ns=-(2**62), known_at_ns=known_at_ns, origin=origin
        )  # fmt: skip
        frame = side.series.read(query)
        columns = (
            frame.object_ids, frame.quantities, frame.start_ns, frame.end_ns, frame.values,
            frame.recorded_at_ns, frame.suspect,
        )  # fmt: skip
        for row in zip(*(column.tolist() for column in columns), strict=True):
            points.add(row)
    return points


# ---------------------------------------------------------------- small things
def _row(what: str, sums: Iterable[Sum]) -> Row:
    source, target = sums
    return Row(what, source.count, target.count, (source.count, source.total) == (target.count, target.total))


def _time(known_at_ns: int) -> str:
    if known_at_ns == NOW_NS:
        return "now"
    return f"{datetime.fromtimestamp(known_at_ns / 1e9, UTC):%Y-%m-%d %H:%M:%S}"


def _some(items: Sequence[Any], most: int) -> list[Any]:
    """Up to `most` of them, evenly chosen, with the last."""
    if len(items) <= most:
        return list(items)
    return [items[(n + 1) * len(items) // most - 1] for n in range(most)]


def _plain(item: Any) -> Any:
    """With each number that is whole written as a whole one: a store may keep 2.0 as 2."""
    if isinstance(item, float) and item.is_integer() and abs(item) < 2**53:
        return int(item)
    if isinstance(item, list | tuple):
        return [_plain(each) for each in item]
    return item
