"""`KafkaGroupConsumer`: one member of a consumer group of a `KafkaLog`.

    fetch ► buffers by partition ► deal fair shares
      ▲            │ full: pause, drained: resume
      └────────────┘

Memory is bounded: of each partition a consumer holds at most `buffer_bytes` and two fetches of `fetch_bytes`
(one taken in at once, one that the client has asked for ahead), or a single larger record.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from ranvier.fabric.log.kafka_buffers import Buffers, Place
from ranvier.fabric.log.kafka_client import Member
from ranvier.fabric.log.kafka_config import KafkaConfig
from ranvier.fabric.log.kafka_records import decoded
from ranvier.fabric.ports import Offsets, Record
from ranvier.ontology.errors import StoreError

SLICE_S = 0.5
LOOK_S = 5.0
"""After this long without a record the brokers are asked whether they are there."""


class Host(Protocol):
    """What a consumer needs of its log."""

    config: KafkaConfig

    def answers(self) -> bool:
        """Whether a broker answers."""
        ...

    def left(self, consumer: KafkaGroupConsumer) -> None:
        """Told by a consumer that has closed."""
        ...


class KafkaGroupConsumer:
    """Reads the partitions that its group gave it. One thread at a time may use it."""

    def __init__(
        self, host: Host, join: Callable[[KafkaGroupConsumer], Member], topics: Mapping[str, str]
    ) -> None:
        """`join` makes the member; `topics` are the log's by their names in Kafka."""
        self._host, self._join = host, join
        self._topics = dict(topics)
        self._names = {topic: name for name, topic in topics.items()}
        self._using = threading.RLock()
        self._buffers = Buffers(host.config.buffer_bytes)
        self._paused: set[Place] = set()
        self._taken: dict[Place, int] = {}
        self._takings = 0
        self._sought: dict[Place, int] = {}
        self._sign = time.monotonic()
        self._away: float | None = None
        self._closed = False
        self._member: Member | None = join(self)

    def poll(self, max_records: int, timeout_s: float = 0.0) -> list[Record]:
        """The next records, in order within each partition; empty when none has come in `timeout_s`.

        Raises StoreError when no broker has answered for the deadline.
        """
        until = time.monotonic() + timeout_s
        while True:
            with self._using:
                self._check_open()
                self._fetch(0.0 if len(self._buffers) else min(until - time.monotonic(), SLICE_S))
                records = self._buffers.deal(max_records)
                self._look(bool(records))
            if records or time.monotonic() >= until:
                return records

    def _fetch(self, timeout_s: float) -> None:
        member = self._member = self._member or self._join(self)
        drained = self._paused & self._buffers.drained()
        if drained:
            self._paused -= drained
            member.resume(self._there(drained))
        try:
            fetched = member.fetch(timeout_s)
        except StoreError:
            self._start_anew()
            raise
        for (name, part), messages in fetched.items():
            place = (self._topics[name], part)
            if place in self._taken:
                self._buffers.put(place, decoded(*place, messages))
        full = self._buffers.full() - self._paused
        if full:
            self._paused |= full
            member.pause(self._there(full))

    def _there(self, places: set[Place]) -> set[Place]:
        return {(self._names[topic], part) for topic, part in places}

    def _start_anew(self) -> None:
        """Give up a member that cannot go on; the next poll joins again."""
        member, self._member = self._member, None
        if member is not None:
            member.close()
        self.lost(set(self._there(set(self._taken))))

    def _look(self, heard: bool) -> None:
        now = time.monotonic()
        if heard or now - self._sign < LOOK_S:
            if heard:
                self._sign, self._away = now, None
            return
        self._sign = now
        if self._host.answers():
            self._away = None
            return
        self._away = self._away or now
        config = self._host.config
        if now - self._away > config.deadline_s:
            raise StoreError(
                f"Kafka at {config.bootstrap}",
                f"no answer for {now - self._away:.0f} s",
                "see that the brokers run and can be reached; polling goes on when they do",
            )

    def gained(self, places: set[Place]) -> None:
        """Called by the member, within a poll, with the places in Kafka's names that it now owns."""
        self._takings += 1
        for name, part in places:
            place = (self._topics[name], part)
            self._taken[place] = self._takings
            sought = self._sought.pop(place, None)
            if sought is not None and self._member is not None:
                self._member.seek((name, part), sought)
        if self._member is not None:
            # The client leaves a place paused that a rebalance gives back to the member that had it.
            self._member.resume(places)

    def lost(self, places: set[Place]) -> None:
        """Called by the member, within a poll or when it closes, with the places that it no longer owns."""
        ours = {(self._topics[name], part) for name, part in places}
        self._taken = {place: taking for place, taking in self._taken.items() if place not in ours}
        self._buffers.drop(ours)
        self._paused -= ours

    def assigned(self) -> Mapping[Place, int]:
        """The places that this member owns as of its last poll, each with the number of the taking."""
        return dict(self._taken)

    def commit(self, offsets: Offsets) -> None:
        """Remember where this group goes on; of places that are not this member's nothing is remembered.

        Where the group has meanwhile gone on without this member, its records go to their new owners again.
        """
        with self._using:
            self._check_open()
            own = {
                (self._names[place[0]], place[1]): at for place, at in offsets.items() if place in self._taken
            }
            if own and self._member is not None:
                self._member.commit(own)

    def seek(self, offsets: Offsets) -> None:
        """Go on from these offsets; for a partition of another member, once it comes to this one."""
        with self._using:
            self._check_open()
            own = {place: at for place, at in offsets.items() if place in self._taken}
            self._sought.update({place: at for place, at in offsets.items() if place not in own})
            self._buffers.drop(own)
            if self._member is None:
                return
            for (topic, part), at in own.items():
                self._member.seek((self._names[topic], part), at)
            paused = self._paused & own.keys()
            self._paused -= paused
            if paused:
                self._member.resume(self._there(paused))

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError("an open consumer", "a closed one", "join the group again")

    def close(self) -> None:
        """Leave the group, so that others take over the partitions at once."""
        with self._using:
            if self._closed:
                return
            self._closed = True
            if self._member is not None:
                self._member.close()
        self._host.left(self)
