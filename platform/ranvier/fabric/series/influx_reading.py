"""Reading reports out of InfluxDB as a `SeriesFrame`.

    query ► InfluxQL by object, period and copy ► CSV ► columns ► the winning version of each natural key

InfluxQL rather than Flux: the fields of a line come together, so nothing is pivoted, and integers come whole.
The window, the objects, the run and `known_at_ns` are the server's work, as is the limit of one quantity's page.
Winners (revision, then recorded_at, then copy)
are found here, and only where copies exist.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ranvier.fabric.ports import SeriesFrame, SeriesQuery
from ranvier.fabric.series import influx_tables
from ranvier.fabric.series.influx_layout import (
    EARLIEST_NS,
    FEEDBACK,
    LATEST_NS,
    OWN,
    RECORDED,
    REVISION,
    RUN,
    START,
    SUSPECT,
    lane_of,
    measurement_of,
)
from ranvier.fabric.series.influx_names import any_of, decode, encode, tags_of
from ranvier.fabric.series.influx_versions import Select

QUANTITIES_PER_QUESTION = 64
OBJECTS_PER_QUESTION = 2000
SECOND_NS = 10**9
OWN_COLUMNS = {
    RECORDED: influx_tables.WHOLE,
    START: influx_tables.WHOLE,
    REVISION: influx_tables.WHOLE,
    SUSPECT: influx_tables.FLAG,
}


@dataclass(frozen=True, slots=True)
class _Part:
    """Points of one quantity, (points,) each; `object` numbers `objects`, sorted by name."""

    objects: NDArray[np.object_]
    object: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    value: NDArray[np.float64]
    recorded: NDArray[np.int64]
    revision: NDArray[np.int64]
    copy: NDArray[np.int64]
    suspect: NDArray[np.bool_]


def read(select: Select, query: SeriesQuery) -> SeriesFrame:
    """One value for each natural key, as known at the query's `known_at_ns`."""
    if query.recorded_after_ns >= 0:
        narrowed = _narrowed(select, query)
        if narrowed is None:
            return empty_frame()
        query = narrowed
    there = field_keys(select, measurement_of(query.origin))
    names, own = quantities(query, there), [key for key in OWN_COLUMNS if key in there]
    parts = [
        (name, part)
        for first in range(0, len(names), QUANTITIES_PER_QUESTION)
        for name, part in _parts(select, query, names[first : first + QUANTITIES_PER_QUESTION], own)
    ]
    return _joined(parts, query)


def field_keys(select: Select, measurement: str) -> list[str]:
    """All fields that were ever written. Asking for others costs the server as much as for these."""
    return influx_tables.listed_keys(select(measurement, f'SHOW FIELD KEYS FROM "{measurement}"'))


def quantities(query: SeriesQuery, there: Sequence[str]) -> list[str]:
    """The quantities to ask for, encoded: those named, or all, that are there."""
    if query.quantities is None:
        return [key for key in there if not key.startswith(OWN)]
    return sorted({encode(name) for name in query.quantities} & set(there))


def conditions(query: SeriesQuery) -> list[str]:
    """What the server is to filter by, one condition for each question to ask."""
    low, high = max(query.from_ns, EARLIEST_NS - 1), min(query.to_ns, LATEST_NS)
    if low >= high:
        return []
    where = [f"tenant = '{encode(query.tenant)}'", f"network = '{encode(query.network)}'"]
    where.append(f"time > {low} AND time <= {high}")
    if measurement_of(query.origin) == FEEDBACK:
        where += [f"lane = '{lane_of(query.origin)}'", f"\"{RUN}\"::field = '{encode(query.origin)}'"]
    if query.known_at_ns <= LATEST_NS:
        where.append(f'"{RECORDED}"::field <= {query.known_at_ns}')
    if query.object_ids is None:
        return [" AND ".join(where)]
    objects = [encode(name) for name in dict.fromkeys(query.object_ids)]
    pages = (objects[n : n + OBJECTS_PER_QUESTION] for n in range(0, len(objects), OBJECTS_PER_QUESTION))
    return [" AND ".join([*where, f'"object" =~ {any_of(page)}']) for page in pages]


def _narrowed(select: Select, query: SeriesQuery) -> SeriesQuery | None:
    """The window and the objects of what was recorded after a time: far less than was asked for."""
    measurement, low, high, objects = measurement_of(query.origin), LATEST_NS, EARLIEST_NS, set[str]()
    for where in conditions(query):
        answer = select(
            measurement,
            f'SELECT "{RECORDED}"::field FROM "{measurement}" WHERE {where} '
            f'AND "{RECORDED}"::field > {query.recorded_after_ns} GROUP BY "object"',
        )
        table = influx_tables.selected(answer, {RECORDED: influx_tables.WHOLE})
        if len(table):
            spread = pc.min_max(table["time"]).as_py()
            low, high = min(low, spread["min"]), max(high, spread["max"])
            objects |= {decode(tags_of(text)["object"]) for text in pc.unique(table["tags"]).to_pylist()}
    if not objects:
        return None
    return replace(
        query,
        object_ids=tuple(sorted(objects)),
        from_ns=max(query.from_ns, low - 1),
        to_ns=min(query.to_ns, high),
    )


