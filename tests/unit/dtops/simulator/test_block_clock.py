"""Blocks: they cover a run once, and end where periods and interventions say, wherever the run was cut."""

from hypothesis import given
from hypothesis import strategies as st

from ranvier.dtops.simulator.block_clock import Block, blocks

SLOTS = st.integers(0, 500)


@given(SLOTS, SLOTS, st.integers(1, 50), st.integers(1, 200), st.lists(SLOTS, max_size=5))
def test_blocks_cover_each_slot_once_and_never_reach_over_a_boundary(
    first: int, length: int, measured: int, granularity: int, cuts: list[int]
) -> None:
    found = list(blocks(first, first + length, measured, granularity, cuts))
    assert [slot for block in found for slot in range(block.first, block.end)] == list(
        range(first, first + length)
    )
    for block in found:
        inner = range(block.first + 1, block.end)
        assert not any(slot % measured == 0 or slot % granularity == 0 or slot in cuts for slot in inner)


@given(st.integers(1, 400), st.integers(0, 400), st.integers(1, 50), st.integers(1, 200))
def test_measuring_and_reporting_do_not_depend_on_where_a_run_was_cut(
    end: int, cut: int, measured: int, granularity: int
) -> None:
    def marks(found: list[Block]) -> tuple[set[int], set[int]]:
        return {b.first for b in found if b.measures}, {b.end for b in found if b.reports}

    whole = list(blocks(0, end, measured, granularity))
    parts = list(blocks(0, min(cut, end), measured, granularity))
    parts += blocks(min(cut, end), end, measured, granularity)
    assert marks(parts) == marks(whole)
    assert marks(whole) == (
        {s for s in range(end) if s % measured == 0}, {s for s in range(1, end + 1) if s % granularity == 0},
    )  # fmt: skip
