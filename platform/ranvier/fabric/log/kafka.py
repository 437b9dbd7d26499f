"""`KafkaLog`: the event log in an Apache Kafka cluster.

    append ► Sender (idempotent, all copies in sync) ► topics ► Member ► buffers ► poll
                                                          └──► Reader ► read

- A topic is made at its first use, with the declared partitions and retention. A record's partition is CRC-32
  of its key in UTF-8 modulo the partitions, as in the SQLite log, so that records keep their place when they
  are moved from one to the other.
- No transactions: an append that raises may have left a part; the caller appends again. What was acknowledged
  is on as many brokers as `min_insync_replicas` says. A broker acknowledges what its operating system has
  taken: the death of the process loses nothing, the loss of power of all copies at once may.
- Retention: by default the brokers delete nothing (`retention.ms` = -1) and `truncate` does, by the platform's
  clock and only what every group has committed. With `retention_s` the brokers delete by their own clock, also
  what no group has read, and by the age of the records' times: it bounds the disk even where the platform
  is away, at the price of losing what it has not read by then.
- Groups are Kafka's. When one is first joined it is noted at the beginning of its topics, so that `truncate`
  waits for it. A group without members is given up when Kafka does so (`offsets.retention.minutes`, a week by
  default). Only groups with our prefix hold `truncate` back: a foreign reader does not.
- A member whose process has died on this machine is taken out of its group when the next one joins; on another
  machine it takes `session_s`.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from ranvier.fabric.log import kafka_records, process
from ranvier.fabric.log.kafka_client import Admin, Member, Reader, Sender
from ranvier.fabric.log.kafka_config import KafkaConfig
from ranvier.fabric.log.kafka_consumer import KafkaGroupConsumer
from ranvier.fabric.log.kafka_records import MS_NS, milliseconds
from ranvier.fabric.log.kafka_topics import Topics
from ranvier.fabric.ports import Consumer, Entry, Health, Offsets, Record
from ranvier.ontology.errors import InputError, RanvierError, StoreError

__all__ = ["KafkaConfig", "KafkaLog"]

NAME = "event log (Kafka)"
CLIENT = "ranvier:"
PING_S = 3.0
PAGE = 1000
READ_BYTES = 32 * 2**20
"""A `read` gives fewer records than asked for where they take more than this."""


class KafkaLog:
    """An EventLog in a Kafka cluster. Threads may share it."""

    def __init__(self, config: KafkaConfig) -> None:
        self.config = config
        self._client_id = CLIENT + process.own_name()
        self._admin = Admin(config)
        brief = replace(
            config,
            deadline_s=min(PING_S, config.deadline_s),
            request_timeout_s=min(2.5, config.request_timeout_s),
        )
        self._pinging = Admin(brief)
        self._sender = Sender(config, self._client_id)
        self._reader = Reader(config)
        self._reading = threading.Lock()
        self._ends: dict[tuple[str, int], int] = {}
        self._topics = Topics(config, self._admin)
        self._consumers: list[KafkaGroupConsumer] = []
        self._closed = False

    def append(self, topic: str, entries: Sequence[Entry], recorded_at_ns: int) -> None:
        """Append all entries, acknowledged by all copies in sync and in order for each key.

        Raises StoreError; a bad entry leaves nothing, but where brokers failed some may be there.
        """
        self._check_open()
        if not entries:
            return
        config = self.config
        messages = kafka_records.encoded(entries, recorded_at_ns, config.partitions, config.max_record_bytes)
        name = self._topics.declare(topic)
        try:
            self._sender.send(name, messages, milliseconds(recorded_at_ns))
        except StoreError:
            self._topics.forget(name)
            raise

    def consumer(self, group: str, topics: Sequence[str]) -> Consumer:
        """Join `group` for `topics`. Raises InputError where there is no topic."""
        self._check_open()
        if not topics:
            raise InputError("at least one topic", "none", "name the topics to read")
        names = {self._topics.declare(topic): topic for topic in topics}
        group = self.config.prefix + group
        self._see_out(group)
        self._hold(group, [place for name in names for place in self._topics.places(name)])

        def join(consumer: KafkaGroupConsumer) -> Member:
            return Member(self.config, group, sorted(names), self._client_id, consumer.gained, consumer.lost)

        joined = KafkaGroupConsumer(self, join, names)
        self._consumers.append(joined)
        return joined

    def _see_out(self, group: str) -> None:
        """Take members out whose processes have ended on this machine, so that the next need not wait."""
        gone = [
            member
            for member, client in self._admin.members(group).items()
            if client.startswith(CLIENT) and process.is_gone(client.removeprefix(CLIENT))
        ]
        if gone:
            self._admin.remove_members(group, gone)

    def _hold(self, group: str, places: Sequence[tuple[str, int]]) -> None:
        """Note the group at the beginning of what it has not committed. One with members is left alone."""
        committed = self._admin.committed([group]).get(group, {})
        begins = self._admin.begins(place for place in places if place not in committed)
        self._admin.commit(group, begins)

    def left(self, consumer: KafkaGroupConsumer) -> None:
        """What a consumer calls when it has closed."""
        if consumer in self._consumers:
            self._consumers.remove(consumer)

    def read(self, topic: str, partition: int, offset: int, max_records: int) -> list[Record]:
        """Records from `offset` on, outside any group; from the oldest that is left where it is gone."""
        self._check_open()
        name = self._topics.find(topic)
        if name is None or not 0 <= partition < self.config.partitions:
            return []
        place = (name, partition)
        with self._reading:
            if offset + max_records > self._ends.get(place, 0):
                self._ends |= self._admin.ends([place])
            messages = self._reader.read(place, offset, self._ends[place], max_records, READ_BYTES)
        return kafka_records.decoded(topic, partition, messages)

    def offsets(self, topic: str, at_ns: int | None = None) -> Offsets:
        """The end of each partition, or the first offset recorded at or after `at_ns`."""
        self._check_open()
        name = self._topics.find(topic)
        if name is None:
            return {(topic, part): 0 for part in range(self.config.partitions)}
        places = self._topics.places(name)
        ends = self._admin.ends(places)
        found = ends if at_ns is None else self._first_at(topic, ends, at_ns)
        return {(topic, part): at for (_, part), at in found.items()}

    def _first_at(self, topic: str, ends: Offsets, at_ns: int) -> dict[tuple[str, int], int]:
        """Kafka's index knows milliseconds; the records of the very millisecond are looked at one by one."""
        at_ms = milliseconds(at_ns)
        maybe = self._admin.first_at(ends, at_ms)
        surely = maybe if at_ns == at_ms * MS_NS else self._admin.first_at(ends, at_ms + 1)
        return {
            place: self._scan(topic, place[1], (maybe.get(place, end), surely.get(place, end)), at_ns)
            for place, end in ends.items()
        }

    def _scan(self, topic: str, part: int, reach: tuple[int, int], at_ns: int) -> int:
        offset, end = reach
        while offset < end:
            for record in self.read(topic, part, offset, min(PAGE, end - offset)):
                if record.offset >= end or record.recorded_at_ns >= at_ns:
                    return min(record.offset, end)
                offset = record.offset + 1
        return end

    def lag(self, group: str) -> Mapping[tuple[str, int], int]:
        """How many records each partition of the group's topics holds that it has not committed."""
        self._check_open()
        name = self.config.prefix + group
        committed = self._admin.committed([name]).get(name, {})
        begins, ends = self._admin.begins(committed), self._admin.ends(committed)
        return {
            (self._topics.topic_of(place[0]), place[1]): ends[place] - max(at, begins[place])
            for place, at in committed.items()
        }

    def truncate(self, topic: str, before_ns: int) -> int:
        """Forget records recorded before `before_ns` that every group of the topic has committed.

        Only whole beginnings go: from the first record recorded at or after `before_ns` on, all stay.
        """
        self._check_open()
        name = self._topics.find(topic)
        if name is None:
            return 0
        begins = self._admin.begins(self._topics.places(name))
        keep = {(name, part): at for (_, part), at in self.offsets(topic, before_ns).items()}
        for committed in self._admin.committed(self._admin.groups(self.config.prefix)).values():
            keep = {place: min(at, committed.get(place, at)) for place, at in keep.items()}
        going = {place: at for place, at in keep.items() if at > begins[place]}
        if going:
            self._admin.delete_before(going)
        return sum(at - begins[place] for place, at in going.items())

    def answers(self) -> bool:
        """Whether a broker answers at once."""
        try:
            self._pinging.describe()
        except RanvierError:
            return False
        return True

    def ping(self) -> Health:
        """Whether the log answers, with Kafka's version, its brokers, and our topics' bytes and records."""
        try:
            detail = self._pinging.describe()
            topics = self._pinging.topics(self.config.prefix)
            places = [
                (name, part)
                for name, count in self._pinging.partition_counts(topics).items()
                for part in range(count)
            ]
            ends, begins = self._pinging.ends(places), self._pinging.begins(places)
            records = sum(end - begins[place] for place, end in ends.items())
            size = self._pinging.disk_bytes(topics)
        except RanvierError as error:
            return Health(NAME, False, error=str(error), cause=error)
        return Health(NAME, True, {**detail, "topics": len(topics), "records": records, "bytes": size})

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError("an open log", "a closed one", "open it again")

    def close(self) -> None:
        """Leave the groups and close the connections."""
        self._closed = True
        for consumer in tuple(self._consumers):
            with suppress(RanvierError):
                consumer.close()
        self._sender.close()
        with self._reading:
            self._reader.close()
        self._admin.close()
        self._pinging.close()
