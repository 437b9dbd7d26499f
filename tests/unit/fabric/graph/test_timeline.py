"""The one timeline: what a set of assertions says, and what a late one changes of it."""

from __future__ import annotations

from ranvier.fabric.graph.timeline import (
    BY_SOURCE,
    REMOVE,
    UNCONDITIONAL,
    UPSERT,
    Assertion,
    Run,
    State,
    fold,
    runs,
    splice,
)

A, B = State(1, 10, 99, 0), State(1, 20, 99, 0)


def test_a_removal_at_a_functional_end_clears_only_the_relation_that_it_names() -> None:
    assert fold(A, [Assertion(5, REMOVE, A)], BY_SOURCE) is None
    assert fold(B, [Assertion(5, REMOVE, A)], BY_SOURCE) == B
    assert fold(B, [Assertion(5, REMOVE, A)], UNCONDITIONAL) is None


def test_an_upsert_stands_above_removals_of_the_same_instant() -> None:
    both = [Assertion(5, REMOVE, A), Assertion(5, UPSERT, B)]
    assert fold(A, both, BY_SOURCE) == B
    assert fold(A, both[::-1], BY_SOURCE) == B


def test_a_removal_without_effect_gains_it_when_a_late_upsert_comes_before_it() -> None:
    assertions = [Assertion(7, UPSERT, A), Assertion(10, REMOVE, A)]
    assert runs(B, assertions, 20, BY_SOURCE) == [(7, 10, A), (10, 20, None)]
    assert runs(B, assertions[1:], 20, BY_SOURCE) == [(10, 20, B)]


def test_splicing_replaces_the_stretch_and_joins_equal_neighbours() -> None:
    old = [Run(0, 10, A), Run(10, 20, B), Run(20, 30, A)]
    assert splice(old, [(10, 20, A)]) == [Run(0, 30, A)]
    assert splice(old, [(5, 15, None)]) == [Run(0, 5, A), Run(15, 20, B), Run(20, 30, A)]
    assert splice(old, [(5, 8, B), (8, 10, A)]) == [
        Run(0, 5, A), Run(5, 8, B), Run(8, 10, A), Run(10, 20, B), Run(20, 30, A),
    ]  # fmt: skip
    assert splice([], [(5, 8, B)]) == [Run(5, 8, B)]
