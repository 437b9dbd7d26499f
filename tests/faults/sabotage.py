"""Ways to break ingest on purpose, each a loss or an invention that the verifier must notice."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from ranvier.fabric.event import DEAD_LETTERS
from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.ports import Entry, EventLog, GraphStore, Offsets, SeriesStore
from ranvier.fabric.topology_change import TopologyChange

EVERY = 7
"""One call in so many is broken."""


class Broken:
    """Passes on what it does not break, and counts the calls of what it does."""

    def __init__(self, inner: Any) -> None:
        self._inner, self._calls = inner, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def _due(self) -> bool:
        self._calls += 1
        return self._calls % EVERY == 0


class ChangedSeries(Broken):
    """A series store that gets something else than what was accepted, under the same offsets."""

    def __init__(
        self, inner: Any, change: Callable[[list[MeasurementReport]], list[MeasurementReport]]
    ) -> None:
        super().__init__(inner)
        self._change = change

    def write(
        self, reports: Sequence[MeasurementReport], recorded: Any, offsets: Offsets | None = None
    ) -> int:
        if not reports or not self._due():
            return int(self._inner.write(reports, recorded, offsets))
        changed = self._change(list(reports))
        times = [recorded] * len(reports) if isinstance(recorded, int) else list(recorded)
        times = (times + times[-1:] * len(changed))[: len(changed)]
        return int(self._inner.write(changed, times, offsets))


class OffsetsFirst(Broken):
    """A series store that says where it goes on before it has the data: a crash between the two loses them."""

    between: Callable[[], None] = staticmethod(lambda: time.sleep(0.1))

    def write(
        self, reports: Sequence[MeasurementReport], recorded: Any, offsets: Offsets | None = None
    ) -> int:
        self._inner.write([], [], offsets)
        self.between()
        return int(self._inner.write(reports, recorded))


class ForgetfulGraph(Broken):
    """A graph that loses a change now and then."""

    def apply(self, changes: Sequence[TopologyChange], recorded: Any, offsets: Offsets | None = None) -> int:
        if not changes or not self._due():
            return int(self._inner.apply(changes, recorded, offsets))
        times = recorded if isinstance(recorded, int) else recorded[:-1]
        return int(self._inner.apply(changes[:-1], times, offsets))


class LetterThief(Broken):
    """A log that takes dead letters and keeps none of every seventh call."""

    def append(self, topic: str, entries: Sequence[Entry], recorded_at_ns: int) -> None:
        if topic == DEAD_LETTERS and self._due():
            return
        self._inner.append(topic, entries, recorded_at_ns)


class LetterCopier(Broken):
    """A log that takes each dead letter twice."""

    def append(self, topic: str, entries: Sequence[Entry], recorded_at_ns: int) -> None:
        self._inner.append(topic, entries, recorded_at_ns)
        if topic == DEAD_LETTERS and self._due():
            self._inner.append(topic, entries, recorded_at_ns)


def _merged(reports: list[MeasurementReport]) -> list[MeasurementReport]:
    """The second of two gets the first one's values: points merged by accident."""
    if len(reports) < 2:
        return reports
    return [reports[0], msgspec.structs.replace(reports[1], values=reports[0].values), *reports[2:]]


def _invented(reports: list[MeasurementReport]) -> list[MeasurementReport]:
    return [*reports, msgspec.structs.replace(reports[0], object_id="NRCellDU=invented")]


SABOTAGES: dict[str, Callable[[Any, Any, Any], tuple[Any, Any, Any]]] = {
    "": lambda log, graph, series: (log, graph, series),
    "drops a report": lambda log, graph, series: (log, graph, ChangedSeries(series, lambda r: r[:-1])),
    "loses a batch": lambda log, graph, series: (log, graph, ChangedSeries(series, lambda r: [])),
    "merges points": lambda log, graph, series: (log, graph, ChangedSeries(series, _merged)),
    "invents a point": lambda log, graph, series: (log, graph, ChangedSeries(series, _invented)),
    "repeats a report": lambda log, graph, series: (log, graph, ChangedSeries(series, lambda r: [*r, r[-1]])),
    "offsets before data": lambda log, graph, series: (log, graph, OffsetsFirst(series)),
    "drops a change": lambda log, graph, series: (log, ForgetfulGraph(graph), series),
    "loses letters": lambda log, graph, series: (LetterThief(log), graph, series),
    "copies letters": lambda log, graph, series: (LetterCopier(log), graph, series),
}


def apply(
    name: str, log: EventLog, graph: GraphStore, series: SeriesStore
) -> tuple[EventLog, GraphStore, SeriesStore]:
    """The stores, broken in the way of that name; "" leaves them whole."""
    return SABOTAGES[name](log, graph, series)
