"""Moves the log: every record with its key, headers and time, to the same partition, in order.

The target's own ends say how far it has come, so this needs no cursor. Records that were truncated are gone:
the target's first offset is 0, and what names offsets (the sinks, dead letters) is put in the target's terms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b
from itertools import takewhile

import msgspec

from ranvier.fabric.event import ALARMS, DEAD_LETTERS, FEEDBACK, MEASUREMENTS, TOPOLOGY
from ranvier.fabric.migration.progress import Place, Progress
from ranvier.fabric.ports import Entry, EventLog, Offsets, Record
from ranvier.fabric.refusals import HEADER
from ranvier.ontology.errors import InputError, StoreError

TOPICS = (MEASUREMENTS, FEEDBACK, TOPOLOGY, ALARMS, DEAD_LETTERS)
PAGE = 1_000
Tell = Callable[[int], None]
"""Told how many more are done."""


def bases_of(log: EventLog) -> list[Place]:
    """The oldest offset that is left in each partition; its end where it is empty."""
    return [
        Place(topic, part, found[0].offset if (found := log.read(topic, part, 0, 1)) else end)
        for topic in TOPICS
        for (_, part), end in sorted(log.offsets(topic).items())
    ]


def records_of(log: EventLog, bases: list[Place]) -> int:
    """How many records there are from the bases on."""
    ends = {place: end for topic in TOPICS for place, end in log.offsets(topic).items()}
    return sum(ends[base.topic, base.partition] - base.offset for base in bases)


def check_partitions(source: EventLog, target: EventLog) -> None:
    """Raises InputError where the numbers of partitions differ: the sinks' offsets would mean nothing."""
    counts = len(source.offsets(MEASUREMENTS)), len(target.offsets(MEASUREMENTS))
    if counts[0] != counts[1]:
        raise InputError(
            f"a target log of {counts[0]} partitions, as the source", str(counts[1]),
            f"set servers.kafka.partitions (or store.log_partitions) to {counts[0]}",
        )  # fmt: skip


def move_log(source: EventLog, target: EventLog, progress: Progress, tell: Tell) -> None:
    """Append all that the target does not have yet."""
    for topic in TOPICS:
        there = target.offsets(topic)
        tell(sum(there.values()))
        heads = {
            part: _Head(source, topic, part, progress.base(topic, part) + end)
            for (_, part), end in there.items()
        }
        while together := _together(heads, progress):
            recorded_at_ns, entries = together
            target.append(topic, entries, recorded_at_ns)
            tell(len(entries))


class _Head:
    """Where one partition of the source is being read."""

    def __init__(self, log: EventLog, topic: str, part: int, offset: int) -> None:
        self._records = _records(log, topic, part, offset)
        self.next: Record | None = next(self._records, None)

    def of(self, recorded_at_ns: int) -> list[Record]:
        """The records from here on that have this time; a page of them at most."""
        found: list[Record] = []
        while self.next is not None and self.next.recorded_at_ns == recorded_at_ns and len(found) < PAGE:
            found.append(self.next)
            self.next = next(self._records, None)
        return found


def _records(log: EventLog, topic: str, part: int, offset: int) -> Iterator[Record]:
    while page := log.read(topic, part, offset, PAGE):
        if page[0].offset != offset:
            raise StoreError(
                f"the record at {offset} of {topic}/{part}", f"the next at {page[0].offset}",
                "it was truncated meanwhile: empty the target and begin anew",
            )  # fmt: skip
        yield from page
        offset = page[-1].offset + 1


def _together(heads: Mapping[int, _Head], progress: Progress) -> tuple[int, list[Entry]] | None:
    """The next entries of all partitions that have one time of recording, the earliest that comes next."""
    times = [head.next.recorded_at_ns for head in heads.values() if head.next is not None]
    if not times:
        return None
    earliest = min(times)
    return earliest, [_entry(record, progress) for head in heads.values() for record in head.of(earliest)]


def _entry(record: Record, progress: Progress) -> Entry:
    return Entry(record.key, record.value, _headers(record.headers, progress))


def _headers(headers: Mapping[str, str], progress: Progress) -> dict[str, str]:
    """A dead letter names the record that was refused by its offset: by the target's."""
    name = headers.get(HEADER)
    if name is None or name.count("/") != 3:
        return dict(headers)
    group, topic, part, offset = name.split("/")
    if not (part.isdigit() and offset.isdigit()):
        return dict(headers)
    moved = int(offset) - progress.base(topic, int(part))
    return {**headers, HEADER: f"{group}/{topic}/{part}/{moved}"}


def in_target(offsets: Offsets, progress: Progress) -> dict[tuple[str, int], int]:
    """A sink's offsets in the target's terms."""
    return {(topic, part): max(0, at - progress.base(topic, part)) for (topic, part), at in offsets.items()}


# ---------------------------------------------------------------- looking at both sides
def digest(log: EventLog, place: tuple[str, int], span: range, progress: Progress | None) -> str:
    """A hash over the records at the offsets of `span`; of the source's with `progress`, in target's terms."""
    topic, part = place
    found, count = blake2b(digest_size=16), 0
    for record in takewhile(lambda r: r.offset < span.stop, _records(log, topic, part, span.start)):
        headers = record.headers if progress is None else _headers(record.headers, progress)
        row = (
            record.offset - span.start,
            record.key,
            record.value,
            sorted(headers.items()),
            record.recorded_at_ns,
        )
        found.update(msgspec.msgpack.encode(row))
        count += 1
    return f"{count}:{found.hexdigest()}"
