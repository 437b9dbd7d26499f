"""Reads at a point of both times, all of one piece whatever is written meanwhile, without a lock.

Neo4j lets a query see half of another's transaction. So a read is pinned to a turn (a batch's number):
what later turns began it passes over, and what they took away it finds again, as they leave a copy of it
(superseded or undone) marked with their turn. A query that follows in the same session sees at least what
the one before saw, wholly applied, so the copies are looked for after the data:

    state (turn) ► data … ► state again: nothing has changed ──► the answer
                                         else the same once more, mending what each query finds
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec

from ranvier.fabric.graph import neo4j_reading as reading
from ranvier.fabric.graph.intervals import OPEN_FORK, path
from ranvier.fabric.graph.neo4j_driver import Run
from ranvier.fabric.graph.neo4j_names import key
from ranvier.fabric.graph.neo4j_reading import NOTHING, Row, State
from ranvier.fabric.graph.neo4j_rows import category_key
from ranvier.fabric.ports import FOREVER_NS
from ranvier.fabric.snapshot import Node, Relation, Snapshot
from ranvier.ontology.errors import StoreBusy

T = TypeVar("T")
_ATTEMPTS = 20
_DECODER = msgspec.json.Decoder(dict[str, Any])


class Whose(NamedTuple):
    """Which network of which platform."""

    space: str
    tenant: str
    network: str


class Reader:
    """One read. Use `answer`, and within its plan the methods `of_...`."""

    def __init__(self, run: Run, whose: Whose, point: tuple[int, int], confirmed: dict[str, State]) -> None:
        """Read at `point` (as of, known at). `confirmed` keeps the last state seen of each network."""
        as_of_ns, known_at_ns = point
        self._run, self._confirmed = run, confirmed
        self._space, self._scope = whose.space, key(*whose)
        # FOREVER marks the end of what is open, so the last instant that can be asked for is before it.
        self._as_of = min(as_of_ns, FOREVER_NS - 1)
        self._known_at = min(known_at_ns, FOREVER_NS - 1)
        self._state = NOTHING
        self._mending = False
        self._is_torn = False
        self._taken: dict[tuple[str, int], Row] = {}
        self._touched: set[str] = set()

    def answer(self, plan: Callable[[Reader], T]) -> T:
        """What `plan` makes of one state of the graph."""
        pinned = self._state = self._confirmed.get(self._scope) or self._look(NOTHING)
        found = plan(self)
        now = self._look(pinned, reading.STATE_AND_ANY)
        if now == pinned and not self._touched and not self._is_torn:
            self._confirmed[self._scope] = now
            return found
        for _ in range(_ATTEMPTS):
            self._settle()
            self._is_torn = False
            found = plan(self)
            if self._look(self._state).swept <= self._state.turn and not self._is_torn:
                return found
        raise StoreBusy(
            f"that a read ends while {len(self._touched)} facts change",
            "more batches than are kept for readers", "write larger batches, or read less at once",
        )  # fmt: skip

    def _look(self, pinned: State, text: str = reading.STATE) -> State:
        """The state as it is; also takes note of what changed since the pinned one."""
        turn = pinned.turn if pinned is not NOTHING else FOREVER_NS
        rows = self._rows(text, {"space": self._space, "scope": self._scope, "turn": turn})
        state = State.of(rows.pop(0)) if rows and isinstance(rows[0][0], int) else NOTHING
        taken = [Row(*row) for row in rows]
        self._taken = {(row.slot, row.valid_from): row for row in taken}
        self._touched = {row.slot for row in taken}
        return state

    def _rows(self, text: str, parameters: Mapping[str, Any]) -> list[list[Any]]:
        records = self._run(text, {"forever": FOREVER_NS, "first": -(2**63), **parameters})
        return [row for (rows,) in records for row in rows]

    def _settle(self) -> None:
        """Pin a state that is wholly applied: one seen twice running."""
        self._mending = True
        state = self._look(NOTHING)
        while (again := self._look(NOTHING)) != state:
            state = again
        self._state = self._confirmed[self._scope] = state

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
            **more,
        }  # fmt: skip
        read = [Row(*row) for row in self._rows(text, parameters)]
        found = [row for row in read if not _torn(row)]
        self._is_torn |= len(found) < len(read)
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

    def around(self, keys: Iterable[str]) -> list[Row]:
        """The facts of these nodes, and of the relations that they take part in."""
        wanted = set(keys)
        return self._fetch(
            reading.AROUND, sorted(wanted), self._until,
            lambda row: self._holds(row) and not wanted.isdisjoint((row.source, row.target)),
        )  # fmt: skip

    def among(self, keys: Iterable[str], ends: Iterable[str]) -> list[Row]:
        """The facts of the nodes `keys`, and of the relations among the nodes `ends`, which hold `keys`."""
        wanted, both = set(keys), set(ends)
        return self._fetch(
            reading.AMONG, sorted(wanted), self._until,
            lambda row: self._holds(row) and (
                row.source in wanted if row.target is None else row.source in both and row.target in both
            ),
            all=sorted(both),
        )  # fmt: skip

    @property
    def _until(self) -> int:
        return max(self._state.nodes_until, self._state.relations_until)

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
                    row.target is None
                    and row.name in wanted
                    and (row.source_id or "") > after
                    and self._holds(row)
                ),
                after=after, limit=asked,
            )  # fmt: skip
            if not self._mending or len(found) >= limit or asked > limit + len(self._touched):
                return sorted(found, key=lambda row: row.source_id or "")[:limit]
            asked = limit + len(self._touched) + 1

    def relations_from(self, nodes: Sequence[Row]) -> list[Row]:
        """The facts of the relations that begin at these nodes, which `of_classes` gave."""
        categories = self._categories({row.name for row in nodes if row.is_now})
        gone = [row.source for row in nodes if not row.is_now]
        relations = category_key(self._scope, None)
        until = self._state.relations_until
        beside = self._fetch(reading.RELATIONS_BESIDE, [relations], until, lambda _: False)
        now = self._fetch(
            reading.RELATIONS_NOW, categories, until,
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


def _torn(row: Row) -> bool:
    """Whether a row was read while another's transaction deleted or rewrote what it stands for."""
    required = (row.slot, row.name, row.source, row.valid_from, row.recorded_at)
    return row.is_now and (None in required or (row.target is None and row.source != row.slot))


