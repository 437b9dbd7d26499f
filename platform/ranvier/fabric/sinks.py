"""The two sinks of ingest: how a store takes what was accepted, with the log's offsets in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np

from ranvier.fabric import event
from ranvier.fabric.intake import Accepted, Intake, Refused
from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.ports import GraphStore, Offsets, Record, SeriesStore
from ranvier.fabric.topology_change import TopologyChange
from ranvier.fabric.twin_lag import TwinLag

P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class StepResult:
    """What one step did. `records` counts what was polled; the others, what became of it."""

    records: int = 0
    points: int = 0
    changes: int = 0
    refused: int = 0

    def __add__(self, other: StepResult) -> StepResult:
        return StepResult(
            self.records + other.records, self.points + other.points,
            self.changes + other.changes, self.refused + other.refused,
        )  # fmt: skip

    def __sub__(self, other: StepResult) -> StepResult:
        return StepResult(
            self.records - other.records, self.points - other.points,
            self.changes - other.changes, self.refused - other.refused,
        )  # fmt: skip


class Sink(Protocol, Generic[P]):
    """A store as the loop sees it."""

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics that it reads."""
        ...

    def sort(self, records: Sequence[Record]) -> tuple[list[Accepted[P]], list[Refused]]:
        """What the store may have, in order, and what it may not."""
        ...

    def store(self, accepted: Sequence[Accepted[P]], offsets: Offsets) -> StepResult:
        """Store data and offsets. Raises InputError or OntologyError where a payload cannot be stored."""
        ...

    def offsets(self) -> Offsets:
        """Where the store goes on in the log."""
        ...


class SeriesSink:
    """Measurement reports into a SeriesStore. `clock` says when they had been stored."""

    topics = (event.MEASUREMENTS, event.FEEDBACK)

    def __init__(self, store: SeriesStore, intake: Intake, lag: TwinLag, clock: Callable[[], int]) -> None:
        self._store, self._intake, self._lag, self._clock = store, intake, lag, clock

    def sort(self, records: Sequence[Record]) -> tuple[list[Accepted[MeasurementReport]], list[Refused]]:
        """Decode, and check against the ontology."""
        return self._intake.measurements(records)

    def store(self, accepted: Sequence[Accepted[MeasurementReport]], offsets: Offsets) -> StepResult:
        """One transaction."""
        recorded = [each.record.recorded_at_ns for each in accepted]
        points = self._store.write([each.payload for each in accepted], recorded, offsets)
        observed = [each for each in accepted if each.payload.origin == "observed"]
        self._lag.add(
            np.array([each.payload.end_ns for each in observed], np.int64),
            np.array([each.record.recorded_at_ns for each in observed], np.int64),
            self._clock(),
        )
        return StepResult(points=points)

    def offsets(self) -> Offsets:
        """Where the store goes on in the log."""
        return self._store.offsets()


class GraphSink:
    """Topology changes into a GraphStore."""

    topics = (event.TOPOLOGY,)

    def __init__(self, store: GraphStore, intake: Intake) -> None:
        self._store, self._intake = store, intake

    def sort(self, records: Sequence[Record]) -> tuple[list[Accepted[TopologyChange]], list[Refused]]:
        """Decode, and check against the ontology."""
        return self._intake.changes(records)

    def store(self, accepted: Sequence[Accepted[TopologyChange]], offsets: Offsets) -> StepResult:
        """One transaction, with the time at which the log took each."""
        altered = self._store.apply([each.payload for each in accepted], _times(accepted), offsets)
        return StepResult(changes=altered)

    def offsets(self) -> Offsets:
        """Where the store goes on in the log."""
        return self._store.offsets()


def _times(accepted: Sequence[Accepted[TopologyChange]]) -> list[int]:
    """When each was recorded, in the log's order within each partition: a clock set back counts as standing."""
    latest: dict[tuple[str, int], int] = {}
    times = []
    for each in accepted:
        place, at_ns = (each.record.topic, each.record.partition), each.record.recorded_at_ns
        latest[place] = max(latest.get(place, at_ns), at_ns)
        times.append(latest[place])
    return times
