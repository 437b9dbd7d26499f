"""Applies changes to the tables, within one transaction that `sqlite.py` opens and ends.

change ► Names ► Claim ─┬─ in order: advance the slot's tail (held in memory)
                        └─ late:     revise the stretch of the timeline that it changes
facts begun and ended are gathered and written together by `flush`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from itertools import chain
from operator import attrgetter
from typing import NamedTuple

from ranvier.fabric.graph import timeline
from ranvier.fabric.graph.claims import Claim, resolve
from ranvier.fabric.graph.intervals import OPEN_FORK, fork
from ranvier.fabric.graph.names import Cache, Names
from ranvier.fabric.graph.rows import insert
from ranvier.fabric.graph.schema import CATEGORY, END, SELF, place
from ranvier.fabric.graph.timeline import UPSERT, Assertion, Run, State
from ranvier.fabric.ports import FOREVER_NS
from ranvier.fabric.topology_change import TopologyChange
from ranvier.ontology.ontology import Ontology

_BEFORE_ALL = -(2**63)


class Fact(NamedTuple):
    """One row of the table `fact` that is current knowledge."""

    id: int
    slot: int
    category: int
    a: int
    b: int
    digest: int
    valid_from: int
    valid_to: int
    recorded_at: int
    superseded_at: int = FOREVER_NS

    @property
    def state(self) -> State:
        """What holds."""
        return State(self.category, self.a, self.b, self.digest)

    @property
    def run(self) -> Run:
        """The fact without its knowledge."""
        return Run(self.valid_from, self.valid_to, self.state)


class Tail:
    """The end of a slot's timeline: its open fact, if any, and the last instant that it speaks of."""

    __slots__ = ("fact", "last_ns")

    def __init__(self, fact: Fact | None, last_ns: int) -> None:
        self.fact, self.last_ns = fact, last_ns


