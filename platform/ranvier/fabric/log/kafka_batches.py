"""The records of a batch as Kafka's brokers store it (magic 2), read in one go.

    record  = length, attributes (1 byte), time since the first, offset since the first, key, value, headers
    headers = count, then name and value of each

All numbers are zigzag varints, and what has a length of -1 is null
(https://kafka.apache.org/documentation/#recordbatch). kafka-python calls a function for each number and makes
three objects for each record, which was a quarter of the processor time of an ingest process.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

Header = tuple[str, bytes | None]


class Fetched(msgspec.Struct, gc=False):
    """One record as it came. `timestamp` is in ms since the epoch."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[Header]


def records(data: bytes, count: int, base_offset: int, first_ms: int) -> list[Fetched]:
    """The `count` records that fill `data`. Raises ValueError where they do not."""
    found = []
    pos, same, headers = 0, b"", list[Header]()
    try:
        for _ in range(count):
            length, start = _number(data, pos)
            end = start + length
            delta_ms, pos = _number(data, start + 1)
            delta = data[pos] >> 1
            if data[pos] & 0x81:
                delta, pos = _number(data, pos)
            else:
                pos += 1
            key, pos = _bytes(data, pos)
            value, pos = _bytes(data, pos)
            if data[pos:end] != same:  # those of one append have the same headers
                same, headers = data[pos:end], _headers(data, pos, end)
            found.append(Fetched(base_offset + delta, first_ms + delta_ms, key, value, headers))
            pos = end
    except IndexError as error:
        raise ValueError("a record that ends beyond its batch") from error
    if pos != len(data):
        raise ValueError(f"{len(data) - pos} bytes after the last record of a batch")
    return found


def _number(data: bytes, pos: int) -> tuple[int, int]:
    """A zigzag varint, and where it ends."""
    byte = data[pos]
    pos += 1
    if byte < 0x80:
        return (byte >> 1) ^ -(byte & 1), pos
    raw, shift = byte & 0x7F, 7
    while True:
        byte = data[pos]
        pos += 1
        raw |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (raw >> 1) ^ -(raw & 1), pos
        shift += 7


def _bytes(data: bytes, pos: int) -> tuple[bytes | None, int]:
    """What has its length before it, and where it ends."""
    length, pos = _number(data, pos)
    return (None, pos) if length < 0 else (data[pos : pos + length], pos + length)


def _headers(data: bytes, pos: int, end: int) -> list[Header]:
    count, pos = _number(data, pos)
    found: list[Header] = []
    for _ in range(count):
        name, pos = _bytes(data, pos)
        value, pos = _bytes(data, pos)
        found.append(((name or b"").decode("utf-8", "replace"), value))
    if pos != end:
        raise ValueError(f"headers that end {end - pos} bytes before their record")
    return found


def unpacking(partition_records: Any, corrupt: type[Exception]) -> Any:
    """kafka-python's class that takes apart what was fetched of one partition, with this way of doing it.

    It checks checksums and leaves control records out, as the library's own does. Brokers of version 4 keep
    no older format of batches; we read what is not committed too, as nobody here writes by transactions.
    """

    class Unpacked(partition_records):  # type: ignore[misc]
        def _unpack_records(self, tp: Any, fetched: Any, *deserializers: Any) -> Iterator[Fetched]:
            del deserializers
            while (batch := fetched.next_batch()) is not None:
                if batch.magic != 2 or not batch.validate_crc():
                    raise corrupt(f"{tp} at {batch.base_offset}: another format, or a wrong checksum")
                self.leader_epoch = batch.leader_epoch
                self.bytes_read += batch.size_in_bytes
                try:
                    found = [] if batch.is_control_batch else _records_of(batch)
                except ValueError as error:
                    raise corrupt(f"{tp} at {batch.base_offset}: {error}") from error
                for record in found:
                    self.next_fetch_offset = record.offset + 1
                    yield record
                self.next_fetch_offset = batch.next_offset
            self.drain()

    return Unpacked


def _records_of(batch: Any) -> list[Fetched]:
    batch._maybe_uncompress()
    data = bytes(batch._buffer[batch._pos :])
    found = records(data, batch.records_count, batch.base_offset, batch.first_timestamp)
    if batch.timestamp_type == batch.LOG_APPEND_TIME:
        for record in found:
            record.timestamp = batch.max_timestamp
    return found
