"""One timeline: what a slot's assertions say of each instant. Pure.

A slot is what holds at most one state at a time: a node, a relation between two nodes, or the functional
end of a relation (the cell that serves a UE). Its history is a function of the *set* of its assertions,
so the order in which they arrive does not matter:

    assertions by instant ► fold ► runs of equal state

An upsert sets the state. A removal clears it, at a functional end only if the state is the relation
that it names: a late "cell A lets the UE go" does not end the service by cell B. At one instant an upsert
stands above removals.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

REMOVE, UPSERT = 0, 1
UNCONDITIONAL, BY_SOURCE, BY_TARGET = 0, 1, 2
"""What a removal must match in the state: nothing, the relation's source, or its target."""


class State(NamedTuple):
    """What a slot holds: ids of a category and of one or two entities, and a digest of the properties."""

    category: int
    a: int
    b: int
    digest: int


class Assertion(NamedTuple):
    """What one change says of its slot at one instant."""

    at_ns: int
    op: int
    state: State


class Run(NamedTuple):
    """A state over [from_ns, to_ns)."""

    from_ns: int
    to_ns: int
    state: State


def clears(removed: State, state: State | None, matching: int) -> bool:
    """Whether a removal of `removed` ends `state`."""
    return state is not None and (matching == UNCONDITIONAL or removed[matching] == state[matching])


def fold(prior: State | None, instant: Iterable[Assertion], matching: int) -> State | None:
    """The state from an instant on, given the state before it and what is asserted at it."""
    state = prior
    for assertion in instant:
        if assertion.op == UPSERT:
            return assertion.state
        if clears(assertion.state, state, matching):
            state = None
    return state


def runs(
    prior: State | None, assertions: Sequence[Assertion], until_ns: int, matching: int
) -> list[tuple[int, int, State | None]]:
    """The pieces from the first assertion to `until_ns`, one for each instant; assertions sorted by time."""
    instants = sorted({assertion.at_ns for assertion in assertions})
    pieces = []
    state = prior
    for at_ns, next_ns in zip(instants, [*instants[1:], until_ns], strict=True):
        state = fold(state, (item for item in assertions if item.at_ns == at_ns), matching)
        pieces.append((at_ns, next_ns, state))
    return pieces


def splice(old: Sequence[Run], pieces: Sequence[tuple[int, int, State | None]]) -> list[Run]:
    """`old` with the stretch that `pieces` cover replaced, and equal neighbours joined."""
    start, end = pieces[0][0], pieces[-1][1]
    parts: list[Run] = [
        Run(run.from_ns, min(run.to_ns, start), run.state) for run in old if run.from_ns < start
    ]
    parts += [Run(low, high, state) for low, high, state in pieces if state is not None]
    parts += [Run(max(run.from_ns, end), run.to_ns, run.state) for run in old if run.to_ns > end]
    joined: list[Run] = []
    for part in parts:
        if joined and joined[-1].to_ns == part.from_ns and joined[-1].state == part.state:
            joined[-1] = Run(joined[-1].from_ns, part.to_ns, part.state)
        else:
            joined.append(part)
    return joined


def overruled(new: Assertion, said: Iterable[Assertion], matching: int) -> list[Assertion]:
    """Which of the standing assertions of an instant fall to `new`, which is recorded after them.

    At one instant the latest recorded upsert stands, and a removal of it after it.
    """
    return [
        other
        for other in said
        if other.op == UPSERT and (new.op == UPSERT or clears(new.state, other.state, matching))
    ]


def revised(old: Sequence[Run], stretch: Sequence[Assertion], until_ns: int, matching: int) -> list[Run]:
    """The runs that replace `old` when a late assertion, the first of `stretch`, has been said.

    `stretch` holds the standing assertions from that instant to `until_ns`, the next upsert; `old` the runs
    from the last that began before it to the first that begins at `until_ns`.
    """
    at_ns = stretch[0].at_ns
    prior = next((run.state for run in old if run.from_ns < at_ns <= run.to_ns), None)
    return splice(old, runs(prior, stretch, until_ns, matching))