class Writer:
    """Holds the tails of the slots that changed last, and what is to be written."""

    def __init__(self, connection: sqlite3.Connection, ontology: Ontology) -> None:
        self._connection = connection
        self._ontology = ontology
        self._names = Names(connection)
        self._tails: Cache[int, Tail] = Cache(100_000)
        self._touched: dict[int, Tail] = {}
        self._next_fact = 0
        self._recorded_at = 0
        self._begun: dict[int, Fact] = {}
        self._ended: list[Fact] = []
        self._assertions: list[tuple[int, ...]] = []
        self._bodies: set[tuple[int, int, bytes]] = set()

    def forget(self) -> None:
        """Drop all that memory holds: after a rollback, or when another connection has written."""
        self._names.clear()
        self._tails.clear()
        self._touched.clear()
        self._begun.clear()
        self._ended.clear()
        self._assertions.clear()
        self._bodies.clear()
        row = self._connection.execute("SELECT coalesce(max(id), 0) FROM fact").fetchone()
        self._next_fact = row[0] + 1

    def apply(self, changes: Iterable[TopologyChange], recorded_at_ns: int) -> int:
        """Take all changes into the timelines; how many altered one. Sorting spares late changes."""
        self._recorded_at = recorded_at_ns
        altered = 0
        ordered = sorted(changes, key=attrgetter("valid_from_ns"))
        claims, new_slots = resolve(ordered, self._names, self._ontology)
        self._touched = {slot: Tail(None, _BEFORE_ALL) for slot in new_slots}
        for claim in claims:
            tail = self._touched.get(claim.slot) or self._tail(claim.slot)
            if claim.at_ns > tail.last_ns:
                altered += self._advance(claim, tail)
            else:
                altered += self._revise(claim)
        self.flush()
        self._tails.put_all(self._touched)
        self._touched.clear()
        return altered

    def _tail(self, slot: int) -> Tail:
        # A slot of this batch stays at hand until the batch is written: the tables do not know it yet.
        tail = self._touched[slot] = self._tails[slot] or self._load_tail(slot)
        return tail

    def _load_tail(self, slot: int) -> Tail:
        last = self._connection.execute(
            "SELECT max(at_ns) FROM assertion WHERE slot = ?", (slot,)
        ).fetchone()[0]
        if last is None:
            return Tail(None, _BEFORE_ALL)
        facts = self._current(slot, _BEFORE_ALL, FOREVER_NS, "DESC LIMIT 1")
        open_fact = facts[0] if facts and facts[0].valid_to == FOREVER_NS else None
        return Tail(open_fact, last)

    # ------------------------------------------------------------ in order
    def _advance(self, claim: Claim, tail: Tail) -> bool:
        slot, at_ns, op, stated, matching, _ = claim
        self._say(claim)
        tail.last_ns = at_ns
        fact = tail.fact
        before = fact.state if fact else None
        after = stated if op == UPSERT else timeline.fold(before, (claim.assertion,), matching)
        if after == before:
            return False
        if fact:
            self._end(fact)
            self._begin(slot, fact.state, fact.valid_from, at_ns)
        tail.fact = self._begin(slot, after, at_ns, FOREVER_NS) if after else None
        return True

    # ------------------------------------------------------------ late
    def _revise(self, claim: Claim) -> bool:
        self.flush()
        slot, new = claim.slot, claim.assertion
        said = self._assertions_at(slot, new.at_ns)
        if any(assertion == new for assertion, _ in said):
            return False
        self._overrule(claim, [assertion for assertion, live in said if live])
        self._say(claim)
        self.flush()
        until = self._next_upsert(slot, new.at_ns)
        old = self._current(slot, self._start_before(slot, new.at_ns), until, "")
        stretch = self._live_between(slot, new.at_ns, until)
        wanted = timeline.revised([fact.run for fact in old], stretch, until, claim.matching)
        altered = self._replace(slot, old, wanted)
        self.flush()
        self._tails.drop(slot)
        self._touched.pop(slot, None)
        return altered

    def _overrule(self, claim: Claim, said: list[Assertion]) -> None:
        for other in timeline.overruled(claim.assertion, said, claim.matching):
            self._connection.execute(
                "UPDATE assertion SET live = 0 WHERE slot = ? AND at_ns = ? AND op = ?"
                " AND category = ? AND a = ? AND b = ? AND digest = ?",
                (claim.slot, other.at_ns, other.op, *other.state),
            )

    def _replace(self, slot: int, old: list[Fact], wanted: list[Run]) -> bool:
        kept = {fact.run for fact in old} & set(wanted)
        for fact in old:
            if fact.run not in kept:
                self._end(fact)
        for run in wanted:
            if run not in kept:
                self._begin(slot, run.state, run.from_ns, run.to_ns)
        return len(kept) < max(len(old), len(wanted))

    def _assertions_at(self, slot: int, at_ns: int) -> list[tuple[Assertion, int]]:
        rows = self._connection.execute(
            "SELECT at_ns, op, category, a, b, digest, live FROM assertion WHERE slot = ? AND at_ns = ?",
            (slot, at_ns),
        )
        return [(Assertion(row[0], row[1], State(*row[2:6])), row[6]) for row in rows]

    def _live_between(self, slot: int, from_ns: int, to_ns: int) -> list[Assertion]:
        rows = self._connection.execute(
            "SELECT at_ns, op, category, a, b, digest FROM assertion"
            " WHERE slot = ? AND at_ns >= ? AND at_ns < ? AND live ORDER BY at_ns",
            (slot, from_ns, to_ns),
        )
        return [Assertion(row[0], row[1], State(*row[2:])) for row in rows]

    def _next_upsert(self, slot: int, after_ns: int) -> int:
        row = self._connection.execute(
            "SELECT at_ns FROM assertion WHERE slot = ? AND at_ns > ? AND op = ? AND live"
            " ORDER BY at_ns LIMIT 1",
            (slot, after_ns, UPSERT),
        ).fetchone()
        return int(row[0]) if row else FOREVER_NS

    def _start_before(self, slot: int, at_ns: int) -> int:
        row = self._connection.execute(
            "SELECT max(valid_from) FROM fact WHERE slot = ? AND superseded_at = ? AND valid_from < ?",
            (slot, FOREVER_NS, at_ns),
        ).fetchone()
        return _BEFORE_ALL if row[0] is None else int(row[0])

    def _current(self, slot: int, from_ns: int, to_ns: int, order: str) -> list[Fact]:
        """Facts of current knowledge that begin in [from_ns, to_ns]."""
        rows = self._connection.execute(
            "SELECT id, category, a, b, digest, valid_from, valid_to, recorded_at FROM fact"
            " WHERE slot = ? AND superseded_at = ? AND valid_from BETWEEN ? AND ?"
            f" ORDER BY valid_from {order}",
            (slot, FOREVER_NS, from_ns, to_ns),
        )
        return [Fact(row[0], slot, *row[1:]) for row in rows]

    # ------------------------------------------------------------ gathering and writing
    def _say(self, claim: Claim) -> None:
        slot, at_ns, op, state, _, body = claim
        self._assertions.append((slot, at_ns, op, *state, 1))
        if body:
            self._bodies.add((slot, state.digest, body))

    def _begin(self, slot: int, state: State, from_ns: int, to_ns: int) -> Fact:
        fact = Fact(self._next_fact, slot, *state, from_ns, to_ns, self._recorded_at)
        self._next_fact += 1
        self._begun[fact.id] = fact
        return fact

    def _end(self, fact: Fact) -> None:
        # What begins and ends in one batch was never known to anyone: it leaves no row.
        if self._begun.pop(fact.id, None) is None:
            self._ended.append(fact)

    def flush(self) -> None:
        """Write what was gathered."""
        if not self._assertions and not self._begun and not self._ended:
            return
        connection, facts = self._connection, list(self._begun.values())
        insert(connection, "INSERT OR IGNORE INTO body", list(self._bodies))
        insert(connection, "INSERT INTO assertion", self._assertions)
        self._write_ended()
        insert(connection, "INSERT INTO fact", facts)
        insert(connection, "INSERT INTO valid_arc", sorted(chain.from_iterable(map(_valid_arcs, facts))))
        self._begun.clear()
        self._ended.clear()
        self._assertions.clear()
        self._bodies.clear()

    def _write_ended(self) -> None:
        if not self._ended:
            return
        many, now = self._connection.executemany, self._recorded_at
        many(
            "DELETE FROM valid_arc WHERE place = ? AND fork = ? AND low = ? AND high = ? AND fact = ?",
            chain.from_iterable(map(_valid_arcs, self._ended)),
        )
        never = [fact for fact in self._ended if fact.recorded_at >= now]
        known = [fact for fact in self._ended if fact.recorded_at < now]
        many("DELETE FROM fact WHERE id = ?", [(fact.id,) for fact in never])
        many("UPDATE fact SET superseded_at = ? WHERE id = ?", [(now, fact.id) for fact in known])
        insert(
            self._connection, "INSERT INTO known_arc",
            list(chain.from_iterable(_known_arcs(fact, now) for fact in known)),
        )  # fmt: skip


def _valid_arcs(fact: Fact) -> list[tuple[int, int, int, int, int]]:
    """Where a fact of current knowledge is found by valid time; a node by itself is found in `fact_slot`."""
    identity, slot, category, a, b, _, low, high, *_ = fact
    node = OPEN_FORK if high == FOREVER_NS else fork(low, high)
    arcs = [(place(category, CATEGORY), node, low, high, identity)]
    if slot > 0:
        arcs.append((place(a, END), node, low, high, identity))
        if a != b:
            arcs.append((place(b, END), node, low, high, identity))
    return arcs


def _known_arcs(fact: Fact, superseded_at: int) -> list[tuple[int, int, int, int, int]]:
    """Where a superseded fact is found by the time over which it was believed."""
    low, high = fact.recorded_at, superseded_at
    node = fork(low, high)
    places = [where for where, *_ in _valid_arcs(fact)]
    if fact.slot < 0:
        places.append(place(fact.a, SELF))
    return [(where, node, low, high, fact.id) for where in places]
