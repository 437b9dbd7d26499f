"""Entries as Kafka messages and back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranvier.fabric.log.kafka_records import TIME_HEADER, decoded, encoded, milliseconds, size_of
from ranvier.fabric.ports import Entry, Record
from ranvier.ontology.errors import InputError, StoreError

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=10)
MIB = 2**20


@dataclass
class Fetched:
    offset: int = 3
    timestamp: int = 0
    key: bytes | None = None
    value: bytes | None = None
    headers: list[tuple[str, bytes | None]] = field(default_factory=list)


@given(TEXT, st.binary(max_size=20), st.dictionaries(TEXT, TEXT, max_size=3), st.integers(0, 2**63 - 1))
def test_an_entry_comes_back_whole(key: str, value: bytes, headers: dict[str, str], at_ns: int) -> None:
    (message,) = encoded([Entry(key, value, headers)], at_ns, 4, MIB)
    fetched = Fetched(3, milliseconds(at_ns), message.key, message.value, list(message.headers))
    assert decoded("t", message.partition, [fetched]) == [
        Record("t", message.partition, 3, key, value, headers, at_ns)
    ]


def test_each_record_has_the_time_of_its_own_append() -> None:
    times = [7, 7, 2**62, 0, 7]
    sent = [encoded([Entry("k", b"")], at_ns, 4, MIB)[0] for at_ns in times]
    fetched = [Fetched(headers=list(message.headers)) for message in sent]
    assert [record.recorded_at_ns for record in decoded("t", 0, fetched)] == times


def test_a_header_named_like_our_own_stays_the_callers() -> None:
    (message,) = encoded([Entry("k", b"", {TIME_HEADER: "mine"})], 7, 4, MIB)
    (record,) = decoded("t", 0, [Fetched(headers=list(message.headers))])
    assert (record.recorded_at_ns, record.headers) == (7, {TIME_HEADER: "mine"})


def test_a_message_of_someone_else_is_read_as_far_as_it_goes() -> None:
    fetched = Fetched(timestamp=5, headers=[("a", None), ("b", b"\xff")])
    assert decoded("t", 1, [fetched]) == [Record("t", 1, 3, "", b"", {"a": "", "b": "�"}, 5_000_000)]


def test_kafkas_time_is_in_whole_milliseconds_and_never_none() -> None:
    assert [milliseconds(at) for at in (-1, 0, 999_999, 1_000_000)] == [0, 0, 0, 1]


@pytest.mark.parametrize(
    "bad",
    [
        Entry("k", "text"),  # type: ignore[arg-type]
        Entry("k", b"", {"a": 1}),  # type: ignore[dict-item]
        Entry("\ud800", b""),
        Entry(None, b""),  # type: ignore[arg-type]
    ],
)
def test_an_entry_that_is_none_is_refused_with_the_reason(bad: Any) -> None:
    with pytest.raises(StoreError, match="bytes as value"):
        encoded([Entry("k", b""), bad], 1, 4, MIB)


def test_an_entry_too_large_is_refused_by_its_whole_size() -> None:
    entry = Entry("key", b"x" * 1000, {"h": "y" * 100})
    (message,) = encoded([entry], 1, 4, MIB)
    size = size_of(message)
    assert size > 1103
    encoded([entry], 1, 4, size)
    with pytest.raises(InputError, match="max_record_bytes"):
        encoded([entry], 1, 4, size - 1)
