"""Downsampling where the data is: Flux windows for what is regular, `downsampling.py` for the rest.

    clean objects, counters that sum, average or peak  ► aggregateWindow on the server, one row a window
    objects that are not clean, ratios by volume       ► read, and combined exactly
    many objects with few reports each                 ► the same, which is cheaper there

An object is clean in a window where each report has one version, was known by `known_at_ns`, carries each
quantity that the others carry, and has a tagged period that divides the window's: then periods nest, a
window's sum, count, maximum and minimum say all, and what the reports say of themselves (recorded_at, suspect)
holds for each quantity. What breaks that is counted by the same query. Windows are (k·P, (k+1)·P] by the
period's end, which Flux spells as windows shifted by 1 ns.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv

from ranvier.fabric.ports import SeriesFrame, SeriesQuery
from ranvier.fabric.series import downsampling, influx_reading, influx_tables
from ranvier.fabric.series.influx_layout import EARLIEST_NS, LATEST_NS, OBSERVED, RECORDED, START, SUSPECT
from ranvier.fabric.series.influx_names import any_of, decode, encode
from ranvier.fabric.series.influx_versions import Select
from ranvier.ontology.errors import OntologyError, StoreError
from ranvier.ontology.ontology import Ontology

SECOND_NS = 10**9
FEW_OBJECTS = 50
MANY_REPORTS = 200
PUSHED = ("sum", "mean", "max", "min")
Whole = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Sources:
    """What downsampling asks: the bucket of Measurements in Flux, in InfluxQL, and as frames."""

    bucket: str
    flux: Callable[[str], bytes]
    select: Select
    ontology: Ontology

    def read(self, query: SeriesQuery) -> SeriesFrame:
        """One value for each natural key."""
        return influx_reading.read(self.select, query)

    def exactly(self, query: SeriesQuery, period_ns: int) -> SeriesFrame:
        """Downsampled from all points, read whole."""
        return downsampling.downsample(self.read, self.ontology, query, period_ns)


def downsample(sources: Sources, query: SeriesQuery, period_ns: int) -> SeriesFrame:
    """One value for each object, quantity and output period that ends in (from_ns, to_ns]."""
    plain = query.origin == OBSERVED and query.recorded_after_ns < 0
    if period_ns <= 0 or period_ns % SECOND_NS or not plain or not _pays(sources.select, query):
        return sources.exactly(query, period_ns)
    names = influx_reading.quantities(query, influx_reading.field_keys(sources.select, OBSERVED))
    how = {name: _aggregation(sources.ontology, decode(name)) for name in names}
    pushed = {name: function for name, function in how.items() if function in PUSHED}
    frames = []
    if pushed:
        clean, dirty = _pushed_down(sources, query, period_ns, pushed)
        frames.append(clean)
        if dirty:
            rest = replace(query, object_ids=tuple(dirty), quantities=tuple(map(decode, pushed)), limit=None)
            frames.append(sources.exactly(rest, period_ns))
    if len(pushed) < len(how):
        by_volume = tuple(decode(name) for name in how if name not in pushed)
        frames.append(sources.exactly(replace(query, quantities=by_volume, limit=None), period_ns))
    return _in_order(frames, query.limit)


def _pays(select: Select, query: SeriesQuery) -> bool:
    """Whether windows on the server are cheaper than reading the points.

    Flux takes a while for each series, and hardly any for each point. So it pays for few objects, and for many
    where each has many points, as told by the first of them. Either way gives the same.
    """
    objects = query.object_ids
    if objects is None:
        owner = f"tenant = '{encode(query.tenant)}' AND network = '{encode(query.network)}'"
        listing = f'SHOW TAG VALUES FROM "{OBSERVED}" WITH KEY = "object" WHERE {owner}'
        objects = tuple(map(decode, influx_tables.listed_values(select(OBSERVED, listing))))
    if len(objects) <= FEW_OBJECTS:
        return True
    points = 0
    for where in influx_reading.conditions(replace(query, object_ids=objects[:1])):
        answer = select(OBSERVED, f'SELECT count("{RECORDED}"::field) FROM "{OBSERVED}" WHERE {where}')
        points += sum(influx_tables.selected(answer, {"count": influx_tables.WHOLE})["count"].to_pylist())
    return points >= MANY_REPORTS


def _aggregation(ontology: Ontology, name: str) -> str:
    try:
        return ontology.quantity(name).aggregation
    except OntologyError:
        return "mean"


def _in_order(frames: Sequence[SeriesFrame], limit: int | None) -> SeriesFrame:
    filled = [frame for frame in frames if len(frame)]
    if not filled:
        return influx_reading.empty_frame()
    columns = [np.concatenate([getattr(frame, name) for frame in filled]) for name in SeriesFrame.__slots__]
    joined = SeriesFrame(*columns)
    if len(filled) > 1:
        objects = np.unique(joined.object_ids.astype(str), return_inverse=True)[1]
        quantities = np.unique(joined.quantities.astype(str), return_inverse=True)[1]
        order = np.lexsort((joined.end_ns, quantities, objects))
        joined = SeriesFrame(*(column[order] for column in columns))
    return (
        joined if limit is None else SeriesFrame(*(getattr(joined, n)[:limit] for n in SeriesFrame.__slots__))
    )


# ---------------------------------------------------------------- the question
def flux_of(bucket: str, query: SeriesQuery, period_ns: int, pushed: dict[str, str]) -> str:
    """The windows of all pushed quantities, by object and period, one result for each function.

    The range goes one window beyond what is asked, where a period that crosses the last boundary would end.
    """
    low = max(query.from_ns, EARLIEST_NS) // period_ns * period_ns + 1
    high = min(min(query.to_ns, LATEST_NS) // period_ns * period_ns + period_ns + 1, LATEST_NS)
    base = (
        f'from(bucket: "{bucket}") |> range(start: time(v: {max(low, EARLIEST_NS)}), stop: time(v: {high})) '
        f'|> filter(fn: (r) => r._measurement == "{OBSERVED}" and r.tenant == "{encode(query.tenant)}" '
        f'and r.network == "{encode(query.network)}")'
    )
    if query.object_ids is not None:
        base += f" |> filter(fn: (r) => r.object =~ {any_of(map(encode, dict.fromkeys(query.object_ids)))})"
    asked = {
        **{each: [name for name, function in pushed.items() if function == each] for each in PUSHED},
        "count": [*pushed, RECORDED, START, SUSPECT],
        "newest": [RECORDED],
    }
    return "\n".join(
        f"{base} |> filter(fn: (r) => r._field =~ {any_of(fields)}) "
        f"|> aggregateWindow(every: {period_ns}ns, offset: 1ns, createEmpty: false, "
        f"fn: {'max' if result == 'newest' else result}) "
        f'|> keep(columns: ["object", "p", "copy", "_field", "_time", "_value"]) |> yield(name: "{result}")'
        for result, fields in asked.items()
        if fields
    )


# ---------------------------------------------------------------- the answer
@dataclass(frozen=True, slots=True)
class _Rows:
    """Windows of one result, (rows,) each: number of series and field, window k, value."""

    series: Whole
    field: Whole
    window: Whole
    value: NDArray[np.float64] | Whole


@dataclass(frozen=True, slots=True)
class _Answer:
    """All results, and what their numbers stand for. A series is (object, period or -1, copy)."""

    series: list[tuple[str, int, int]]
    fields: list[str]
    results: dict[str, _Rows]
    first: int
    windows: int

    def keys(self, rows: _Rows) -> Whole:
        """One number for each (series, window)."""
        return rows.series * self.windows + (rows.window - self.first)

    def of_field(self, result: str, field: str) -> tuple[Whole, NDArray[np.float64] | Whole]:
        """The keys of one field's windows, rising, and their values."""
        rows = self.results[result]
        number = self.fields.index(field) if field in self.fields else -1
        here = np.flatnonzero(rows.field == number)
        keys = self.keys(rows)[here]
        order = np.argsort(keys)
        return keys[order], rows.value[here][order]