def _parts(
    select: Select, query: SeriesQuery, names: Sequence[str], own: Sequence[str]
) -> Iterator[tuple[str, _Part]]:
    for where in conditions(query):
        table = _asked(select, query, where, names, own)
        untagged = any("p" not in tags_of(text) for text in pc.unique(table["tags"]).to_pylist())
        if untagged and START not in own:
            # The first report with such a start came between the two questions.
            table = _asked(select, query, where, names, list(OWN_COLUMNS))
        if len(table):
            yield from _by_quantity(_with_all(table), names)


def _asked(
    select: Select, query: SeriesQuery, where: str, names: Sequence[str], own: Sequence[str]
) -> pa.Table:
    measurement = measurement_of(query.origin)
    columns = {f"q{n}": influx_tables.REAL for n in range(len(names))} | {n: OWN_COLUMNS[n] for n in own}
    wanted = ", ".join(f'"{name}"::field' for name in (*names, *own))
    there, limit = "", ""
    if len(names) == 1:
        there = f' AND ("{names[0]}"::field > 0 OR "{names[0]}"::field <= 0)'
        limit = _limit(query)
    answer = select(
        measurement,
        f'SELECT {wanted} FROM "{measurement}" WHERE {where}{there} GROUP BY "object", "p", "copy"{limit}',
    )
    return influx_tables.selected(answer, columns)


def _with_all(table: pa.Table) -> pa.Table:
    """The table with the adapter's own columns that no report has needed yet."""
    for name in OWN_COLUMNS.keys() - set(table.column_names):
        table = table.append_column(name, pa.nulls(len(table), OWN_COLUMNS[name]))
    return table


def _limit(query: SeriesQuery) -> str:
    """Rows of each series that can matter where one quantity is read.

    A series has one row for each end, so its first n rows are of n natural keys: whatever lies beyond them,
    in this series or another of the object, is beyond the first n keys that are asked for.
    """
    return "" if query.limit is None or query.recorded_after_ns >= 0 else f" LIMIT {query.limit}"


def _by_quantity(table: pa.Table, names: Sequence[str]) -> Iterator[tuple[str, _Part]]:
    tags = table["tags"].combine_chunks()
    series = [tags_of(text) for text in tags.dictionary.to_pylist()]
    objects = sorted({decode(each["object"]) for each in series})
    number = {name: n for n, name in enumerate(objects)}
    code = tags.indices.to_numpy(zero_copy_only=False)
    of_series = np.array([number[decode(each["object"])] for each in series], np.int64)
    copy = np.array([int(each.get("copy", 0)) for each in series], np.int64)[code]
    period = np.array([int(each.get("p", -1)) for each in series], np.int64)[code] * SECOND_NS
    end = table["time"].to_numpy()
    start = np.where(period >= 0, end - period, _whole(table[START]))
    revision, recorded = _whole(table[REVISION]), _whole(table[RECORDED])
    suspect = pc.fill_null(table[SUSPECT], False).to_numpy(zero_copy_only=False)
    objects_, object_ = np.array(objects, np.object_), of_series[code]
    for n, name in enumerate(names):
        value = table[f"q{n}"].to_numpy(zero_copy_only=False)
        here = np.flatnonzero(~np.isnan(value))
        if len(here):
            yield decode(name), _Part(
                objects_, object_[here], start[here], end[here], value[here], recorded[here],
                revision[here], copy[here], suspect[here],
            )  # fmt: skip


def _whole(column: pa.ChunkedArray) -> NDArray[np.int64]:
    return np.asarray(pc.fill_null(column, 0).to_numpy(zero_copy_only=False), np.int64)


def _joined(parts: Sequence[tuple[str, _Part]], query: SeriesQuery) -> SeriesFrame:
    """All parts in order of object, quantity, end and start, with one row for each natural key."""
    if not parts:
        return empty_frame()
    objects = sorted({name for _, part in parts for name in part.objects})
    names = sorted({name for name, _ in parts})
    rank = {name: n for n, name in enumerate(objects)}
    series = np.concatenate(
        [
            np.array([rank[name] for name in part.objects], np.int64)[part.object] * len(names)
            + names.index(quantity)
            for quantity, part in parts
        ]
    )

    def column(name: str) -> NDArray[np.generic]:
        return np.concatenate([getattr(part, name) for _, part in parts])

    start, end, recorded = column("start"), column("end"), column("recorded")
    order = np.lexsort((column("copy"), recorded, column("revision"), start, end, series))
    same = (np.diff(series[order]) == 0) & (np.diff(end[order]) == 0) & (np.diff(start[order]) == 0)
    order = order[np.append(~same, True)]
    order = order[recorded[order] > query.recorded_after_ns][: query.limit]
    return SeriesFrame(
        np.array(objects, np.object_)[series[order] // len(names)],
        np.array(names, np.object_)[series[order] % len(names)],
        start[order], end[order], column("value")[order], recorded[order], column("suspect")[order],
    )  # fmt: skip


def empty_frame() -> SeriesFrame:
    """No Measurements."""
    text, whole = np.empty(0, np.object_), np.empty(0, np.int64)
    return SeriesFrame(text, text, whole, whole, np.empty(0), whole, np.empty(0, np.bool_))
