"""What a Kafka consumer has fetched, and how it is dealt out."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from ranvier.fabric.log.kafka_buffers import RECORD_OVERHEAD, Buffers
from ranvier.fabric.ports import Record

LIMIT = 100 * (RECORD_OVERHEAD + 10)


def records(part: int, count: int, start: int = 0) -> list[Record]:
    return [Record("t", part, start + n, "k", b"123456789", {}, 0) for n in range(count)]


def filled(*counts: int) -> Buffers:
    buffers = Buffers(LIMIT)
    for part, count in enumerate(counts):
        buffers.put(("t", part), records(part, count))
    return buffers


def shares(dealt: list[Record]) -> dict[int, int]:
    return dict(Counter(record.partition for record in dealt))


def test_each_partition_has_its_share_and_what_one_leaves_goes_to_the_longer() -> None:
    assert shares(filled(1000, 5, 0, 20).deal(40)) == {0: 17, 1: 5, 3: 18}


def test_with_less_than_one_each_another_partition_is_first_each_time() -> None:
    buffers = filled(9, 9, 9)
    assert {record.partition for _ in range(3) for record in buffers.deal(1)} == {0, 1, 2}


@given(st.lists(st.integers(0, 30), max_size=5), st.lists(st.integers(1, 40), min_size=1, max_size=9))
def test_all_is_dealt_once_in_order_and_never_more_than_asked_for(counts: list[int], asks: list[int]) -> None:
    buffers = filled(*counts)
    got: list[Record] = []
    for ask in [*asks, *[7] * 30]:
        dealt = buffers.deal(ask)
        assert len(dealt) == min(ask, sum(counts) - len(got))
        got += dealt
        assert len(buffers) == sum(counts) - len(got)
    for part, count in enumerate(counts):
        assert [r.offset for r in got if r.partition == part] == list(range(count))


def test_a_partition_is_full_at_the_limit_and_drained_below_half_of_it() -> None:
    buffers = filled(100, 99)
    assert (buffers.full(), buffers.drained()) == ({("t", 0)}, set())
    buffers.deal(98)
    assert (buffers.full(), buffers.drained()) == (set(), set())
    buffers.deal(2)
    assert buffers.drained() == {("t", 1)}


def test_what_is_put_later_follows_what_is_left() -> None:
    buffers = filled(3)
    first = buffers.deal(2)
    buffers.put(("t", 0), records(0, 2, start=3))
    assert [record.offset for record in first + buffers.deal(9)] == [0, 1, 2, 3, 4]


def test_what_is_dropped_is_gone_and_takes_no_room() -> None:
    buffers = filled(100, 1)
    buffers.drop([("t", 0), ("t", 7)])
    assert (len(buffers), buffers.full()) == (1, set())
    assert shares(buffers.deal(10)) == {1: 1}
