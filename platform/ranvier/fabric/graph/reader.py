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

from ranvier.fabric.graph.intervals import path
from ranvier.fabric.graph.schema import CATEGORY, END, SELF, place
from ranvier.fabric.ports import FOREVER_NS
from ranvier.fabric.snapshot import Node, Relation

_FACT = "f.id, f.slot, f.category, f.a, f.b, f.digest, f.valid_from, f.valid_to, f.recorded_at"
_FORKS = ", ".join("?" for _ in path(0))
_STAB = """
FROM json_each(?) AS p
CROSS JOIN {arc} AS v ON v.place = p.value AND v.fork IN ({forks}) AND v.low <= ?
CROSS JOIN fact AS f ON f.id = v.fact
WHERE v.high > ?
"""
_BY_VALID = f"SELECT DISTINCT {_FACT} {_STAB.format(arc='valid_arc', forks=_FORKS)} AND f.recorded_at <= ?"
_BY_KNOWN = (
    f"SELECT DISTINCT {_FACT} {_STAB.format(arc='known_arc', forks=_FORKS)}"
    " AND f.valid_from <= ? AND f.valid_to > ?"
)
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
        found = self._rows(
            _BY_VALID, (json.dumps(places), *path(self._as_of), self._as_of, self._as_of, self._known_at)
        )
        return found + self._believed(places)

    def _believed(self, places: list[int]) -> list[Row]:
        if not self._past:
            return []
        known = self._known_at
        return self._rows(
            _BY_KNOWN, (json.dumps(places), *path(known), known, known, self._as_of, self._as_of)
        )

    def _rows(self, query: str, parameters: Sequence[Any]) -> list[Row]:
        return [Row(*row) for row in self._connection.execute(query, parameters)]

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
        wanted = json.dumps(list(set(entities)))
        query = "SELECT e.id, e.name FROM json_each(?) AS w CROSS JOIN entity AS e ON e.id = w.value"
        return dict(self._connection.execute(query, (wanted,)).fetchall())

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
