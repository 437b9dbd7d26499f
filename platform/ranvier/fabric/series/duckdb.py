"""`DuckdbSeries`: Measurements in one DuckDB file.

    reports ► columns ► points (append only, in order of arrival) ─ zone maps on the period's end ► read

A revision is one more row; a read takes, of each natural key, the highest (revision, recorded_at,
sequence) that was recorded by `known_at_ns`. There is no index: rows lie in the order of arrival, which is
nearly that of time, so a window's read skips the row groups outside it by their minima and maxima.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import duckdb
import msgspec

from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.ports import Health, Offsets, SeriesFrame, SeriesQuery
from ranvier.fabric.series import columns, connection, downsampling, selection
from ranvier.fabric.series.export import SeriesExport
from ranvier.fabric.series.intern import SeriesIndex
from ranvier.ontology.ontology import Ontology


class DuckdbSeries:
    """A SeriesStore in one file, for one process: any number of threads read while one writes.

    memory_limit_mb  what DuckDB may use; beyond it reads spill to a folder beside the file
    """

    def __init__(self, path: Path, ontology: Ontology, memory_limit_mb: int = 192) -> None:
        self.path, self._ontology = path, ontology
        self._writing = threading.RLock()
        self._writer = connection.claim(path, memory_limit_mb)
        self._writer.execute(connection.TABLES)
        self._index = SeriesIndex(self._writer)
        self._offsets: dict[tuple[str, int], int] = self._stored_offsets()
        last = self._writer.execute("SELECT coalesce(max(seq), -1) FROM points").fetchall()[0]
        self._sequence = int(last[0]) + 1

    def write(
        self, reports: Sequence[MeasurementReport], recorded_at_ns: int | Sequence[int],
        offsets: Offsets | None = None,
    ) -> int:  # fmt: skip
        """Write reports and the log's offsets in one transaction; how many points were written.

        Raises InputError, and writes nothing, where a value is not finite or a period ends before it starts.
        """
        with self._writing:
            merged = {**self._offsets, **(offsets or {})}
            try:
                with connection.transaction(self._writer):
                    written = self._write(reports, recorded_at_ns)
                    if offsets:
                        self._store_offsets(merged)
            except BaseException:  # a commit may fail too, as on a full disk
                self._index.forget_fresh()
                raise
            self._index.settle()
            self._sequence += written
            self._offsets = merged
        return written

    def _write(self, reports: Sequence[MeasurementReport], recorded_at_ns: int | Sequence[int]) -> int:
        if not reports:
            return 0
        values = columns.values_of(reports)
        numbers = self._index.numbers(reports)
        table = columns.table_of(reports, values, numbers, recorded_at_ns, self._sequence)
        self._writer.register("batch", table)
        try:
            self._writer.execute("INSERT INTO points SELECT * FROM batch")
        finally:
            self._writer.unregister("batch")
        return len(values)

    def _store_offsets(self, offsets: Offsets) -> None:
        text = msgspec.json.encode([[topic, part, offset] for (topic, part), offset in offsets.items()])
        self._writer.execute("UPDATE progress SET offsets = ?", [text.decode()])

    def _stored_offsets(self) -> dict[tuple[str, int], int]:
        text = self._writer.execute("SELECT offsets FROM progress").fetchall()[0][0]
        rows = msgspec.json.decode(text, type=list[tuple[str, int, int]])
        return {(topic, part): offset for topic, part, offset in rows}

    def read(self, query: SeriesQuery) -> SeriesFrame:
        """One value for each natural key, as known at the query's `known_at_ns`."""
        with self._writer.cursor() as cursor:
            return selection.read(cursor, query)

    def downsample(self, query: SeriesQuery, period_ns: int) -> SeriesFrame:
        """One value for each object, quantity and period, as the ontology aggregates the quantity."""
        with self._writer.cursor() as cursor:
            return downsampling.downsample(
                lambda wider: selection.read(cursor, wider), self._ontology, query, period_ns
            )

    def series(
        self, tenant: str, network: str, cursor: str | None = None, limit: int = 100
    ) -> tuple[tuple[tuple[str, str], ...], str | None]:
        """The (object, quantity) pairs that have points, a page at a time, and the next cursor."""
        with self._writer.cursor() as reader:
            return selection.page(reader, (tenant, network), cursor, limit)

    def forget(self, before_ns: int) -> int:
        """Delete points whose period ended before `before_ns`, and series left without any."""
        with self._writing:
            with connection.transaction(self._writer):
                gone = self._writer.execute("DELETE FROM points WHERE end_ns < ?", [before_ns]).fetchall()
                self._writer.execute(
                    "DELETE FROM series WHERE id NOT IN (SELECT DISTINCT series FROM points)"
                )
            self._index.clear()
            self._writer.execute("CHECKPOINT")
        return int(gone[0][0])

    def offsets(self) -> Offsets:
        """Where this sink goes on in the log."""
        return dict(self._offsets)

    def export(self) -> SeriesExport:
        """All versions of all points, to write them to another store; close it after use."""
        return SeriesExport(self._writer, self._ontology)

    def ping(self) -> Health:
        """Whether the store answers, with DuckDB's version, rows, series and size in bytes."""
        try:
            with self._writer.cursor() as cursor:
                return connection.ping(cursor, self.path)
        except (duckdb.Error, OSError) as error:
            return Health("series store (DuckDB)", False, error=str(error))

    def close(self) -> None:
        """Release the file."""
        with self._writing:
            connection.release(self.path, self._writer)
