"""Reading points: which series, which window, and which revision of each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from ranvier.fabric.ports import SeriesFrame, SeriesQuery
from ranvier.fabric.series.paging import decode_cursor, encode_cursor

BEST = """
SELECT place, start_ns, end_ns, value, recorded_at_ns, suspect FROM (
    SELECT w.place, p.*, row_number() OVER (
        PARTITION BY p.series, p.start_ns, p.end_ns
        ORDER BY p.revision DESC, p.recorded_at_ns DESC, p.seq DESC) AS rank
    FROM points p JOIN wanted_series w ON w.id = p.series
    WHERE p.end_ns > $from_ns AND p.end_ns <= $to_ns AND p.recorded_at_ns <= $known_at_ns)
WHERE rank = 1 AND recorded_at_ns > $after_ns
ORDER BY place, end_ns, start_ns
"""

TOUCHED = """
SELECT min(p.end_ns), max(p.end_ns) FROM points p JOIN wanted_series w ON w.id = p.series
WHERE p.end_ns > $from_ns AND p.end_ns <= $to_ns
  AND p.recorded_at_ns <= $known_at_ns AND p.recorded_at_ns > $after_ns
"""


def read(cursor: duckdb.DuckDBPyConnection, query: SeriesQuery) -> SeriesFrame:
    """The frame of a query; the cursor is the caller's own, so reads go on beside the writer."""
    cursor.execute("BEGIN")
    try:
        names = _wanted(cursor, query)
        if not len(names["id"]):
            return empty_frame()
        wanted = pa.table({"id": names["id"], "place": np.arange(len(names["id"]), dtype=np.int64)})
        cursor.register("wanted_series", wanted)
        narrowed = _narrowed(cursor, query) if query.recorded_after_ns >= 0 else query
        if narrowed is None:
            return empty_frame()
        limit = "" if query.limit is None else f" LIMIT {int(query.limit)}"
        rows = cursor.execute(BEST + limit, _bounds(narrowed)).fetchnumpy()
    finally:
        cursor.execute("COMMIT")
    place = rows["place"]
    return SeriesFrame(
        names["object_id"][place], names["quantity"][place], rows["start_ns"], rows["end_ns"],
        rows["value"], rows["recorded_at_ns"], rows["suspect"],
    )  # fmt: skip


def _bounds(query: SeriesQuery) -> dict[str, int]:
    return {
        "from_ns": query.from_ns, "to_ns": query.to_ns,
        "known_at_ns": query.known_at_ns, "after_ns": query.recorded_after_ns,
    }  # fmt: skip


def _narrowed(cursor: duckdb.DuckDBPyConnection, query: SeriesQuery) -> SeriesQuery | None:
    """The window of what was recorded after a time, which is far smaller than the one asked for."""
    row = cursor.execute(TOUCHED, _bounds(query)).fetchall()[0]
    if row[0] is None:
        return None
    return replace(query, from_ns=max(query.from_ns, row[0] - 1), to_ns=min(query.to_ns, row[1]))


def _wanted(cursor: duckdb.DuckDBPyConnection, query: SeriesQuery) -> dict[str, Any]:
    """The series asked for, by object and quantity."""
    where, values = ["tenant = ?", "network = ?", "origin = ?"], [query.tenant, query.network, query.origin]
    for column, among in (("object_id", query.object_ids), ("quantity", query.quantities)):
        if among is not None:
            where.append(f"{column} IN (SELECT unnest(?::VARCHAR[]))")
            values.append(list(among))  # type: ignore[arg-type]
    found: dict[str, Any] = cursor.execute(
        f"SELECT id, object_id, quantity FROM series WHERE {' AND '.join(where)} "
        "ORDER BY object_id, quantity",
        values,
    ).fetchnumpy()
    return found


def page(
    cursor: duckdb.DuckDBPyConnection, owner: tuple[str, str], after: str | None, limit: int
) -> tuple[tuple[tuple[str, str], ...], str | None]:
    """The (object, quantity) pairs of (tenant, network) after a cursor; InputError for one made up."""
    start = decode_cursor(after)
    rows = cursor.execute(
        "SELECT DISTINCT object_id, quantity FROM series WHERE tenant = ? AND network = ? "
        "AND (object_id > ? OR (object_id = ? AND quantity > ?)) ORDER BY object_id, quantity LIMIT ?",
        [*owner, start[0], start[0], start[1], limit + 1],
    ).fetchall()
    found = tuple((row[0], row[1]) for row in rows[:limit])
    return found, encode_cursor(found[-1]) if len(rows) > limit else None


def empty_frame() -> SeriesFrame:
    """No Measurements."""
    text, whole = np.empty(0, np.object_), np.empty(0, np.int64)
    return SeriesFrame(text, text, whole, whole, np.empty(0), whole, np.empty(0, np.bool_))