# ------------------------------------------------------------ facts in words
def nodes(rows: Iterable[Row]) -> tuple[Node, ...]:
    """Node facts as `Node`, in order of id."""
    found = [
        Node(
            row.source_id or "", row.name, _properties(row.body),
            row.valid_from, _end(row.valid_to), row.recorded_at,
        )
        for row in rows
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda node: (node.node_id, node.valid_from_ns)))


def relations(rows: Iterable[Row], ids: Mapping[str, str]) -> tuple[Relation, ...]:
    """Relation facts as `Relation`, in order of name and ends. `ids`: those of nodes by key."""
    found = [
        Relation(
            row.name, row.source_id or ids[row.source], row.target_id or ids[row.target or ""],
            _properties(row.body), row.valid_from, _end(row.valid_to), row.recorded_at,
        )
        for row in rows
    ]  # fmt: skip
    found.sort(key=lambda item: (item.relation, item.source_id, item.target_id, item.valid_from_ns))
    return tuple(found)


def snapshot(as_of_ns: int, known_at_ns: int, present: Iterable[Row], between: Iterable[Row]) -> Snapshot:
    """The nodes `present`, and the relations whose ends both are."""
    there = list(present)
    ids = {row.source: row.source_id or "" for row in there}
    kept = (row for row in between if row.source in ids and row.target in ids)
    return Snapshot(as_of_ns, known_at_ns, nodes(there), relations(kept, ids))


def _end(valid_to: int) -> int | None:
    return None if valid_to == FOREVER_NS else valid_to


def _properties(body: str | None) -> dict[str, Any]:
    return {} if body is None else _DECODER.decode(body)
