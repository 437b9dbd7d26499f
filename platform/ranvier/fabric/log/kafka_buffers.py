"""`Buffers`: what a consumer has fetched of each partition and not yet dealt out.

Kafka's client empties one partition before the next; here each poll gives every partition its share, so that
a flood in one does not starve the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ranvier.fabric.ports import Record

Place = tuple[str, int]
RECORD_OVERHEAD = 600
"""Bytes that a record takes in memory beside its key and value, about."""


@dataclass(slots=True)
class _Queue:
    records: list[Record] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    at: int = 0
    size: int = 0

    def __len__(self) -> int:
        return len(self.records) - self.at

    def put(self, records: Sequence[Record]) -> None:
        if self.at:
            del self.records[: self.at], self.sizes[: self.at]
            self.at = 0
        sizes = [len(r.value) + len(r.key) + RECORD_OVERHEAD for r in records]
        self.records += records
        self.sizes += sizes
        self.size += sum(sizes)

    def take(self, count: int) -> list[Record]:
        taken = self.records[self.at : self.at + count]
        self.size -= sum(self.sizes[self.at : self.at + count])
        self.at += len(taken)
        return taken


class Buffers:
    """One queue for each partition. A queue is full from `limit` bytes on, and drained below half of it."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._queues: dict[Place, _Queue] = {}
        self._turn = 0

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    def put(self, place: Place, records: Sequence[Record]) -> None:
        """Add what was fetched next of `place`."""
        self._queues.setdefault(place, _Queue()).put(records)

    def drop(self, places: Iterable[Place]) -> None:
        """Forget what was fetched of `places`."""
        for place in places:
            self._queues.pop(place, None)

    def full(self) -> set[Place]:
        """The partitions of which no more should be fetched."""
        return {place for place, queue in self._queues.items() if queue.size >= self._limit}

    def drained(self) -> set[Place]:
        """The partitions that may be fetched again."""
        return {place for place, queue in self._queues.items() if queue.size < self._limit // 2}

    def deal(self, max_records: int) -> list[Record]:
        """At most `max_records`, an equal share of each partition; what one leaves goes to the longer ones."""
        records: list[Record] = []
        order = self._order(max_records)
        for left, place in zip(range(len(order), 0, -1), order, strict=True):
            share = -(-(max_records - len(records)) // left)
            if share <= 0:
                break
            records += self._queues[place].take(share)
        return records

    def _order(self, max_records: int) -> list[Place]:
        """The shortest first; where there is not one record for each, another one is first each time."""
        waiting = {place: len(queue) for place, queue in self._queues.items() if len(queue)}
        if max_records < len(waiting):
            order = sorted(waiting)
            self._turn = (self._turn + 1) % len(order)
            return order[self._turn :] + order[: self._turn]
        return sorted(waiting, key=lambda place: (waiting[place], place))
