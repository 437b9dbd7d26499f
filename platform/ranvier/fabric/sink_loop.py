"""`SinkLoop`: one sink, fed from its consumer group.

    poll ► sort (decode, check) ─┬─► dead letters
                                 └─► store, with the log's offsets ─► commit
                                        ▲ meanwhile the next batch is polled and sorted

At most two batches are in hand: the one that the store is taking, and the one that is being gathered. The
store takes them one after the other, so the order is kept; where it fails, both are given back to the log.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from ranvier.fabric.intake import Accepted, Refused
from ranvier.fabric.ports import Consumer, EventLog, Offsets, Record
from ranvier.fabric.refusals import Refusals
from ranvier.fabric.sinks import P, Sink, StepResult
from ranvier.ontology.errors import InputError, OntologyError, StoreError

T = TypeVar("T")
GLANCE_S = 0.005
"""How long the log is asked for more at a time while a batch is being stored."""


class AtOnce(Executor):
    """Does what it is given before it returns: for a store that gains nothing from a thread of its own."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """The future is done."""
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future


@dataclass(slots=True)
class _Batch(Generic[P]):
    """Records on their way, in the order in which they were polled."""

    polled: list[Record] = field(default_factory=list)
    accepted: list[Accepted[P]] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    offsets: dict[tuple[str, int], int] = field(default_factory=dict)
    now_ns: int = 0
    stored: Future[StepResult] | None = None


def _never() -> bool:
    return False


class SinkLoop(Generic[P]):
    """Takes batches from the log into the store. One thread at a time may step.

    batch    records in one batch, at most
    storing  where the store does its work: while it does, this thread gathers the next batch
    """

    def __init__(
        self, log: EventLog, group: str, sink: Sink[P], batch: int, storing: Executor | None = None
    ) -> None:
        self._sink, self._batch = sink, batch
        self._storing, self._ahead = storing or AtOnce(), storing is not None
        self._consumer: Consumer = log.consumer(group, sink.topics)
        self._log, self._group = log, group
        self._refusals = Refusals(log, group)
        self._goes_on: dict[tuple[str, int], int] = {}
        self._taken: dict[tuple[str, int], int] = {}
        self._gathered: _Batch[P] = _Batch()
        self._under_way: _Batch[P] | None = None
        self.total = StepResult()
        self._check_reach(sink.offsets())

    def step(self, now_ns: int, timeout_s: float = 0.0, more: Callable[[], bool] = _never) -> StepResult:
        """Take one batch from the log into the store, and others while `more` says so and there are some.

        What was gathered beside the last one waits for the next step. Raises StoreError where the store or
        the log fails; what was not stored comes again.
        """
        before = self.total
        try:
            if not self._is_full():
                self._gather(0.0 if self._gathered.polled else timeout_s)
            while self._begin(now_ns):
                if self._ahead:
                    self._gather_beside()
                self._settle()
                if not more():
                    break
                if not self._gathered.polled:
                    self._gather(0.0)
        except BaseException:
            self._abandon()
            raise
        return self.total - before

    def _is_full(self) -> bool:
        return len(self._gathered.polled) >= self._batch

    # ------------------------------------------------------------ from the log
    def _gather(self, timeout_s: float) -> None:
        """Poll, decode and check what comes, up to the size of a batch."""
        polled = self._poll(self._batch - len(self._gathered.polled), timeout_s)
        into = self._gathered
        into.polled += polled
        records = [r for r in polled if r.offset >= self._goes_on.get((r.topic, r.partition), 0)]
        if records:
            accepted, refused = self._sink.sort(records)
            into.accepted += accepted
            into.refused += refused
            into.offsets.update(_after(records))

    def _gather_beside(self) -> None:
        """Gather the next batch until the store has taken the one before, or until it is full."""
        under_way = self._under_way
        assert under_way is not None
        while under_way is self._under_way and not self._is_full():
            self._gather(GLANCE_S)
            if under_way.stored is None or under_way.stored.done():
                return

    def _poll(self, room: int, timeout_s: float) -> list[Record]:
        """Records of the places that are ours; those that have just come go on where the sink says."""
        polled = self._consumer.poll(room, timeout_s)
        while (assigned := dict(self._consumer.assigned())) != self._taken:
            self._gathered.polled += polled
            self._settle()
            self._give_back(self._gathered.polled)
            self._gathered = _Batch()
            self._take_up({place for place, taking in assigned.items() if self._taken.get(place) != taking})
            self._taken = assigned
            self._goes_on = {place: at for place, at in self._goes_on.items() if place in assigned}
            polled = self._consumer.poll(self._batch, timeout_s)
        return polled

    def _give_back(self, polled: Sequence[Record]) -> None:
        """Have them come again, but for those that the sink has stored."""
        first = {(r.topic, r.partition): r.offset for r in reversed(polled)}
        self._consumer.seek({place: max(at, self._goes_on.get(place, 0)) for place, at in first.items()})

    def _take_up(self, places: set[tuple[str, int]]) -> None:
        if not places:
            return
        stored = self._sink.offsets()
        # A place that the sink does not know starts at 0, whatever was committed: the sink may be a new one.
        goes_on = {place: stored.get(place, 0) for place in places}
        self._check_reach(goes_on)
        self._refusals.look_back(goes_on, self._batch)
        self._goes_on.update(goes_on)
        self._consumer.seek(goes_on)
        # Where a crash came between storing and committing, nobody else would ever make up for it.
        self._consumer.commit({place: at for place, at in goes_on.items() if at > 0})

    def _check_reach(self, goes_on: Offsets) -> None:
        """Raises StoreError where the store is ahead of the log: it would pass over what the log takes next."""
        ends = {place: end for topic in self._sink.topics for place, end in self._log.offsets(topic).items()}
        ahead = [place for place, offset in goes_on.items() if offset > ends.get(place, 0)]
        if ahead:
            topic, part = ahead[0]
            raise StoreError(
                f"a log that reaches where the {self._group} store goes on"
                f" ({topic}/{part}, {goes_on[ahead[0]]})",
                f"one that ends at {ends.get(ahead[0], 0)}",
                "restore the log, or empty the store to fill it from this log",
            )

    # ------------------------------------------------------------ into the store
    def _begin(self, now_ns: int) -> bool:
        """Give what was gathered to the store; whether there was anything."""
        if not self._gathered.polled:
            return False
        batch, self._gathered = self._gathered, _Batch()
        self._under_way, batch.now_ns = batch, now_ns
        if batch.refused:
            self._refusals.send(batch.refused, now_ns)
        if batch.offsets:
            batch.stored = self._storing.submit(self._sink.store, batch.accepted, batch.offsets)
        return True

    def _settle(self) -> None:
        """Wait until the store has taken the batch under way, then commit it in the log."""
        batch = self._under_way
        if batch is None:
            return
        if batch.stored is not None:
            self.total += self._outcome(batch)
        self.total += StepResult(len(batch.polled), refused=len(batch.refused))
        self._under_way = None
        self._consumer.commit({(r.topic, r.partition): r.offset + 1 for r in batch.polled})

    def _outcome(self, batch: _Batch[P]) -> StepResult:
        assert batch.stored is not None
        try:
            result = batch.stored.result()
        except (InputError, OntologyError) as error:
            if not batch.accepted:
                raise
            return self._store_parts(batch.accepted, batch.offsets, batch.now_ns, str(error))
        self._keep(batch.offsets)
        return result

    def _keep(self, offsets: Offsets) -> None:
        self._goes_on.update(offsets)
        self._refusals.settle(self._goes_on)

    def _store(self, accepted: Sequence[Accepted[P]], offsets: Offsets, now_ns: int) -> StepResult:
        """Store all, or halve until the payload that the store itself refuses stands alone."""
        try:
            result = self._sink.store(accepted, offsets)
        except (InputError, OntologyError) as error:
            if not accepted:
                raise
            return self._store_parts(accepted, offsets, now_ns, str(error))
        self._keep(offsets)
        return result

    def _store_parts(
        self, accepted: Sequence[Accepted[P]], offsets: Offsets, now_ns: int, reason: str
    ) -> StepResult:
        if len(accepted) == 1:
            self._refusals.send([Refused.of(accepted[0], reason)], now_ns)
            return self._store((), offsets, now_ns) + StepResult(refused=1)
        half = len(accepted) // 2
        first = self._store(accepted[:half], _after([each.record for each in accepted[:half]]), now_ns)
        return first + self._store(accepted[half:], offsets, now_ns)

    def _abandon(self) -> None:
        """After a failure: nothing stays in hand, and what was not stored comes again."""
        batch, self._under_way = self._under_way, None
        gathered, self._gathered = self._gathered, _Batch()
        if batch is not None and batch.stored is not None and batch.stored.exception() is None:
            self._keep(batch.offsets)
        self._give_back([*(batch.polled if batch else ()), *gathered.polled])

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()


def _after(records: Sequence[Record]) -> dict[tuple[str, int], int]:
    return {(r.topic, r.partition): r.offset + 1 for r in records}
