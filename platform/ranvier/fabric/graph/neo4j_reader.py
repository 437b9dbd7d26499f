"""Reads at a point of both times, all of one piece whatever is written meanwhile, without a lock.

Neo4j lets a query see half of another's transaction. So a read is pinned to a turn (a batch's number):
what later turns began it passes over, and what they took away it finds again, as they leave a copy of it
(superseded or undone) marked with their turn. A query that follows in the same session sees at least what
the one before saw, wholly applied, so the copies are looked for after the data:

    state (turn) ► data … ► state again: nothing has changed ──► the answer
                                         else the same once more, mending what each query finds
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec

from ranvier.fabric.graph import neo4j_reading as reading
from ranvier.fabric.graph.intervals import OPEN_FORK, path
from ranvier.fabric.graph.neo4j_driver import Run
from ranvier.fabric.graph.neo4j_names import key
from ranvier.fabric.graph.neo4j_reading import NOTHING, Row, State
from ranvier.fabric.graph.neo4j_rows import category_key
from ranvier.fabric.ports import FOREVER_NS
from ranvier.fabric.snapshot import Node, Relation
from ranvier.ontology.errors import StoreBusy

T = TypeVar("T")
_ATTEMPTS = 20


class Whose(NamedTuple):
    """Which network of which platform."""

    space: str
    tenant: str
    network: str


class Reader:
    """One read. Use `answer`, and within its plan the methods `of_...`."""

    def __init__(self, run: Run, whose: Whose, as_of_ns: int, known_at_ns: int) -> None:
        self._run = run
        self._space, self._scope = whose.space, key(*whose)
        # FOREVER marks the end of what is open, so the last instant that can be asked for is before it.
        self._as_of = min(as_of_ns, FOREVER_NS - 1)
        self._known_at = min(known_at_ns, FOREVER_NS - 1)
        self._state = NOTHING
        self._mending = False
        self._taken: dict[tuple[str, int], Row] = {}
        self._touched: set[str] = set()

    def answer(self, plan: Callable[[Reader], T]) -> T:
        """What `plan` makes of one state of the graph."""
        self._state = self._look(self._state)
        found = plan(self)
        if self._look(self._state) == self._state and not self._touched:
            return found
        for _ in range(_ATTEMPTS):
            self._settle()
            found = plan(self)
            if self._look(self._state).swept <= self._state.turn:
                return found
        raise StoreBusy(
            f"that a read ends while {len(self._touched)} facts change",
            "more batches than are kept for readers", "write larger batches, or read less at once",
        )  # fmt: skip

    def _look(self, pinned: State) -> State:
        """The state as it is; also takes note of what changed since the pinned one."""
        turn = pinned.turn if pinned is not NOTHING else FOREVER_NS
        rows = self._run(
            reading.STATE,
            {"space": self._space, "scope": self._scope, "turn": turn, "forever": FOREVER_NS},
        )
        if not rows or not isinstance(rows[0][0], int):
            return NOTHING
        taken = [Row(*row) for row in rows[1:]]
        self._taken = {(row.slot, row.valid_from): row for row in taken}
        self._touched = {row.slot for row in taken}
        return State.of(rows[0])

    def _settle(self) -> None:
        """Pin a state that is wholly applied: one seen twice running."""
        self._mending = True
        state = self._look(NOTHING)
        while (again := self._look(NOTHING)) != state:
            state = again
        self._state = state

    # ------------------------------------------------------------ fetching
    def _fetch(
        self, text: str, keys: Sequence[str], until_ns: int, belongs: Callable[[Row], bool], **more: Any
    ) -> list[Row]:
        """The rows of a query; those of slots that changed meanwhile as they were at the pinned turn.

        `until_ns`: the last end of what has ended there. `belongs`: whether the query asks for a fact.
        """
        past, known_at = self._as_of < until_ns, self._known_at
        revised = known_at < self._state.recorded_at
        parameters = {
            "keys": keys, "as_of": self._as_of, "known_at": known_at, "turn": self._state.turn,
            "valid_forks": [node for node in path(self._as_of) if node != OPEN_FORK] if past else [],
            "known_forks": [node for node in path(known_at) if node != OPEN_FORK] if revised else [],
            "forever": FOREVER_NS, "first": -(2**63), **more,
        }  # fmt: skip
        found = [Row(*row) for row in self._run(text, parameters)] if keys else []
        if self._mending:
            self._look(self._state)
            found = [row for row in found if not (row.is_now and row.slot in self._touched)]
            found += [row for row in self._taken.values() if row.recorded_at <= known_at and belongs(row)]
        # A relation is found at either end.
        return list({(row.slot, row.valid_from): row for row in found}.values())

    def _holds(self, row: Row) -> bool:
        return row.valid_from <= self._as_of < row.valid_to

    def of_nodes(self, keys: Iterable[str]) -> list[Row]:
        """The facts of these nodes."""
        wanted = set(keys)
        until = self._state.nodes_until
        return self._fetch(
            reading.OF_NODES, sorted(wanted), until, lambda row: row.slot in wanted and self._holds(row)
        )

    def of_ends(self, keys: Iterable[str]) -> list[Row]:
        """The facts of the relations that these nodes take part in."""
        wanted = set(keys)
        return self._fetch(
            reading.OF_ENDS, sorted(wanted), self._state.relations_until,
            lambda row: self._holds(row) and row.target is not None and not wanted.isdisjoint(row[2:5:2]),
        )  # fmt: skip

    def between(self, keys: Iterable[str]) -> list[Row]:
        """The facts of the relations among these nodes."""
        wanted = set(keys)
        return self._fetch(
            reading.BETWEEN, sorted(wanted), self._state.relations_until,
            lambda row: self._holds(row) and row.target in wanted and row.source in wanted,
        )  # fmt: skip

    def of_classes(self, classes: Sequence[str] | None) -> list[Row]:
        """The facts of nodes of these classes, or of all."""
        wanted = self._classes(classes)
        return self._fetch(
            reading.OF_CLASSES, self._categories(wanted), self._state.nodes_until,
            lambda row: row.target is None and row.name in wanted and self._holds(row),
        )  # fmt: skip

    def page(self, node_class: str | None, after: str, limit: int) -> list[Row]:
        """The first facts of nodes of this class, or of all, whose id comes after `after`; in order of it.

        More than `limit` may come. Fewer mean that there are no more.
        """
        wanted = self._classes(None if node_class is None else (node_class,))
        asked = limit
        while True:
            found = self._fetch(
                reading.PAGE, self._categories(wanted), self._state.nodes_until,
                lambda row: (
                    row.target is None and row.name in wanted and row.source_id > after and self._holds(row)
                ),
                after=after, limit=asked,
            )  # fmt: skip
            if not self._mending or len(found) >= limit or asked > limit + len(self._touched):
                return sorted(found, key=lambda row: row.source_id)[:limit]
            asked = limit + len(self._touched) + 1

    def relations_from(self, nodes: Sequence[Row]) -> list[Row]:
        """The facts of the relations that begin at these nodes, which `of_classes` gave."""
        categories = self._categories({row.name for row in nodes if row.is_now})
        gone = [row.source for row in nodes if not row.is_now]
        relations = category_key(self._scope, None)
        until = self._state.relations_until
        beside = self._fetch(reading.RELATIONS_BESIDE, [relations], until, lambda _: False)
        now = self._fetch(
            reading.RELATIONS_NOW, categories or [""], until,
            lambda row: row.target is not None and self._holds(row), gone=gone,
        )  # fmt: skip
        return list({(row.slot, row.valid_from): row for row in (*beside, *now)}.values())

    def history(self, entity: str) -> list[Row]:
        """What was known of a node and its relations, over all valid time."""
        return self._fetch(
            reading.HISTORY, [entity], FOREVER_NS, lambda row: entity in (row.slot, row.source, row.target)
        )

    def entity(self, node_id: str) -> str:
        """The key of a node's id."""
        return key(self._scope, node_id)

    def _classes(self, classes: Sequence[str] | None) -> set[str]:
        known = set(self._state.classes)
        return known if classes is None else known & set(classes)

    def _categories(self, classes: Iterable[str]) -> list[str]:
        return [category_key(self._scope, name) for name in sorted(classes)]


# ------------------------------------------------------------ facts in words
def nodes(rows: Iterable[Row]) -> tuple[Node, ...]:
    """Node facts as `Node`, in order of id."""
    found = [
        Node(
            row.source_id, row.name, _properties(row.body),
            row.valid_from, _end(row.valid_to), row.recorded_at,
        )
        for row in rows
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda node: (node.node_id, node.valid_from_ns)))


def relations(rows: Iterable[Row]) -> tuple[Relation, ...]:
    """Relation facts as `Relation`, in order of name and ends."""
    found = [
        Relation(
            row.name, row.source_id, row.target_id or "", _properties(row.body),
            row.valid_from, _end(row.valid_to), row.recorded_at,
        )
        for row in rows
    ]  # fmt: skip
    found.sort(key=lambda item: (item.relation, item.source_id, item.target_id, item.valid_from_ns))
    return tuple(found)


def _end(valid_to: int) -> int | None:
    return None if valid_to == FOREVER_NS else valid_to


def _properties(body: str | None) -> dict[str, Any]:
    return {} if body is None else msgspec.json.decode(body, type=dict[str, Any])
