"""The newest records of a topic first, over all partitions, without reading the topic from its start."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping

from ranvier.fabric.ports import EventLog, Record

_CHUNK = 200


def ends_of(log: EventLog, topic: str) -> dict[int, int]:
    """Where each partition of `topic` ends: the offset that the next record will take."""
    return {partition: end for (_, partition), end in log.offsets(topic).items()}


def newest_first(log: EventLog, topic: str, ends: Mapping[int, int]) -> Iterator[Record]:
    """The records before `ends`, latest recorded first; within a partition always by falling offset."""
    runs = [_backwards(log, topic, partition, end) for partition, end in sorted(ends.items())]
    return heapq.merge(*runs, key=lambda r: (-r.recorded_at_ns, r.partition, -r.offset))


def _backwards(log: EventLog, topic: str, partition: int, end: int) -> Iterator[Record]:
    while end > 0:
        start = max(0, end - _CHUNK)
        found = [r for r in log.read(topic, partition, start, end - start) if start <= r.offset < end]
        if not found:
            # What lies before was truncated: records go oldest first.
            return
        yield from reversed(found)
        end = start
