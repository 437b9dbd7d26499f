"""A consumer of a group, beside a member that behaves as the client does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ranvier.fabric.log.kafka_batches import Fetched
from ranvier.fabric.log.kafka_config import KafkaConfig
from ranvier.fabric.log.kafka_consumer import KafkaGroupConsumer

Place = tuple[str, int]
PLACES: set[Place] = {("ranvier.t", 0), ("ranvier.t", 1)}


class Host:
    """A log whose brokers answer."""

    config = KafkaConfig("127.0.0.1:9", buffer_bytes=4_000)

    def answers(self) -> bool:
        return True

    def left(self, consumer: KafkaGroupConsumer) -> None:
        pass


class Member:
    """Twenty records in each place, two at a time. Pauses outlive a rebalance that leaves the place here."""

    def __init__(self, consumer: KafkaGroupConsumer) -> None:
        self.consumer = consumer
        self.at = dict.fromkeys(PLACES, 0)
        self.paused: set[Place] = set()
        self.joins = True

    def fetch(self, timeout_s: float) -> dict[Place, list[Fetched]]:
        if self.joins:
            self.joins = False
            self.consumer.lost(PLACES)
            self.consumer.gained(PLACES)
            return {}
        found = {}
        for place in PLACES - self.paused:
            upto = min(self.at[place] + 2, 20)
            found[place] = [Fetched(n, 0, b"k", b"v", []) for n in range(self.at[place], upto)]
            self.at[place] = upto
        return found

    def pause(self, places: Iterable[Place]) -> None:
        self.paused |= set(places)

    def resume(self, places: Iterable[Place]) -> None:
        self.paused -= set(places)

    def seek(self, place: Place, offset: int) -> None:
        self.at[place] = offset

    def commit(self, offsets: Mapping[Place, int]) -> None:
        pass

    def close(self) -> None:
        pass


def polled(consumer: KafkaGroupConsumer, times: int, count: int) -> set[tuple[str, int, int]]:
    records = [record for _ in range(times) for record in consumer.poll(count)]
    return {(record.topic, record.partition, record.offset) for record in records}


def test_a_place_that_was_paused_is_read_on_after_a_rebalance_that_leaves_it_here() -> None:
    members: list[Member] = []

    def join(consumer: KafkaGroupConsumer) -> Any:
        members.append(Member(consumer))
        return members[-1]

    consumer = KafkaGroupConsumer(Host(), join, {"ranvier.t": "t"})
    polled(consumer, 20, 1)
    (member,) = members
    assert member.paused, "the test would show nothing"
    member.joins = True
    assert consumer.poll(1) == []
    consumer.seek({("t", 0): 0, ("t", 1): 0})
    assert polled(consumer, 60, 5) == {("t", part, n) for part in (0, 1) for n in range(20)}
