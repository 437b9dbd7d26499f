"""One sink and its consumer: what is in hand while the store works, and what becomes of it when something fails."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ranvier.fabric.intake import Accepted, Refused
from ranvier.fabric.ports import Entry, Offsets, Record
from ranvier.fabric.sink_loop import SinkLoop
from ranvier.fabric.sinks import StepResult
from ranvier.ontology.errors import InputError, StoreError

PLACES = (("t", 0), ("t", 1))
BATCH = 4
Act = Callable[[], None]


class Consumer:
    """All places of the log are its own; `taking` is counted up where they are taken anew."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.at = dict.fromkeys(PLACES, 0)
        self.committed: dict[tuple[str, int], int] = {}
        self.taking = 1
        self.before_poll: list[Act] = []

    def poll(self, max_records: int, timeout_s: float = 0.0) -> list[Record]:
        if self.before_poll:
            self.before_poll.pop(0)()
        found: list[Record] = []
        for left, place in zip((2, 1), PLACES, strict=True):
            share = -(-(max_records - len(found)) // left)
            more = self._log.records[place][self.at[place] :][:share]
            self.at[place] += len(more)
            found += more
        return found

    def assigned(self) -> Mapping[tuple[str, int], int]:
        return dict.fromkeys(PLACES, self.taking)

    def commit(self, offsets: Offsets) -> None:
        self.committed.update(offsets)

    def seek(self, offsets: Offsets) -> None:
        self.at.update(offsets)

    def close(self) -> None:
        pass


class Log:
    """Ten numbers in each of two places, and dead letters."""

    def __init__(self) -> None:
        self.records = {
            (topic, part): [Record(topic, part, n, "k", b"%d" % n, {}, n) for n in range(10)]
            for topic, part in PLACES
        }
        self.letters: list[Entry] = []
        self.made = Consumer(self)

    def consumer(self, group: str, topics: Sequence[str]) -> Consumer:
        return self.made

    def offsets(self, topic: str, at_ns: int | None = None) -> Offsets:
        return dict.fromkeys(PLACES, 10) if topic == "t" else {(topic, 0): 0}

    def append(self, topic: str, entries: Sequence[Entry], recorded_at_ns: int) -> None:
        self.letters += entries


class Number(int):
    """A payload."""

    source = tenant = network = "n"


class Numbers:
    """A sink that keeps what it is given, in order. `acts` are done by its next calls."""

    topics = ("t",)

    def __init__(self, log: Log) -> None:
        self._log = log
        self.kept: list[tuple[int, int]] = []
        self.at: dict[tuple[str, int], int] = {}
        self.acts: list[Act] = []
        self.bad: tuple[int, int] | None = None
        self.most_in_hand = 0

    def sort(self, records: Sequence[Record]) -> tuple[list[Accepted[Number]], list[Refused]]:
        self.most_in_hand = max(self.most_in_hand, sum(self._log.made.at.values()) - len(self.kept))
        return [Accepted(record, Number(record.value)) for record in records], []

    def store(self, accepted: Sequence[Accepted[Number]], offsets: Offsets) -> StepResult:
        if self.acts:
            self.acts.pop(0)()
        places = [(each.record.partition, each.payload) for each in accepted]
        if self.bad in places:
            raise InputError("another number", str(self.bad), "leave it out")
        self.kept += places
        self.at.update(offsets)
        return StepResult(points=len(places))

    def offsets(self) -> Offsets:
        return dict(self.at)


class World:
    def __init__(self, storing: ThreadPoolExecutor | None) -> None:
        self.log = Log()
        self.sink = Numbers(self.log)
        self.loop: SinkLoop[Number] = SinkLoop(self.log, "g", self.sink, BATCH, storing)  # type: ignore[arg-type]

    def step(self) -> StepResult:
        return self.loop.step(50, 0.0, lambda: True)

    def is_whole(self) -> bool:
        """Everything once, in the order of each place, and committed."""
        each = [[n for place, n in self.sink.kept if place == part] for _, part in PLACES]
        expected = [[n for n in range(10) if (part, n) != self.sink.bad] for _, part in PLACES]
        return each == expected and self.log.made.committed == dict.fromkeys(PLACES, 10)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as made:
        yield made


@pytest.fixture(params=["at once", "in a thread"])
def world(request: pytest.FixtureRequest, pool: ThreadPoolExecutor) -> World:
    return World(pool if request.param == "in a thread" else None)


def fail() -> None:
    raise StoreError("room", "none", "make some")


def test_all_is_stored_once_in_order_and_committed(world: World) -> None:
    result = world.step()
    assert (result.records, result.points) == (20, 20)
    assert world.is_whole()


def test_the_next_batch_is_gathered_while_one_is_being_stored_and_no_more(pool: ThreadPoolExecutor) -> None:
    world, full = World(pool), threading.Event()
    sort = world.sink.sort

    def told(records: Sequence[Record]) -> Any:
        found = sort(records)
        if sum(world.log.made.at.values()) == 2 * BATCH:
            full.set()
        return found

    world.sink.sort = told  # type: ignore[method-assign]
    world.sink.acts = [lambda: full.wait(20) or fail()]
    world.step()
    assert full.is_set()
    assert world.sink.most_in_hand == 2 * BATCH
    assert world.is_whole()


@pytest.mark.parametrize("good", [0, 1, 2])
def test_where_the_store_fails_what_is_in_hand_comes_again(world: World, good: int) -> None:
    world.sink.acts = [*([lambda: None] * good), fail]
    with pytest.raises(StoreError, match="room"):
        world.step()
    assert len(world.sink.kept) == good * BATCH
    world.step()
    assert world.is_whole()
    assert world.loop.total.records == 20


def test_where_the_log_fails_what_was_stored_meanwhile_is_not_stored_again(pool: ThreadPoolExecutor) -> None:
    world = World(pool)
    world.log.made.before_poll = [lambda: None, lambda: None, fail]
    with pytest.raises(StoreError, match="room"):
        world.step()
    world.step()
    assert world.is_whole()


def test_where_places_are_taken_anew_what_is_under_way_is_settled_first(pool: ThreadPoolExecutor) -> None:
    world = World(pool)

    def again() -> None:
        world.log.made.taking += 1
        world.log.made.at = dict.fromkeys(PLACES, 0)  # as a group begins, whatever was read before

    world.log.made.before_poll = [lambda: None, lambda: None, again, lambda: None, lambda: None, again]
    world.step()
    world.step()
    assert world.is_whole()


def test_what_the_store_refuses_goes_alone_and_what_was_gathered_follows(world: World) -> None:
    world.sink.bad = (1, 3)
    result = world.step()
    assert (result.points, result.refused) == (19, 1)
    assert world.is_whole()
    assert len(world.log.letters) == 1


def test_what_is_gathered_between_steps_is_not_lost(pool: ThreadPoolExecutor) -> None:
    world = World(pool)
    for _ in range(8):
        world.loop.step(50)
    assert world.is_whole()