def _pushed_down(
    sources: Sources, query: SeriesQuery, period_ns: int, pushed: dict[str, str]
) -> tuple[SeriesFrame, list[str]]:
    """The windows of clean objects, and the objects that are not clean."""
    if query.object_ids == () or query.from_ns >= query.to_ns:
        return influx_reading.empty_frame(), []
    answer = _parse(sources.flux(flux_of(sources.bucket, query, period_ns, pushed)), period_ns)
    if not answer.series:
        return influx_reading.empty_frame(), []
    dirty = _dirty(answer, pushed, query.known_at_ns, period_ns)
    return _clean_frame(answer, pushed, dirty, query, period_ns), sorted(decode(name) for name in dirty)


def _dirty(answer: _Answer, pushed: dict[str, str], known_at_ns: int, period_ns: int) -> set[str]:
    bad = np.array(
        [copy > 0 or p < 0 or (p > 0 and period_ns % (p * SECOND_NS) > 0) for _, p, copy in answer.series]
    )
    reports, counts = answer.of_field("count", RECORDED)
    recorded, newest = answer.of_field("newest", RECORDED)
    suspects = [reports[:0], answer.of_field("count", START)[0], recorded[newest > known_at_ns]]
    for name in pushed:
        keys, count = answer.of_field("count", name)
        suspects.append(keys[_found(reports, counts, keys, 0) != count])
    bad[np.concatenate(suspects) // answer.windows] = True
    return {name for (name, _, _), is_bad in zip(answer.series, bad.tolist(), strict=True) if is_bad}


def _found(keys: Whole, values: NDArray[np.generic], wanted: Whole, missing: int) -> Whole:
    """The value at each wanted key, where `keys` rise."""
    if not len(keys):
        return np.full(len(wanted), missing, np.int64)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, values[place], missing).astype(np.int64)


