"""All versions of all points of a `DuckdbSeries`, in the order of arrival, to write them to another store.

A point that was written twice with one revision and one time of recording is told as often as it was written:
the later one wins here as there. A report's class and source are not kept by the store.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any, NamedTuple

import duckdb

from ranvier.fabric.measurement import MeasurementReport
from ranvier.ontology.errors import OntologyError, StoreError
from ranvier.ontology.ontology import Ontology

BATCH = 20_000
_ROWS = """
SELECT s.tenant, s.network, s.origin, s.object_id, p.start_ns, p.end_ns, p.revision, p.recorded_at_ns, p.suspect,
  s.quantity, p.value, p.seq
FROM (SELECT * FROM points WHERE seq > ? ORDER BY seq LIMIT ?) p JOIN series s ON s.id = p.series ORDER BY p.seq
"""
_REPORT = 9
"""So many columns of `_ROWS` are one report's."""


class Versions(NamedTuple):
    """Some reports with their times of recording; `cursor` goes on after them."""

    cursor: int
    points: int
    reports: list[MeasurementReport]
    recorded_at_ns: list[int]


class SeriesExport:
    """Reads beside the store's own connection. Nobody may write meanwhile."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, ontology: Ontology) -> None:
        self._connection, self._ontology = connection.cursor(), ontology
        self._classes: dict[str, str] = {}

    def close(self) -> None:
        """Release the cursor."""
        self._connection.close()

    def _all(self, query: str, values: list[Any]) -> list[tuple[Any, ...]]:
        try:
            rows: list[tuple[Any, ...]] = self._connection.execute(query, values).fetchall()
        except duckdb.Error as error:
            raise StoreError("a readable series store", str(error), "restore it from a backup") from error
        return rows

    def scopes(self) -> list[tuple[str, str, str]]:
        """The (tenant, network, origin) triples that have points."""
        rows = self._all("SELECT DISTINCT tenant, network, origin FROM series ORDER BY ALL", [])
        return [(row[0], row[1], row[2]) for row in rows]

    def objects(self, tenant: str, network: str, origin: str) -> list[str]:
        """The objects that have points, in their order."""
        query = (
            "SELECT DISTINCT object_id FROM series WHERE tenant = ? AND network = ? AND origin = ? ORDER BY 1"
        )
        return [row[0] for row in self._all(query, [tenant, network, origin])]

    def recorded(self, parts: int) -> list[int]:
        """The times of recording that cut the points into so many equal parts; the latest is the last."""
        shares = [(part + 1) / parts for part in range(parts)]
        row = self._all("SELECT quantile_disc(recorded_at_ns, ?::DOUBLE[]) FROM points", [shares])[0][0]
        return sorted(set(row or ()))

    def total(self, after: int = -1) -> int:
        """How many versions of points there are after a cursor."""
        return int(self._all("SELECT count(*) FROM points WHERE seq > ?", [after])[0][0])

    def versions(self, after: int = -1) -> Iterator[Versions]:
        """What came after a cursor, in batches."""
        while rows := self._all(_ROWS, [after, BATCH]):
            after = rows[-1][-1]
            found = [(key, list(several)) for key, several in groupby(rows, key=lambda row: row[:_REPORT])]
            reports = [self._report(key, several) for key, several in found]
            yield Versions(after, len(rows), reports, [key[7] for key, _ in found])

    def _report(self, key: tuple[Any, ...], rows: list[tuple[Any, ...]]) -> MeasurementReport:
        tenant, network, origin, object_id, start_ns, end_ns, revision, _, suspect = key
        values = {row[9]: row[10] for row in rows}
        return MeasurementReport(
            object_id, self._class(object_id), start_ns, end_ns, values, suspect, revision, origin,
            tenant=tenant, network=network,
        )  # fmt: skip

    def _class(self, object_id: str) -> str:
        found = self._classes.get(object_id)
        if found is None:
            try:
                found = self._ontology.class_of(object_id)
            except OntologyError:
                found = ""
            if len(self._classes) < 100_000:
                self._classes[object_id] = found
        return found
