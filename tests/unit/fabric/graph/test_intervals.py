"""The backbone of the interval tree: every interval is found from every instant in it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ranvier.fabric.graph.intervals import HEIGHT, OPEN_FORK, RESOLUTION_BITS, fork, path

INSTANTS = st.integers(-(2**63), 2**63 - 2) | st.integers(1_700_000_000 * 10**9, 1_700_001_000 * 10**9)


@given(INSTANTS, INSTANTS, st.floats(0, 1))
def test_the_path_of_any_instant_of_an_interval_holds_its_fork(one: int, other: int, share: float) -> None:
    low, high = min(one, other), max(one, other) + 1
    inside = min(high - 1, low + int(share * (high - 1 - low)))
    assert fork(low, high) in path(inside)
    assert fork(low, high) in path(low)
    assert fork(low, high) in path(high - 1)


@given(INSTANTS, INSTANTS)
def test_an_interval_contains_its_fork_so_what_shares_one_overlaps(one: int, other: int) -> None:
    low, high = min(one, other), max(one, other) + 1
    offset = 1 << (HEIGHT - 1)
    first, last = (low >> RESOLUTION_BITS) + offset, ((high - 1) >> RESOLUTION_BITS) + offset
    assert first <= fork(low, high) <= last


@given(INSTANTS)
def test_a_path_is_short_and_looks_at_open_intervals_too(instant: int) -> None:
    assert len(path(instant)) == HEIGHT + 2
    assert path(instant)[0] == OPEN_FORK
