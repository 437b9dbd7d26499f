"""Reads the tables at a point of both times.

What holds at (as_of, known_at) is a fact of current knowledge recorded by then, found by its valid time,
or a superseded one that was believed then, found by its time of belief and compared in valid time. Either
way the index is stabbed, so neither depends on how long the history is.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from ranvier.fabric.graph.intervals import OPEN_FORK, path
from ranvier.fabric.graph.schema import CATEGORY, END, SELF, place
from ranvier.fabric.ports import FOREVER_NS
from ranvier.fabric.snapshot import Node, Relation

_FACT = "f.id, f.slot, f.category, f.a, f.b, f.digest, f.valid_from, f.valid_to, f.recorded_at"
_FIND = """
SELECT {fact} FROM json_each(?) AS p
CROSS JOIN {arc} AS v ON v.place = p.value {forks} AND v.low <= ?
CROSS JOIN fact AS f ON f.id = v.fact
WHERE v.high > ? AND {more}
"""
_FEW = len(path(0))
_SPREAD = """
SELECT p.value, (SELECT count(*) FROM (SELECT 1 FROM {arc} WHERE place = p.value LIMIT ?)),
  (SELECT min(fork) FROM {arc} WHERE place = p.value AND fork >= 0),
  (SELECT max(fork) FROM {arc} WHERE place = p.value)
FROM json_each(?) AS p
"""
_LATEST = f"""
SELECT {_FACT} FROM json_each(?) AS e CROSS JOIN fact AS f ON f.id = (
  SELECT id FROM fact WHERE slot = -e.value AND superseded_at = {FOREVER_NS} AND valid_from <= ?
  ORDER BY valid_from DESC LIMIT 1)
