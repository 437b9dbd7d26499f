"""Ingest: from the log into the stores, with an effect that is exactly once.

    payloads ► publish ► log ─┬─► group "series" ► Intake ► SeriesStore ─► commit
                              └─► group "graph"  ► Intake ► GraphStore  ─► commit
                                        └ refused ► dead letters

1. A batch is polled; it bounds the memory, whatever the rate.
2. Refused records go to the dead letters, each alone; the order of the rest is kept.
3. The sink stores the data and the log's offsets in one transaction; only then are they committed in the log.
4. Whenever a partition comes to this member, it goes on from the sink's own offsets, so a crash or a
   handover anywhere repeats nothing in the sink. What it would repeat in the dead letters is found there by
   its id, which names the refused record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic

from ranvier.fabric import event
from ranvier.fabric.dead_letter import DeadLetter
from ranvier.fabric.intake import Accepted, Intake, Refused
from ranvier.fabric.ports import Consumer, Entry, EventLog, GraphStore, Offsets, Record, SeriesStore
from ranvier.fabric.refusals import Refusals
from ranvier.fabric.sinks import GraphSink, P, SeriesSink, Sink, StepResult
from ranvier.fabric.twin_lag import LagFigures, TwinLag
from ranvier.ontology.errors import InputError, OntologyError, StoreError
from ranvier.ontology.ontology import Ontology

SERIES, GRAPH = "series", "graph"
PUBLISH_BATCH = 1000
DRAIN_WAIT_S = 0.2
STEPS_BESIDE = 20
"""Batches of Measurements that are taken for each try of a graph that is away, which may take its deadline."""


@dataclass(frozen=True, slots=True)
class Published:
    """How many payloads went to their topics, and how many to the dead letters."""

    accepted: int
    dead_letters: int


def publish(log: EventLog, payloads: Iterable[event.Payload], source: str, now_ns: int) -> Published:
    """Append payloads to their topics; durable when this returns. Takes any number of them in bounded memory.

    A payload that cannot be encoded becomes a dead letter. Ids are the source, the time and a number.
    """
    batches: dict[str, list[Entry]] = {}
    accepted = bad = 0
    for number, payload in enumerate(payloads):
        event_id = f"{source}#{now_ns}.{number}"
        topic, entry = _entry(payload, event_id, source, number)
        batch = batches.setdefault(topic, [])
        batch.append(entry)
        bad += topic == event.DEAD_LETTERS
        accepted += topic != event.DEAD_LETTERS
        if len(batch) >= PUBLISH_BATCH:
            log.append(topic, batch, now_ns)
            batch.clear()
    for topic, batch in batches.items():
        if batch:
            log.append(topic, batch, now_ns)
    return Published(accepted, bad)


def _entry(payload: event.Payload, event_id: str, source: str, number: int) -> tuple[str, Entry]:
    try:
        entry = event.entry_of(payload, event_id)
    except (UnicodeEncodeError, OverflowError, ValueError, TypeError) as error:
        reason = f"expected a payload that JSON can carry; got {error}; mend the source adapter"
    else:
        if len(entry.value) <= event.MAX_BYTES or isinstance(payload, DeadLetter):
            return event.topic_of(payload), entry
        reason = f"expected an event of {event.MAX_BYTES:,} bytes at most; got {len(entry.value):,}; split it"
    letter = DeadLetter(
        reason=reason,
        source=source,
        position=f"payload {number}",
        raw=repr(payload).encode("utf-8", "backslashreplace")[: event.MAX_BYTES],
    )
    return event.DEAD_LETTERS, event.entry_of(letter, event_id)


class SinkLoop(Generic[P]):
    """One sink, fed from its consumer group."""

    def __init__(self, log: EventLog, group: str, sink: Sink[P], batch: int) -> None:
        self._sink, self._batch = sink, batch
        self._consumer: Consumer = log.consumer(group, sink.topics)
        self._log, self._group = log, group
        self._refusals = Refusals(log, group)
        self._goes_on: dict[tuple[str, int], int] = {}
        self._taken: dict[tuple[str, int], int] = {}
        self._check_reach(sink.offsets())

    def step(self, now_ns: int, timeout_s: float = 0.0) -> StepResult:
        """Take one batch from the log into the store.

        Raises StoreError where the store or the log fails; the batch then comes again with the next step.
        """
        polled = self._poll(timeout_s)
        if not polled:
            return StepResult()
        try:
            result = self._take(polled, now_ns)
        except BaseException:
            self._give_back(polled)
            raise
        self._consumer.commit({(r.topic, r.partition): r.offset + 1 for r in polled})
        return result

    def _poll(self, timeout_s: float) -> list[Record]:
        """A batch of the places that are ours; those that have just come go on where the sink says."""
        polled = self._consumer.poll(self._batch, timeout_s)
        while (assigned := dict(self._consumer.assigned())) != self._taken:
            self._give_back(polled)
            self._take_up({place for place, taking in assigned.items() if self._taken.get(place) != taking})
            self._taken = assigned
            self._goes_on = {place: at for place, at in self._goes_on.items() if place in assigned}
            polled = self._consumer.poll(self._batch, timeout_s)
        return polled

    def _give_back(self, polled: Sequence[Record]) -> None:
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

    def _take(self, polled: Sequence[Record], now_ns: int) -> StepResult:
        records = [r for r in polled if r.offset >= self._goes_on.get((r.topic, r.partition), 0)]
        if not records:
            return StepResult(len(polled))
        accepted, refused = self._sink.sort(records)
        if refused:
            self._refusals.send(refused, now_ns)
        result = self._store(accepted, _after(records), now_ns)
        return result + StepResult(len(polled), refused=len(refused))

    def _store(self, accepted: Sequence[Accepted[P]], offsets: Offsets, now_ns: int) -> StepResult:
        """Store all, or halve until the payload that the store itself refuses stands alone."""
        try:
            result = self._sink.store(accepted, offsets)
        except (InputError, OntologyError) as error:
            if not accepted:
                raise
            return self._store_parts(accepted, offsets, now_ns, str(error))
        self._goes_on.update(offsets)
        self._refusals.settle(self._goes_on)
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

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()


def _after(records: Sequence[Record]) -> dict[tuple[str, int], int]:
    return {(r.topic, r.partition): r.offset + 1 for r in records}


class Ingest:
    """Both sinks. `step` may be called from one thread; `lag` and `total` may be read from any.

    batch  records that one step takes of each sink: with the size of a record, the memory that ingest needs
    clock  when a batch had been stored, for the twin lag; by default the time given to `step`
    """

    def __init__(
        self, log: EventLog, series: SeriesStore, graph: GraphStore, ontology: Ontology,
        batch: int = 5000, clock: Callable[[], int] | None = None,
    ) -> None:  # fmt: skip
        self._now_ns, self._log = 0, log
        self._lag = TwinLag()
        self.total = self._reported = StepResult()
        intake = Intake(ontology)
        measured = SeriesSink(series, intake, self._lag, clock or (lambda: self._now_ns))
        self._series = SinkLoop(log, SERIES, measured, batch)
        self._graph = SinkLoop(log, GRAPH, GraphSink(graph, intake), batch)

    def step(self, now_ns: int, timeout_s: float = 0.0) -> StepResult:
        """Take one batch of topology and one of Measurements; waits up to `timeout_s` for the latter.

        Returns what was done since it last returned. Raises StoreError where a store fails: nothing is lost,
        the next step takes the same records again. Measurements do not wait for the graph to come back.
        """
        self._now_ns = now_ns
        try:
            self.total += self._graph.step(now_ns)
        except StoreError:
            for _ in range(STEPS_BESIDE):
                self.total += self._series.step(now_ns)
            raise
        self.total += self._series.step(now_ns, timeout_s)
        result, self._reported = self.total - self._reported, self.total
        return result

    def drain(self, now_ns: int) -> StepResult:
        """Step until the log holds nothing that the sinks have not stored."""
        result = self.step(now_ns)
        while any(count for sink in (SERIES, GRAPH) for count in self._log.lag(sink).values()):
            result += self.step(now_ns, DRAIN_WAIT_S)
        return result

    def lag(self, now_ns: int) -> LagFigures:
        """The twin lag over the last minute."""
        return self._lag.figures(now_ns)

    def close(self) -> None:
        """Leave both groups, so that others take over at once."""
        self._series.close()
        self._graph.close()
