"""The timelines of a batch in memory: what begins, ends and is said, and what leaves no trace."""

from __future__ import annotations

from ranvier.fabric.graph.claims import Claim
from ranvier.fabric.graph.neo4j_lines import Fact, Line, Lines
from ranvier.fabric.graph.timeline import BY_SOURCE, REMOVE, UPSERT, Assertion, State
from ranvier.fabric.ports import FOREVER_NS

A, B = State(1, 10, 20, 0), State(1, 11, 20, 0)


def upsert(at_ns: int, state: State) -> Claim:
    return Claim(5, at_ns, UPSERT, state, BY_SOURCE, b"")


def remove(at_ns: int, state: State) -> Claim:
    return Claim(5, at_ns, REMOVE, state, BY_SOURCE, b"")


def _lines(*stored: Fact, last_ns: int | None = None) -> Lines:
    lines, line = Lines(turn=7), Line()
    lines.recorded_at_ns = 100
    for fact in stored:
        line.hold(fact)
        line.said[Assertion(fact.valid_from, UPSERT, fact.state)] = True
    if last_ns is not None:
        line.last_ns = last_ns
    lines.of[5] = line
    return lines


def runs(lines: Lines) -> list[tuple[int, int, State]]:
    return sorted((fact.valid_from, fact.valid_to, fact.state) for fact in lines.begun.values())


def test_a_handover_ends_the_stored_fact_and_begins_two() -> None:
    stored = Fact(5, A, 10, FOREVER_NS, 50, 3)
    lines = _lines(stored, last_ns=10)
    assert lines.take(upsert(20, B))
    assert lines.ended == [stored._replace(superseded_at=100)]
    assert runs(lines) == [(10, 20, A), (20, FOREVER_NS, B)]


def test_what_begins_and_ends_in_one_batch_leaves_only_its_last_form() -> None:
    lines = _lines()
    assert [lines.take(claim) for claim in (upsert(10, A), upsert(20, B), remove(30, B))] == [True] * 3
    assert lines.ended == []
    assert runs(lines) == [(10, 20, A), (20, 30, B)]


def test_a_confirmation_is_said_but_alters_nothing() -> None:
    lines = _lines(Fact(5, A, 10, FOREVER_NS, 50, 3), last_ns=10)
    assert not lines.take(upsert(20, A))
    assert (runs(lines), lines.ended, len(lines.said)) == ([], [], 1)


def test_the_same_again_is_not_even_said() -> None:
    lines = _lines(Fact(5, A, 10, FOREVER_NS, 50, 3), last_ns=10)
    assert not lines.take(upsert(10, A))
    assert (runs(lines), lines.ended, lines.said) == ([], [], [])


def test_a_late_change_takes_its_stretch_and_no_more() -> None:
    first, second = Fact(5, A, 10, 30, 50, 3), Fact(5, A, 40, FOREVER_NS, 50, 3)
    lines = _lines(first, second, last_ns=40)
    lines.of[5].said[Assertion(30, REMOVE, A)] = True
    assert lines.take(upsert(20, B))
    assert lines.ended == [first._replace(superseded_at=100)]
    assert runs(lines) == [(10, 20, A), (20, 40, B)], "a removal of A does not end B"


def test_a_correction_at_one_instant_overrules_what_stood() -> None:
    lines = _lines(Fact(5, A, 10, FOREVER_NS, 50, 3), last_ns=10)
    assert lines.take(upsert(10, B))
    assert [said.state for _, said in lines.overruled] == [A]
    assert runs(lines) == [(10, FOREVER_NS, B)]