def _clean_frame(
    answer: _Answer, pushed: dict[str, str], dirty: set[str], query: SeriesQuery, period_ns: int
) -> SeriesFrame:
    clean = np.array([name not in dirty for name, _, _ in answer.series])
    recorded, doubted = answer.of_field("newest", RECORDED), answer.of_field("count", SUSPECT)
    names = sorted({decode(name) for name, _, _ in answer.series})
    number = {name: n for n, name in enumerate(names)}
    objects = np.array([number[decode(name)] for name, _, _ in answer.series], np.int64)
    weights = np.array([max(p, 0) * SECOND_NS for _, p, _ in answer.series], np.int64)
    columns = []
    for quantity, (name, function) in enumerate(sorted(pushed.items(), key=lambda item: decode(item[0]))):
        keys, count = answer.of_field("count", name)
        value_keys, value = answer.of_field(function, name)
        # A batch that is being written may be in one of the two results only.
        keys, of_count, of_value = np.intersect1d(keys, value_keys, assume_unique=True, return_indices=True)
        here = clean[keys // answer.windows]
        keys, count, value = keys[here], count[of_count][here], value[of_value][here]
        window, series = keys % answer.windows + answer.first, keys // answer.windows
        group, place = np.unique(
            objects[series] * answer.windows + keys % answer.windows, return_inverse=True
        )
        rows, first = len(group), np.unique(place, return_index=True)[1]
        weight = count * np.maximum(weights[series], 1)
        newest, flags = np.full(rows, -(2**63), np.int64), _found(*doubted, keys, 0)
        np.maximum.at(newest, place, _found(*recorded, keys, 0))
        covered = np.bincount(place, weight, rows) >= period_ns * (1 - 1e-9)
        instants = np.bincount(place, weights[series] == 0, rows) > 0
        columns.append(
            (
                objects[series][first], np.full(rows, quantity), window[first],
                _whole_window(function, place, rows, value, np.maximum(weights[series], 1), count),
                newest, (np.bincount(place, flags, rows) > 0) | ~(covered | instants),
            )
        )  # fmt: skip
    joined = [np.concatenate(parts) for parts in zip(*columns, strict=True)]
    ends = (joined[2] + 1) * period_ns
    order = np.lexsort((ends, joined[1], joined[0]))
    order = order[(ends[order] > query.from_ns) & (ends[order] <= query.to_ns)]
    quantities = np.array(sorted(decode(name) for name in pushed), np.object_)
    return SeriesFrame(
        np.array(names, np.object_)[joined[0][order]], quantities[joined[1][order]],
        ends[order] - period_ns, ends[order], joined[3][order], joined[4][order], joined[5][order],
    )  # fmt: skip


def _whole_window(
    function: str, place: Whole, rows: int, value: NDArray[np.float64], weight: Whole, count: Whole
) -> NDArray[np.float64]:
    """One value for each object and window, from those of its periods."""
    if function == "sum":
        return np.bincount(place, value, rows).astype(np.float64)
    if function == "mean":
        share = count * weight
        return np.bincount(place, value * share, rows) / np.bincount(place, share, rows)
    best, pick = (-np.inf, np.maximum) if function == "max" else (np.inf, np.minimum)
    found = np.full(rows, best)
    pick.at(found, place, value)
    return found


def _parse(answer: bytes, period_ns: int) -> _Answer:
    """The CSV of Flux: blocks with a header each, for each result and set of columns."""
    tables = [_block(block) for block in answer.replace(b"\r\n", b"\n").split(b"\n\n") if block.strip()]
    table = pa.concat_tables([each for each in tables if each.num_rows])
    table = table.combine_chunks() if tables else table
    windows = (table["_time"].to_numpy() - 1) // period_ns - 1
    first = int(windows.min())
    labels = pc.binary_join_element_wise(table["p"], table["copy"], table["object"], "\n").combine_chunks()
    labels, fields = labels.dictionary_encode(), table["_field"].combine_chunks().dictionary_encode()
    series = labels.indices.to_numpy().astype(np.int64)
    field = fields.indices.to_numpy().astype(np.int64)
    results = {}
    kind = table["result"].to_numpy(zero_copy_only=False)
    for result in (*PUSHED, "count", "newest"):
        here = np.flatnonzero(kind == result)
        text = table["_value"].take(pa.array(here))
        value = pc.cast(text, pa.int64() if result in ("count", "newest") else pa.float64()).to_numpy()
        results[result] = _Rows(series[here], field[here], windows[here], value)
    named = [text.split("\n", 2) for text in labels.dictionary.to_pylist()]
    return _Answer(
        [(name, int(p or -1), int(copy or 0)) for p, copy, name in named], fields.dictionary.to_pylist(),
        results, first, int(windows.max()) - first + 1,
    )  # fmt: skip


def _block(block: bytes) -> pa.Table:
    names = block.lstrip(b"\n").split(b"\n", 1)[0].decode().split(",")
    try:
        table = csv.read_csv(
            io.BytesIO(block.lstrip(b"\n")),
            read_options=csv.ReadOptions(use_threads=False),
            convert_options=csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
        )
        ends = table["_time"].cast(pa.timestamp("ns", "UTC")).cast(pa.int64())
    except (pa.ArrowInvalid, KeyError) as error:
        raise StoreError(
            "windows from InfluxDB", f"{error}: {block[-500:]!r}", "see the server's log"
        ) from error
    empty = pa.array([""] * len(table), pa.string())
    wanted = ("result", "object", "p", "copy", "_field", "_value")
    columns = {name: table[name] if name in names else empty for name in wanted}
    return pa.table({**columns, "_time": ends})
