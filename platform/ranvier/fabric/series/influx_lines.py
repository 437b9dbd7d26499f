"""Reports as line protocol, each line without its version yet.

    reports ► validated columns ► Line(series, end, fields, fingerprint) ► versions ► text

Nothing is sent before every report of the batch was found possible.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice

import numpy as np

from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.series import columns
from ranvier.fabric.series.influx_layout import (
    EARLIEST_NS,
    LATEST_NS,
    OBSERVED,
    PRINT,
    RECORDED,
    REVISION,
    RUN,
    START,
    SUSPECT,
    lane_of,
    measurement_of,
    periods_of,
    tags,
)
from ranvier.fabric.series.influx_names import encode, in_line
from ranvier.ontology.errors import InputError

SeriesKey = tuple[str, str, str, str, str, str]
"""(measurement, tenant, network, object, period, lane), as they are, not encoded."""


@dataclass(slots=True, eq=False)
class Track:
    """What this process knows of one series of reports, over all copies.

    newest_ns  no point of the series ends after it; None where that is not known
    versions   fingerprint to copy of the lines that end then; None where they are not known
    """

    key: SeriesKey
    tags: str
    newest_ns: int | None = None
    versions: dict[int, int] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One report that may be written: what it says, and where it belongs."""

    track: Track
    end_ns: int
    fields: str
    print: int
    points: int

    def text(self, copy: int) -> str:
        """The line, as version `copy`."""
        version = f",copy={copy}" if copy else ""
        series = f"{self.track.key[0]}{version},{self.track.tags}"
        return f"{series} {self.fields},{PRINT}={self.print}i {self.end_ns}"


class LineWriter:
    """Makes lines; remembers names and series, in bounded memory. Used by the writing thread only."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._tracks: dict[SeriesKey, Track] = {}
        self._layouts: dict[tuple[str, ...], list[str]] = {}

    def lines(self, reports: Sequence[MeasurementReport], recorded_at_ns: int | Sequence[int]) -> list[Line]:
        """A line for each report that has values, in order.

        Raises InputError where a value is not finite, or a period is impossible or beyond InfluxDB's times.
        """
        values = map(repr, columns.values_of(reports).tolist())
        start, end, revision, recorded = columns.times_of(reports, recorded_at_ns)
        if len(reports):
            _check_reach(reports, int(end.min()), int(end.max()))
        periods = periods_of(start, end)
        made = []
        each = zip(reports, periods, end.tolist(), revision.tolist(), recorded.tolist(), strict=True)
        for report, period, end_ns, number, recorded_ns in each:
            layout = self._layout(tuple(report.values))
            if not layout:
                continue
            said = [name + value for name, value in zip(layout, islice(values, len(layout)), strict=True)]
            said.append(f"{RECORDED}={recorded_ns}i")
            if not period:
                said.append(f"{START}={report.start_ns}i")
            if number:
                said.append(f"{REVISION}={number}i")
            if report.suspect:
                said.append(f"{SUSPECT}=true")
            if report.origin != OBSERVED:
                said.append(f'{RUN}="{encode(report.origin)}"')
            fields = ",".join(said)
            made.append(Line(self._track(report, period), end_ns, fields, _print(fields), len(layout)))
        self._shrink()
        return made

    def _layout(self, quantities: tuple[str, ...]) -> list[str]:
        found = self._layouts.get(quantities)
        if found is None:
            if len(self._layouts) > self._capacity:
                self._layouts.clear()
            found = self._layouts[quantities] = [f"{in_line(encode(q))}=" for q in quantities]
        return found

    def _track(self, report: MeasurementReport, period: str) -> Track:
        origin = report.origin
        key = (
            measurement_of(origin), report.tenant, report.network, report.object_id, period, lane_of(origin)
        )  # fmt: skip
        found = self._tracks.get(key)
        if found is None:
            found = self._tracks[key] = Track(key, tags(*key))
        return found

    def _shrink(self) -> None:
        """Forget the series that came first: what is said of them next is looked up again."""
        surplus = len(self._tracks) - self._capacity
        if surplus > 0:
            for key in list(islice(self._tracks, surplus + self._capacity // 8)):
                del self._tracks[key]

    def forget(self) -> None:
        """Know of no series any more, as after a deletion, or when others may have written."""
        self._tracks.clear()


def _print(fields: str) -> int:
    """64 bits that tell what a line says from whatever else is said of the same series and end."""
    return int.from_bytes(blake2b(fields.encode(), digest_size=8).digest(), "little", signed=True)


def _check_reach(reports: Sequence[MeasurementReport], first_ns: int, last_ns: int) -> None:
    if first_ns < EARLIEST_NS or last_ns > LATEST_NS:
        bad = next(r for r in reports if not EARLIEST_NS <= r.end_ns <= LATEST_NS)
        raise InputError(
            f"a period that ends in [{EARLIEST_NS}, {LATEST_NS}] ns", f"{bad.end_ns} of {bad.object_id}",
            "mend its times",
        )  # fmt: skip


def points_of(lines: Sequence[Line]) -> int:
    """How many points these lines hold."""
    return int(np.sum([line.points for line in lines], dtype=np.int64))
