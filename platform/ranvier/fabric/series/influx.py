"""`InfluxSeries`: Measurements in InfluxDB 2.

    write: reports ► lines ► copies ► batches, each acknowledged ► then the log's offsets
    read:  query ► InfluxQL ► columns ► winning versions

How points lie there, and the bound on the number of series, is told in `influx_layout`; what keeps versions
apart, in `influx_versions`. Every batch is sent synchronously and its answer read: a point is stored, or
refused with an error that says so, or the batch comes again.

InfluxDB has no transactions. The data is stored before the offsets, so after a crash the data may be ahead of
them; the records that then come again are found to be there, and left out. A reader may see part of a batch.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.ports import Health, Offsets, SeriesFrame, SeriesQuery
from ranvier.fabric.series import (
    influx_buckets,
    influx_health,
    influx_listing,
    influx_progress,
    influx_reading,
    influx_tasks,
    influx_versions,
    influx_windows,
)
from ranvier.fabric.series.influx_client import InfluxClient
from ranvier.fabric.series.influx_config import InfluxConfig
from ranvier.fabric.series.influx_layout import EARLIEST_NS, FEEDBACK, LATEST_NS, OBSERVED, STATE
from ranvier.fabric.series.influx_lines import Line, LineWriter
from ranvier.ontology.errors import InputError
from ranvier.ontology.ontology import Ontology

__all__ = ["InfluxConfig", "InfluxSeries"]


class InfluxSeries:
    """A SeriesStore on a server: any number of threads read while one writes.

    Several processes may write, each its own objects (its own partitions of the log).
    """

    def __init__(self, config: InfluxConfig, ontology: Ontology) -> None:
        self._config, self._ontology = config, ontology
        self._writing = threading.RLock()
        self._client = InfluxClient(config)
        self._writer = LineWriter(config.known_series)
        self._counting = True
        try:
            self._buckets = influx_buckets.ensure(self._client, config)
            influx_tasks.ensure(self._client, config, ontology)
        except BaseException:
            self._client.close()
            raise

    def write(
        self, reports: Sequence[MeasurementReport], recorded_at_ns: int | Sequence[int],
        offsets: Offsets | None = None,
    ) -> int:  # fmt: skip
        """Write reports, then the log's offsets; how many points were written that were not there.

        Raises InputError, and writes nothing, where a value is not finite or a period is impossible. Raises it
        too where the server refuses a point (one older than the retention): others of its batch may then be
        stored, and are left out when they come again.
        """
        with self._writing:
            written = self._store(self._writer.lines(reports, recorded_at_ns))
            if offsets:
                self._client.write(self._config.bucket(STATE), influx_progress.lines_of(offsets))
        return written

    def _store(self, lines: Sequence[Line]) -> int:
        try:
            chosen, known = influx_versions.place(lines, self._select)
            for measurement in (OBSERVED, FEEDBACK):
                self._send(measurement, [each for each in chosen if each[0].track.key[0] == measurement])
        except BaseException:
            influx_versions.distrust(lines)
            raise
        influx_versions.settle(known)
        return sum(line.points for line, _ in chosen)

    def _send(self, measurement: str, chosen: Sequence[tuple[Line, int]]) -> None:
        size = self._config.lines_per_request
        for first in range(0, len(chosen), size):
            some = chosen[first : first + size]
            try:
                self._client.write(self._config.bucket(measurement), [line.text(copy) for line, copy in some])
            except InputError as error:
                keys = sorted({line.track.key[3] for line, _ in some})
                raise InputError(
                    f"{len(some)} reports that InfluxDB takes, of {', '.join(keys[:3])[:500]}", error.got,
                    "see whether they are older than the retention; leave out what cannot be stored",
                ) from error  # fmt: skip

    def _select(self, measurement: str, influxql: str) -> bytes:
        return self._client.select(self._config.bucket(measurement), influxql)

    def read(self, query: SeriesQuery) -> SeriesFrame:
        """One value for each natural key, as known at the query's `known_at_ns`."""
        return influx_reading.read(self._select, query)

    def downsample(self, query: SeriesQuery, period_ns: int) -> SeriesFrame:
        """One value for each object, quantity and period, as the ontology aggregates the quantity."""
        bucket = self._config.bucket(OBSERVED)
        sources = influx_windows.Sources(bucket, self._client.flux, self._select, self._ontology)
        return influx_windows.downsample(sources, query, period_ns)

    def series(
        self, tenant: str, network: str, cursor: str | None = None, limit: int = 100
    ) -> tuple[tuple[tuple[str, str], ...], str | None]:
        """The (object, quantity) pairs that have points, a page at a time, and the next cursor."""
        return influx_listing.page(self._select, (tenant, network), cursor, limit)

    def forget(self, before_ns: int) -> int:
        """Delete points, all versions of them, whose period ended before `before_ns`; how many went.

        What the downsampling tasks made of them stays: it has a retention of its own.
        """
        before_ns = min(before_ns, LATEST_NS)
        if before_ns <= EARLIEST_NS:
            return 0
        span = {"start": influx_listing.rfc3339(EARLIEST_NS), "stop": influx_listing.rfc3339(before_ns - 1)}
        gone = 0
        with self._writing:
            self._writer.forget()
            for measurement in (OBSERVED, FEEDBACK):
                gone += influx_listing.count(self._select, measurement, before_ns)
                target = {"org": self._config.org, "bucket": self._config.bucket(measurement)}
                self._client.ask("POST", "/api/v2/delete", target, span)
        return gone

    def offsets(self) -> Offsets:
        """Where this sink goes on in the log.

        Asked when partitions are gained: others may have written their objects, so what is remembered of
        series is forgotten.
        """
        with self._writing:
            self._writer.forget()
            return influx_progress.stored(self._select)

    def ping(self) -> Health:
        """Whether the server answers, with its version and delay, and series, points and bytes."""
        health = influx_health.ping(self._client, self._config, self._buckets, self._counting)
        self._counting = self._counting and (not health.ok or "points" in health.detail)
        return health

    def close(self) -> None:
        """Close the connections."""
        with self._writing:
            self._client.close()
