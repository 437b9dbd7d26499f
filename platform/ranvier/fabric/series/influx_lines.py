"""Reports as line protocol, each line without its version yet.

    reports ► validated columns ► Line(series, end, fields, fingerprint) ► versions ► text

Nothing is sent before every report of the batch was found possible.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain, islice

import msgspec

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


PLAIN = re.compile(r"[A-Za-z0-9._-]+")
"""Names that are the same in JSON and in a line."""

AS_FIELDS = bytes.maketrans(b":", b"=")
ODD = re.compile(rb":[^-0-9]")
"""A value in JSON that is not a finite number."""

Versions = tuple[int | None, ...]
"""The fingerprint of each copy of one series and end; None for a copy that is missing."""


@dataclass(slots=True, eq=False)
class Track:
    """What this process knows of one series of reports, over all copies.

    newest_ns  no point of the series ends after it; None where that is not known
    versions   fingerprints of the lines that end then, by copy; None where they are not known
    """

    key: SeriesKey
    tags: str
    newest_ns: int | None = None
    versions: Versions | None = None


class Line(msgspec.Struct, eq=False):
    """One report that may be written: what it says, and where it belongs. Never altered."""

    track: Track
    end_ns: int
    fields: str
    print: int
    points: int

    def text(self, copy: int) -> str:
        """The line, as version `copy`."""
        version = f",copy={copy:03d}" if copy else ""
        series = f"{self.track.key[0]}{version},{self.track.tags}"
        return f"{series} {self.fields},{PRINT}={self.print}i {self.end_ns}"


class LineWriter:
    """Makes lines; remembers names and series, in bounded memory. Used by the writing thread only."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._tracks: dict[tuple[str, str, str, str, str], Track] = {}
        self._layouts: dict[tuple[str, ...], str | None] = {}
        self._lanes: dict[str, str] = {OBSERVED: ""}

    def lines(self, reports: Sequence[MeasurementReport], recorded_at_ns: int | Sequence[int]) -> list[Line]:
        """A line for each report that has values, in order.

        Raises InputError where a value is not finite, or a period is impossible or beyond InfluxDB's times.
        """
        start, end, _, recorded = columns.times_of(reports, recorded_at_ns)
        if len(reports):
            _check_reach(reports, int(end.min()), int(end.max()))
        said = self._fields(reports, recorded.tolist())
        made = []
        for report, period, end_ns, fields in zip(
            reports, periods_of(start, end), end.tolist(), said, strict=True
        ):
            if fields is None:
                continue
            more = not period or report.revision or report.suspect or report.origin != OBSERVED
            text = fields + _rest(report, period) if more else fields
            track = self._track(report, period)
            made.append(Line(track, end_ns, text, _print(text), len(report.values)))
        self._shrink()
        return made

    def _fields(self, reports: Sequence[MeasurementReport], recorded: list[int]) -> list[str | None]:
        """The quantities and time of recording of each report; None for one without values.

        All reports of one layout are written together, which is what makes a line cheap.
        """
        groups: dict[tuple[str, ...], list[int]] = {}
        for place, report in enumerate(reports):
            groups.setdefault(tuple(report.values), []).append(place)
        said: list[str | None] = [None] * len(reports)
        for layout, places in groups.items():
            if not layout:
                continue
            several = [reports[place] for place in places]
            fields = self._said(layout, several)
            for place, text in zip(places, fields, strict=True):
                said[place] = f"{text},{RECORDED}={recorded[place]}i"
        return said

    def _said(self, layout: tuple[str, ...], reports: Sequence[MeasurementReport]) -> list[str]:
        """The quantities of reports of one layout.

        JSON's encoder writes numbers as InfluxDB reads them, each as the shortest text that reads back as the
        same float, and faster than anything else. Where the names are plain its objects are fields but for
        the punctuation.
        """
        template = self._layout(layout)
        if template is None:
            try:
                text = msgspec.json.encode([report.values for report in reports])
            except (TypeError, OverflowError):
                text = b":null"
            if not ODD.search(text):
                return text.translate(AS_FIELDS, b'"')[2:-2].decode().split("},{")
            template = _template(layout)
        lines = (template * len(reports) % tuple(_texts(reports))).split("\n")
        return lines[:-1]

    def _layout(self, quantities: tuple[str, ...]) -> str | None:
        """A template of the fields of reports with these quantities; None where their names are plain."""
        if quantities not in self._layouts:
            if len(self._layouts) > self._capacity:
                self._layouts.clear()
            plain = all(PLAIN.fullmatch(name) and encode(name) == name for name in quantities)
            self._layouts[quantities] = None if plain else _template(quantities)
        return self._layouts[quantities]

    def _track(self, report: MeasurementReport, period: str) -> Track:
        lane = self._lanes.get(report.origin)
        if lane is None:
            lane = self._lane(report.origin)
        place = (report.object_id, period, report.network, report.tenant, lane)
        found = self._tracks.get(place)
        if found is None:
            measurement = measurement_of(report.origin)
            key = (measurement, report.tenant, report.network, report.object_id, period, lane)
            found = self._tracks[place] = Track(key, tags(*key))
        return found

    def _lane(self, origin: str) -> str:
        if len(self._lanes) > self._capacity:
            self._lanes = {OBSERVED: ""}
        lane = self._lanes[origin] = lane_of(origin)
        return lane

    def _shrink(self) -> None:
        """Forget the series that came first: what is said of them next is looked up again."""
        surplus = len(self._tracks) - self._capacity
        if surplus > 0:
            for place in list(islice(self._tracks, surplus + self._capacity // 8)):
                del self._tracks[place]

    def forget(self) -> None:
        """Know of no series any more, as after a deletion, or when others may have written."""
        self._tracks.clear()


def _template(quantities: tuple[str, ...]) -> str:
    names = (in_line(encode(name)).replace("%", "%%") for name in quantities)
    return ",".join(f"{name}=%s" for name in names) + "\n"


def _texts(reports: Sequence[MeasurementReport]) -> list[str]:
    """All values in a row. What is not a finite float JSON spells with letters."""
    values = list(chain.from_iterable(report.values.values() for report in reports))
    try:
        text = msgspec.json.encode(values)
    except (TypeError, OverflowError):
        text = b"null"
    if b"u" in text or b"s" in text:
        text = msgspec.json.encode(columns.values_of(reports).tolist())
    return text[1:-1].decode().split(",")


def _rest(report: MeasurementReport, period: str) -> str:
    """The fields that few reports need."""
    rest = "" if period else f",{START}={report.start_ns}i"
    if report.revision:
        rest += f",{REVISION}={report.revision}i"
    if report.suspect:
        rest += f",{SUSPECT}=true"
    if report.origin != OBSERVED:
        rest += f',{RUN}="{encode(report.origin)}"'
    return rest


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
