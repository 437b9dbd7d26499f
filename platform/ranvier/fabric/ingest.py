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

import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, ThreadPoolExecutor, wait
from dataclasses import dataclass

from ranvier.fabric import event
from ranvier.fabric.dead_letter import DeadLetter
from ranvier.fabric.intake import Intake
from ranvier.fabric.ports import Entry, EventLog, GraphStore, SeriesStore
from ranvier.fabric.sink_loop import SinkLoop
from ranvier.fabric.sinks import GraphSink, SeriesSink, StepResult
from ranvier.fabric.twin_lag import LagFigures, TwinLag
from ranvier.ontology.errors import StoreError
from ranvier.ontology.ontology import Ontology

SERIES, GRAPH = "series", "graph"
PUBLISH_BATCH = 1000
DRAIN_WAIT_S = 0.2
STEPS_BESIDE = 20
"""Batches of Measurements that are taken for each try of a graph that is away, which may take its deadline."""
STEP_S = 0.5
"""How long a step that overlaps goes on where there is more to take."""
BESIDE_S = 0.05
"""How long Measurements are waited for at a time while the graph is busy."""


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


class Ingest:
    """Both sinks. `step` may be called from one thread; `lag` and `total` may be read from any.

    batch    records that one step takes of each sink: with the size of a record, the memory that ingest needs
    clock    when a batch had been stored, for the twin lag; by default the time given to `step`
    overlap  feed both stores at once, and gather the next Measurements while some are being stored, for up to
             STEP_S in one step: for stores on servers, which leave this process waiting. It needs memory for
             two batches then
    """

    def __init__(
        self, log: EventLog, series: SeriesStore, graph: GraphStore, ontology: Ontology,
        batch: int = 5000, clock: Callable[[], int] | None = None, overlap: bool = False,
    ) -> None:  # fmt: skip
        self._now_ns, self._log = 0, log
        self._lag = TwinLag()
        self._reported = StepResult()
        self._hands = ThreadPoolExecutor(2, "ranvier-sink") if overlap else None
        intake = Intake(ontology)
        measured = SeriesSink(series, intake, self._lag, clock or (lambda: self._now_ns))
        self._series = SinkLoop(log, SERIES, measured, batch, self._hands)
        self._graph = SinkLoop(log, GRAPH, GraphSink(graph, intake), batch)

    @property
    def total(self) -> StepResult:
        """What was done since the beginning."""
        return self._series.total + self._graph.total

    def step(self, now_ns: int, timeout_s: float = 0.0) -> StepResult:
        """Take one batch of topology and one of Measurements; waits up to `timeout_s` for the latter.

        With `overlap` more of both, where there is more, for up to STEP_S or as long as the graph is at work.
        Returns what was done since it last returned. Raises StoreError where a store fails: nothing is lost,
        the next step takes the same records again. Measurements do not wait for the graph to come back.
        """
        self._now_ns = now_ns
        if self._hands is None:
            self._in_turn(now_ns, timeout_s)
        else:
            self._at_once(self._hands, now_ns, timeout_s)
        total = self.total
        result, self._reported = total - self._reported, total
        return result

    def _in_turn(self, now_ns: int, timeout_s: float) -> None:
        try:
            self._graph.step(now_ns)
        except StoreError:
            for _ in range(STEPS_BESIDE):
                self._series.step(now_ns)
            raise
        self._series.step(now_ns, timeout_s)

    def _at_once(self, hands: Executor, now_ns: int, timeout_s: float) -> None:
        """Both until each has nothing more or time is up; Measurements for as long as the graph takes."""
        end_s = time.monotonic() + STEP_S

        def in_time() -> bool:
            return time.monotonic() < end_s

        def beside() -> bool:
            return in_time() or not graph.done()

        graph = hands.submit(self._graph.step, now_ns, timeout_s, in_time)
        try:
            self._series.step(now_ns, timeout_s, beside)
            while not graph.done():
                self._series.step(now_ns, BESIDE_S, beside)
        finally:
            wait([graph])
        graph.result()

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
        if self._hands is not None:
            self._hands.shutdown()
        self._series.close()
        self._graph.close()
