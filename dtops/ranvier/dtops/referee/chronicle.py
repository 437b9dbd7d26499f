"""`Chronicle`: what an archive tells, in the order in which it became known.

    records of each file ► add (known_at) ► buckets on disk ► sort a bucket at a time ► Cursor.take(until)

An archive's files overlap, and its order says nothing about when a thing was known. So everything is put
into buckets by the time at which it became known, and a bucket is sorted when it is read: memory holds one
bucket, whatever the size of the archive.
"""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.ports import SeriesFrame
from ranvier.fabric.topology_change import NodeChange, RelationChange

POINT = np.dtype(
    [
        ("who", "<u4"), ("what", "<u4"), ("start", "<i8"), ("end", "<i8"), ("known", "<i8"),
        ("value", "<f8"), ("revision", "<i4"), ("order", "<u8"),
    ]
)  # fmt: skip
BUCKET_NS = 900 * 10**9
_FLUSH = 200_000
SHOWN_REFUSALS = 3
Points = NDArray[np.void]
Change = NodeChange | RelationChange


@dataclass(slots=True)
class Names:
    """Numbers for names, in order of first sight."""

    names: list[str] = field(default_factory=list)
    index: dict[str, int] = field(default_factory=dict)

    def number(self, name: str) -> int:
        """The number of a name, a new one if it is new."""
        number = self.index.get(name)
        if number is None:
            number = self.index[name] = len(self.names)
            self.names.append(name)
        return number

    def __len__(self) -> int:
        return len(self.names)


@dataclass(slots=True)
class Census:
    """What was put in: figures for the report."""

    reports: int = 0
    values: int = 0
    suspect: int = 0
    unfollowed: int = 0
    changes: int = 0
    archive: str = ""
    files: int = 0
    unreadable: Counter[str] = field(default_factory=Counter)
    first_refusals: list[str] = field(default_factory=list)
    first_ns: int = 2**63 - 1
    last_ns: int = 0

    def refuse(self, source: str, position: str, reason: str) -> None:
        """Count a record that could not be read, by what was expected; the first few are kept in full."""
        self.unreadable[reason.split(";", 1)[0][:100]] += 1
        if len(self.first_refusals) < SHOWN_REFUSALS:
            self.first_refusals.append(f"{source}, {position}: {reason[:300]}")


class Chronicle:
    """All of an archive on disk, in buckets by known time. A context manager: leaving it deletes the disk copy."""

    def __init__(self, quantities: tuple[str, ...] | None = None, folder: Path | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="ranvier-chronicle-", dir=folder)
        self._quantities = None if quantities is None else frozenset(quantities)
        self._rows: dict[int, list[tuple[int, int, int, int, int, float, int, int]]] = defaultdict(list)
        self._held = 0
        self._periods: dict[str, Counter[int]] = defaultdict(Counter)
        self._changes: list[tuple[int, int, Change]] = []
        self.objects, self.kinds, self.census = Names(), Names(), Census()
        self.class_of: dict[str, str] = {}

    def add(self, payload: MeasurementReport | Change, known_at_ns: int) -> None:
        """Put in one payload. Suspect reports are counted and left out: the network itself doubts them."""
        if not isinstance(payload, MeasurementReport):
            self.census.changes += 1
            self._changes.append((known_at_ns, self.census.changes, payload))
            return
        census = self.census
        census.reports += 1
        if payload.suspect:
            census.suspect += len(payload.values)
            return
        who = self.objects.number(payload.object_id)
        self.class_of.setdefault(payload.object_id, payload.object_class)
        bucket = self._rows[known_at_ns // BUCKET_NS]
        for quantity, value in payload.values.items():
            if self._quantities is not None and quantity not in self._quantities:
                census.unfollowed += 1
                continue
            census.values += 1
            what = self.kinds.number(quantity)
            self._periods[quantity][payload.end_ns - payload.start_ns] += 1
            bucket.append(
                (who, what, payload.start_ns, payload.end_ns, known_at_ns, value, payload.revision,
                 census.values)
            )  # fmt: skip
            self._held += 1
        census.first_ns, census.last_ns = (
            min(census.first_ns, payload.end_ns), max(census.last_ns, payload.end_ns)
        )  # fmt: skip
        if self._held >= _FLUSH:
            self._flush()

    def _flush(self) -> None:
        for bucket, rows in self._rows.items():
            if rows:
                with self._path(bucket).open("ab") as file:
                    np.array(rows, dtype=POINT).tofile(file)
        self._rows.clear()
        self._held = 0

    def _path(self, bucket: int) -> Path:
        return Path(self._folder.name) / f"{bucket:020d}.points"

    def buckets(self) -> Iterator[Points]:
        """The points, a bucket at a time, in order of known time, then as they were added."""
        self._flush()
        for path in sorted(Path(self._folder.name).glob("*.points")):
            points = np.fromfile(path, dtype=POINT)
            yield points[np.lexsort((points["order"], points["known"]))]

    def step_of(self, quantity: str, instant_ns: int) -> int:
        """The commonest granularity period of a quantity; `instant_ns` where it is measured at instants."""
        period = self._periods[quantity].most_common(1)[0][0]
        return period if period > 0 else instant_ns

    def changes(self) -> list[tuple[int, Change]]:
        """The changes of topology with the time at which they became known, in that order."""
        return [(known, change) for known, _, change in sorted(self._changes, key=lambda item: item[:2])]

    def frame(self, points: Points) -> SeriesFrame:
        """Points as a SeriesFrame, in the order of the points."""
        objects = np.array(self.objects.names, dtype=object)
        kinds = np.array(self.kinds.names, dtype=object)
        return SeriesFrame(
            objects[points["who"]], kinds[points["what"]], points["start"], points["end"], points["value"],
            points["known"], np.zeros(len(points), dtype=bool),
        )  # fmt: skip

    def close(self) -> None:
        """Delete the disk copy."""
        self._folder.cleanup()

    def __enter__(self) -> Chronicle:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Cursor:
    """Reads a Chronicle forward, and only forward: what `take` has not been asked for stays unread."""

    def __init__(self, chronicle: Chronicle, quantities: Sequence[str] = ()) -> None:
        self._buckets = chronicle.buckets()
        self._only = [
            i for i, name in enumerate(chronicle.kinds.names) if name in quantities or not quantities
        ]
        self._chunk = np.zeros(0, dtype=POINT)
        self._place = 0
        self.taken = 0

    def next_known_ns(self) -> int | None:
        """When the next thing becomes known; None at the end."""
        while self._place >= len(self._chunk):
            chunk = next(self._buckets, None)
            if chunk is None:
                return None
            self._chunk, self._place = chunk[np.isin(chunk["what"], self._only)], 0
        return int(self._chunk["known"][self._place])

    def take(self, until_ns: int) -> Points:
        """What became known after the last call, by `until_ns` (inclusive)."""
        parts = []
        while (known := self.next_known_ns()) is not None and known <= until_ns:
            end = int(np.searchsorted(self._chunk["known"], until_ns, side="right"))
            parts.append(self._chunk[self._place : end])
            self._place = end
        points = np.concatenate(parts) if parts else np.zeros(0, dtype=POINT)
        self.taken += len(points)
        return points
