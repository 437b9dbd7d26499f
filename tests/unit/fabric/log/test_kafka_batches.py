"""Batches of Kafka's records, beside what the client's own reading makes of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.record import MemoryRecords, MemoryRecordsBuilder

from ranvier.fabric.log import kafka_batches

NAME = st.text(st.characters(exclude_categories=("Cs",)), max_size=5)
BYTES = st.one_of(st.none(), st.binary(max_size=300))
HEADERS = st.lists(st.tuples(NAME, st.one_of(st.none(), st.binary(max_size=9))), max_size=3)
RECORDS = st.lists(st.tuples(st.integers(0, 2**41), BYTES, BYTES, HEADERS), min_size=1, max_size=200)


def batch_of(records: list[tuple[int, bytes | None, bytes | None, list[tuple[str, bytes | None]]]]) -> bytes:
    """As a producer sends it."""
    builder = MemoryRecordsBuilder(magic=2, compression_type=0, batch_size=2**24)
    for timestamp, key, value, headers in records:
        assert builder.append(timestamp, key, value, headers) is not None
    builder.close()
    return bytes(builder.buffer())


def body_of(data: bytes) -> tuple[bytes, int, int, int]:
    """The arguments of `records`."""
    batch = MemoryRecords(data).next_batch()
    return bytes(batch._buffer[batch._pos :]), batch.records_count, batch.base_offset, batch.first_timestamp


@given(RECORDS)
def test_each_record_is_what_the_client_reads(records: list) -> None:  # type: ignore[type-arg]
    data = batch_of(records)
    theirs = [record for batch in MemoryRecords(data) for record in batch]
    ours = kafka_batches.records(*body_of(data))
    assert [(r.offset, r.timestamp, r.key, r.value, r.headers) for r in ours] == [
        (r.offset, r.timestamp, r.key, r.value, r.headers) for r in theirs
    ]


def test_offsets_go_on_from_those_of_the_batch() -> None:
    data, count, _, first_ms = body_of(batch_of([(5, b"k", b"v", [])] * 300))
    found = kafka_batches.records(data, count, 2**40, first_ms)
    assert [record.offset for record in found] == list(range(2**40, 2**40 + 300))


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_a_batch_that_ends_early_or_late_is_no_batch(cut: int) -> None:
    data, count, base, first_ms = body_of(batch_of([(5, b"key", b"v" * 40, [("h", b"x")])] * 3))
    for wrong in (data[:-cut], data + bytes(cut)):
        with pytest.raises(ValueError, match=r"batch|record"):
            kafka_batches.records(wrong, count, base, first_ms)
