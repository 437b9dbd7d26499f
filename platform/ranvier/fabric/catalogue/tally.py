"""`Tally`: counts what comes into one dataset, as observations for the catalogue.

    source.read ► Tally.watch ► publish      (records pass on unchanged)
                      └► Observation ► Catalogue.observe

It remembers, for each managed object, how many quantities it reports and its latest periods, so its memory
is bounded by the size of the network. A period that an object reports again counts as revised, if it is among
the object's last `REMEMBERED`, or older than those and the report says so by its revision.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

import msgspec

from ranvier.fabric.catalogue.dataset import Dataset
from ranvier.fabric.catalogue.port import Observation
from ranvier.fabric.catalogue.quality import DAY_NS, QualityState, lag_bin
from ranvier.fabric.catalogue.run import SourceFile
from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.sources.source import Bad, Good

REMEMBERED = 16
"""How many of its latest periods are remembered of each object."""


class _Day:
    """What came on one day, while it is counted."""

    __slots__ = ("accepted", "first_ns", "lags", "last_ns", "received", "recorded_ns", "refused",
                 "revised", "series", "suspect", "timely")  # fmt: skip

    def __init__(self) -> None:
        self.accepted = self.refused = self.received = self.revised = self.suspect = self.timely = 0
        self.series = self.first_ns = self.last_ns = self.recorded_ns = 0
        self.lags: dict[int, int] = {}

    def state(self) -> QualityState:
        """The day as a state."""
        return QualityState(
            self.received, self.revised, self.suspect, self.timely, self.accepted, self.refused,
            self.series, self.first_ns, self.last_ns, self.recorded_ns, self.lags,
        )  # fmt: skip


class _Known:
    """What is remembered of one object: its quantities, and those of its latest periods, as sets of bits."""

    __slots__ = ("ends", "quantities")

    def __init__(self) -> None:
        self.quantities = 0
        self.ends: dict[int, int] = {}

    def news(self, report: MeasurementReport, quantities: int) -> int:
        """How many of the report's values are the first of their period."""
        before = self.ends.get(report.end_ns)
        if before is None:
            if len(self.ends) == REMEMBERED:
                oldest = min(self.ends)
                if report.end_ns < oldest:
                    return 0 if report.revision > 0 else quantities.bit_count()
                del self.ends[oldest]
            before = 0
        self.ends[report.end_ns] = before | quantities
        return (quantities & ~before).bit_count()


class Tally:
    """Counts for one dataset. Not for several threads at once."""

    def __init__(self, dataset: Dataset, run_id: str = "") -> None:
        self._dataset, self._run_id = dataset, run_id
        within_s = dataset.timely_within_s if dataset.timely_within_s is not None else dataset.period_s
        self._timely_ns = 2**63 if within_s is None else round(within_s * 1e9)
        self._objects: dict[str, _Known] = {}
        self._bits: dict[str, int] = {}
        self._series = 0
        self._days: dict[int, _Day] = {}

    def watch(self, records: Iterable[Good | Bad], recorded_at_ns: int) -> Iterator[Good | Bad]:
        """Pass records on and count them; `recorded_at_ns` is when they came."""
        for record in records:
            if isinstance(record, Bad):
                day = self._day(recorded_at_ns)
                day.refused += 1
                day.recorded_ns = max(day.recorded_ns, recorded_at_ns)
            elif not record.derived:
                self.count(record.payload, recorded_at_ns)
            yield record

    def count(self, payload: object, recorded_at_ns: int) -> None:
        """Count one accepted payload."""
        if isinstance(payload, MeasurementReport):
            day = self._day(payload.end_ns - 1)
            self._count_points(day, payload, recorded_at_ns)
        else:
            day = self._day(recorded_at_ns)
        day.accepted += 1
        day.recorded_ns = max(day.recorded_ns, recorded_at_ns)

    def file(self, name: str, raw: bytes, adapter: str, received_at_ns: int) -> Observation:
        """What was counted since the last call, as the content of this file; the count begins anew."""
        taken = self.take()
        total = sum(taken.days.values(), QualityState())
        file = SourceFile(
            name, hashlib.sha256(raw).hexdigest(), len(raw), adapter, received_at_ns, self._run_id,
            total.accepted, total.refused, total.first_ns, total.last_ns,
        )  # fmt: skip
        return msgspec.structs.replace(taken, file=file)

    def take(self) -> Observation:
        """What was counted since the last call, without a file; the count begins anew."""
        days, self._days = self._days, {}
        states = {day: counted.state() for day, counted in days.items()}
        return Observation(self._dataset.dataset_id, states, tenant=self._dataset.tenant)

    def _day(self, at_ns: int) -> _Day:
        index = at_ns // DAY_NS
        day = self._days.get(index)
        if day is None:
            day = self._days[index] = _Day()
        return day

    def _count_points(self, day: _Day, report: MeasurementReport, recorded_at_ns: int) -> None:
        quantities = 0
        for name in report.values:
            quantities |= self._bits.setdefault(name, 1 << len(self._bits))
        known = self._objects.get(report.object_id)
        if known is None:
            known = self._objects[report.object_id] = _Known()
        self._series += (quantities & ~known.quantities).bit_count()
        known.quantities |= quantities
        fresh, lag_ns = known.news(report, quantities), recorded_at_ns - report.end_ns
        day.received += fresh
        day.revised += len(report.values) - fresh
        day.suspect += len(report.values) if report.suspect else 0
        day.timely += fresh if lag_ns <= self._timely_ns else 0
        day.series = self._series
        day.first_ns = min(day.first_ns, report.start_ns) if day.last_ns else report.start_ns
        day.last_ns = max(day.last_ns, report.end_ns)
        if fresh:
            place = lag_bin(lag_ns)
            day.lags[place] = day.lags.get(place, 0) + fresh
