"""How an entry becomes a Kafka message, and a message a record.

Kafka's timestamps are milliseconds; the exact nanoseconds travel in the first header, which no reader of the
port sees. A message that someone else produced has none: its time is Kafka's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ranvier.fabric.log.kafka_batches import Fetched
from ranvier.fabric.log.kafka_names import partition_of
from ranvier.fabric.ports import Entry, Record
from ranvier.ontology.errors import InputError, StoreError

TIME_HEADER = "ranvier.recorded_at_ns"
MESSAGE_OVERHEAD = 100
"""Bytes of a message beside key, value and headers, at most: lengths, offset, timestamp, batch header."""

MS_NS = 1_000_000


class Message(NamedTuple):
    """What is sent."""

    partition: int
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


def milliseconds(at_ns: int) -> int:
    """Kafka's timestamp of a time; not below zero, which means "none" there."""
    return max(at_ns // MS_NS, 0)


def encoded(entries: Sequence[Entry], recorded_at_ns: int, partitions: int, max_bytes: int) -> list[Message]:
    """All entries as messages. Raises StoreError for the first that cannot be one, InputError for one too large."""
    stamp = (TIME_HEADER, recorded_at_ns.to_bytes(8, "big", signed=True))
    messages = []
    for entry in entries:
        message = _message(entry, stamp, partitions)
        size = size_of(message)
        if size > max_bytes:
            raise InputError(
                f"entries of at most {max_bytes} bytes with key and headers",
                f"one of {size} bytes under the key {entry.key[:100]!r}",
                "raise max_record_bytes (and max.message.bytes of topics that exist), or send less in one",
            )
        messages.append(message)
    return messages


def _message(entry: Entry, stamp: tuple[str, bytes], partitions: int) -> Message:
    try:
        headers = [stamp, *((name, text.encode()) for name, text in entry.headers.items())]
        if not isinstance(entry.value, bytes) or not all(isinstance(name, str) for name in entry.headers):
            raise TypeError(type(entry.value).__name__)
        return Message(partition_of(entry.key, partitions), entry.key.encode(), entry.value, headers)
    except (AttributeError, TypeError, UnicodeError) as error:
        raise StoreError(
            "an entry with a text as key, bytes as value and texts as headers", str(error), "mend the caller"
        ) from error


def size_of(message: Message) -> int:
    """Bytes of the message on the wire, at most."""
    return (
        MESSAGE_OVERHEAD
        + len(message.key)
        + len(message.value)
        + sum(len(name) + len(text) + 10 for name, text in message.headers)
    )


def decoded(topic: str, partition: int, messages: Sequence[Fetched]) -> list[Record]:
    """The records of messages of one partition; what is no UTF-8 in keys and headers is replaced."""
    records = []
    last: object = None
    stamped_ns, texts = None, dict[str, str]()
    for message in messages:
        if message.headers is not last:  # those of one append have the same list
            last = message.headers
            stamped_ns, texts = _headers(message.headers)
        at_ns = message.timestamp * MS_NS if stamped_ns is None else stamped_ns
        key = (message.key or b"").decode("utf-8", "replace")
        records.append(Record(topic, partition, message.offset, key, message.value or b"", texts, at_ns))
    return records


def _headers(headers: Sequence[tuple[str, bytes | None]]) -> tuple[int | None, dict[str, str]]:
    """The time in nanoseconds, where the first header says it, and the rest."""
    if headers and headers[0][0] == TIME_HEADER:
        return int.from_bytes(headers[0][1] or b"", "big", signed=True), _texts(headers[1:])
    return None, _texts(headers)


def _texts(headers: Sequence[tuple[str, bytes | None]]) -> dict[str, str]:
    return {name: (text or b"").decode("utf-8", "replace") for name, text in headers}