WHERE f.valid_to > ? AND f.recorded_at <= ?
"""


class Row(NamedTuple):
    """One fact in keys."""

    id: int
    slot: int
    category: int
    a: int
    b: int
    digest: int
    valid_from: int
    valid_to: int
    recorded_at: int


class Point(NamedTuple):
    """Where in both times to read."""

    as_of_ns: int
    known_at_ns: int


class Reader:
    """Reads in one transaction of one connection, so that all that it answers is of one piece."""

    def __init__(self, connection: sqlite3.Connection, tenant: str, network: str, at: Point) -> None:
        self._connection = connection
        self._named: dict[int, str] = {}
        # FOREVER marks the end of what is open, so the last instant that can be asked for is before it.
        self._as_of = min(at.as_of_ns, FOREVER_NS - 1)
        self._known_at = min(at.known_at_ns, FOREVER_NS - 1)
        row = connection.execute(
            "SELECT id FROM scope WHERE tenant = ? AND network = ?", (tenant, network)
        ).fetchone()
        self._scope = int(row[0]) if row else 0
        clock = connection.execute("SELECT recorded_at FROM clock").fetchone()[0]
        self._past = self._known_at < clock

    def entity(self, node_id: str) -> int | None:
        """The key of a node's id."""
        row = self._connection.execute(
            "SELECT id FROM entity WHERE scope = ? AND name = ?", (self._scope, node_id)
        ).fetchone()
        return int(row[0]) if row else None

    def categories(self, kind: str, names: Sequence[str] | None = None) -> list[int]:
        """The keys of the node classes or relations of this network."""
        rows = self._connection.execute(
            "SELECT id, name FROM category WHERE scope = ? AND kind = ?", (self._scope, kind)
        )
        return [identity for identity, name in rows if names is None or name in names]

    # ------------------------------------------------------------ facts at the point
    def of_nodes(self, entities: Iterable[int]) -> list[Row]:
        """The facts of these nodes."""
        wanted = list(entities)
        found = self._rows(_LATEST, (json.dumps(wanted), self._as_of, self._as_of, self._known_at))
        return found + self._believed([place(entity, SELF) for entity in wanted])

    def of_categories(self, categories: Iterable[int]) -> list[Row]:
        """The facts of these node classes or relations."""
        return self._stab([place(category, CATEGORY) for category in categories])

    def of_ends(self, entities: Iterable[int]) -> list[Row]:
        """The facts of the relations that these nodes take part in."""
        return self._stab([place(entity, END) for entity in entities])

    def _stab(self, places: list[int]) -> list[Row]:
        at, known = self._as_of, self._known_at
        found = self._find("valid_arc", places, at, ("f.recorded_at <= ?", (known,)))
        return found + self._believed(places)

    def _believed(self, places: list[int]) -> list[Row]:
        if not self._past:
            return []
        at = self._as_of
        return self._find(
            "known_arc", places, self._known_at, ("f.valid_from <= ? AND f.valid_to > ?", (at, at))
        )

    def _find(self, arc: str, places: list[int], at: int, more: tuple[str, tuple[int, ...]]) -> list[Row]:
        """The facts of these places whose interval in `arc` contains `at`.

        A place of few arcs is looked through. In the others the forks on the way to `at` are looked up, at
        most some 36 however many arcs there are, and only those between the first and the last in use.
        """
        spread = self._connection.execute(_SPREAD.format(arc=arc), (_FEW, json.dumps(places))).fetchall()
        few = [where for where, count, *_ in spread if count < _FEW]
        many = [row for row in spread if row[1] >= _FEW]
        condition, values = more
        query = _FIND.format(fact=_FACT, arc=arc, forks="", more=condition)
        found = self._rows(query, (json.dumps(few), at, at, *values)) if few else []
        if many:
            low = min((first for *_, first, _ in many if first is not None), default=0)
            high = max(last for *_, last in many)
            forks = [fork for fork in path(at) if fork == OPEN_FORK or low <= fork <= high]
            among = "AND v.fork IN (SELECT value FROM json_each(?))"
            query = _FIND.format(fact=_FACT, arc=arc, forks=among, more=condition)
            wanted = json.dumps([where for where, *_ in many])
            found += self._rows(query, (wanted, json.dumps(forks), at, at, *values))
        # A relation is found at either end.
        return list({row.id: row for row in found}.values())

    def _rows(self, query: str, parameters: Sequence[Any]) -> list[Row]:
        rows = {row[0]: row for row in self._connection.execute(query, parameters)}
        return [Row(*row) for row in rows.values()]

    # ------------------------------------------------------------ facts of all valid time
    def history(self, entity: int) -> list[Row]:
        """What was known at `known_at` of a node and its relations, over all valid time."""
        known = self._known_at
        current = (
            f"SELECT {_FACT} FROM fact AS f WHERE f.slot = ? AND f.superseded_at = {FOREVER_NS}"
            " AND f.recorded_at <= ?"
        )
        related = (
            f"SELECT {_FACT} FROM valid_arc AS v CROSS JOIN fact AS f ON f.id = v.fact"
            " WHERE v.place = ? AND f.recorded_at <= ?"
        )
        rows = self._rows(current, (-entity, known)) + self._rows(related, (place(entity, END), known))
        if self._past:
            believed = (
                f"SELECT {_FACT} FROM known_arc AS v CROSS JOIN fact AS f ON f.id = v.fact"
                " WHERE v.place IN (?, ?) AND v.low <= ? AND v.high > ?"
            )
            rows += self._rows(believed, (place(entity, SELF), place(entity, END), known, known))
        return rows

    # ------------------------------------------------------------ facts in words
    def nodes(self, rows: Sequence[Row]) -> list[Node]:
        """Node facts as `Node`, in order of id."""
        texts, names, bodies = self._texts(rows), self._names(row.a for row in rows), self._bodies(rows)
        found = [
            Node(
                names[row.a], texts[row.category], _properties(bodies.get((row.slot, row.digest))),
                row.valid_from, _end(row.valid_to), row.recorded_at,
            )
            for row in rows
        ]  # fmt: skip
        return sorted(found, key=lambda node: (node.node_id, node.valid_from_ns))

    def relations(self, rows: Sequence[Row]) -> list[Relation]:
        """Relation facts as `Relation`, in order of name and ends."""
        texts, bodies = self._texts(rows), self._bodies(rows)
        names = self._names(end for row in rows for end in (row.a, row.b))
        found = [
            Relation(
                texts[row.category], names[row.a], names[row.b],
                _properties(bodies.get((row.slot, row.digest))),
                row.valid_from, _end(row.valid_to), row.recorded_at,
            )
            for row in rows
        ]  # fmt: skip
        return sorted(
            found, key=lambda item: (item.relation, item.source_id, item.target_id, item.valid_from_ns)
        )

    def _texts(self, rows: Sequence[Row]) -> dict[int, str]:
        wanted = json.dumps(list({row.category for row in rows}))
        query = "SELECT c.id, c.name FROM json_each(?) AS w CROSS JOIN category AS c ON c.id = w.value"
        return dict(self._connection.execute(query, (wanted,)).fetchall())

    def _names(self, entities: Iterable[int]) -> dict[int, str]:
        wanted = json.dumps(list(set(entities) - self._named.keys()))
        query = "SELECT e.id, e.name FROM json_each(?) AS w CROSS JOIN entity AS e ON e.id = w.value"
        self._named.update(self._connection.execute(query, (wanted,)).fetchall())
        return self._named

    def _bodies(self, rows: Sequence[Row]) -> dict[tuple[int, int], bytes]:
        wanted = json.dumps([row.id for row in rows if row.digest])
        query = (
            "SELECT b.slot, b.digest, b.properties FROM json_each(?) AS w"
            " CROSS JOIN fact AS f ON f.id = w.value"
            " CROSS JOIN body AS b ON b.slot = f.slot AND b.digest = f.digest"
        )
        return {(slot, digest): body for slot, digest, body in self._connection.execute(query, (wanted,))}


def _end(valid_to: int) -> int | None:
    return None if valid_to == FOREVER_NS else valid_to


def _properties(body: bytes | None) -> dict[str, Any]:
    return {} if body is None else msgspec.json.decode(body, type=dict[str, Any])
