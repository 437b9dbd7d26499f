"""Forecasts as rows of the ledger, kind "forecast", and back.

One row is one distribution: model, version, target, horizon. `time_ns` is when it was issued. docs/backtest.md
lists the columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ranvier.dtops.forecast import Forecast, Tail, Target

SCHEMA = pa.schema(
    [
        ("tenant", pa.string()), ("network", pa.string()), ("twin", pa.string()), ("time_ns", pa.int64()),
        ("known_at_ns", pa.int64()), ("step_ns", pa.int64()), ("model", pa.string()),
        ("model_version", pa.string()), ("object_id", pa.string()), ("quantity", pa.string()),
        ("horizon_s", pa.float64()), ("tail", pa.string()), ("levels", pa.list_(pa.float64())),
        ("values", pa.list_(pa.float64())),
    ]
)  # fmt: skip
"""The columns of kind "forecast". `levels` is null for samples, `values` is null where a model gave nothing."""


def rows_of(forecasts: Sequence[Forecast]) -> pa.Table:
    """All distributions of some forecasts as rows, in the order model, target, horizon."""
    return pa.concat_tables([_table(forecast) for forecast in forecasts])


def _table(forecast: Forecast) -> pa.Table:
    n, h, m = forecast.values.shape
    rows = n * h
    flat = forecast.values.reshape(rows, m)
    given = ~np.isnan(flat).any(axis=1)
    ends = np.concatenate([[0], np.cumsum(np.where(given, m, 0))]).astype(np.int32)
    values = pa.ListArray.from_arrays(pa.array(ends), pa.array(flat[given].ravel()), mask=pa.array(~given))
    if forecast.levels is None:
        levels = pa.nulls(rows, pa.list_(pa.float64()))
    else:
        ends = np.arange(0, rows * m + 1, m, dtype=np.int32)
        levels = pa.ListArray.from_arrays(pa.array(ends), pa.array(np.tile(forecast.levels, rows)))
    objects = np.repeat(np.array([target.object_id for target in forecast.targets], dtype=object), h)
    kinds = np.repeat(np.array([target.quantity for target in forecast.targets], dtype=object), h)
    columns = [
        _same(forecast.tenant, rows), _same(forecast.network, rows), _same(forecast.twin, rows),
        _same(forecast.issued_at_ns, rows), _same(forecast.known_at_ns, rows), _same(forecast.step_ns, rows),
        _same(forecast.model, rows), _same(forecast.model_version, rows), pa.array(objects, pa.string()),
        pa.array(kinds, pa.string()), pa.array(np.tile(np.array(forecast.horizons_s, dtype=np.float64), n)),
        _same(forecast.tail, rows), levels, values,
    ]  # fmt: skip
    return pa.table(columns, schema=SCHEMA)


def _same(value: str | int, rows: int) -> pa.Array:
    return pa.repeat(pa.scalar(value), rows)


def forecasts_of(rows: pa.Table) -> list[Forecast]:
    """The Forecasts that rows came from: one for each model, version and issue, in order of first sight.

    Rows of one model and issue need one set of levels, or samples of one size; those with another become a
    Forecast of their own.
    """
    if not len(rows):
        return []
    values, levels = _Lists.of(rows["values"]), _Lists.of(rows["levels"])
    names = [*SCHEMA.names[:8], "tail"]
    columns = [_codes(rows[name]) for name in names]
    kind = _joined([*columns, levels.codes()])
    sizes = np.where(values.given, values.lengths, -1)
    pairs = _joined([_codes(rows["object_id"]), _codes(rows["quantity"])])
    reader = _Reader(rows, values, levels, pairs)
    found: list[tuple[int, Forecast]] = []
    for members in _groups(kind):
        size = sizes[members]
        size[size < 0] = min(size[size >= 0], default=1)
        for each in np.unique(size).tolist():
            own = members[size == each]
            found.append((int(own[0]), reader.forecast(own, each)))
    return [forecast for _, forecast in sorted(found, key=lambda pair: pair[0])]


@dataclass(frozen=True, slots=True)
class _Lists:
    """A column of lists of numbers: where each begins, how long it is, and which are null."""

    flat: NDArray[np.float64]
    begins: NDArray[np.int64]
    lengths: NDArray[np.int64]
    given: NDArray[np.bool_]

    @staticmethod
    def of(column: pa.ChunkedArray) -> _Lists:
        lists = column.combine_chunks()
        offsets = lists.offsets.to_numpy().astype(np.int64)
        given = lists.is_valid().to_numpy(zero_copy_only=False)
        flat = lists.values.to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
        return _Lists(flat, offsets[:-1], np.diff(offsets), given)

    def taken(self, members: NDArray[np.int64], size: int) -> NDArray[np.float64]:
        """(p, size) the lists of rows that all have `size` numbers."""
        return np.asarray(self.flat[self.begins[members][:, None] + np.arange(size)])

    def codes(self) -> NDArray[np.int64]:
        """(p,) a number for each row, equal where the lists are; 0 for null."""
        codes = np.zeros(len(self.given), np.int64)
        used = 1
        for size in np.unique(self.lengths[self.given]).tolist():
            of = np.flatnonzero(self.given & (self.lengths == size))
            lists = self.taken(of, size)
            alike = (lists == lists[0]).all()
            same = np.zeros(len(of), np.int64) if alike else np.unique(lists, axis=0, return_inverse=True)[1]
            codes[of] = used + same.ravel()
            used += int(same.max()) + 1
        return codes


@dataclass(slots=True)
class _Reader:
    """Makes Forecasts of groups of rows; issues with equal targets share them."""

    rows: pa.Table
    values: _Lists
    levels: _Lists
    pairs: NDArray[np.int64]
    _known: dict[bytes, tuple[Target, ...]] = field(default_factory=dict)

    def forecast(self, members: NDArray[np.int64], size: int) -> Forecast:
        """The Forecast of rows that agree in all but target and horizon."""
        first = int(members[0])
        at = {name: self.rows[name][first].as_py() for name in (*SCHEMA.names[:8], "tail")}
        row, firsts = _by_first_sight(self.pairs[members])
        horizons_s = self.rows["horizon_s"].take(pa.array(members)).to_numpy()
        column, horizon_firsts = _by_first_sight(horizons_s)
        values = np.full((len(firsts), len(horizon_firsts), size), np.nan)
        given = self.values.given[members]
        values[row[given], column[given]] = self.values.taken(members[given], size)
        levels = self.levels.taken(members[:1], size)[0] if self.levels.given[first] else None
        return Forecast(
            at["model"], at["model_version"], at["time_ns"], at["known_at_ns"], self._targets(members[firsts]),
            tuple(horizons_s[horizon_firsts].tolist()), values, levels, cast(Tail, at["tail"]), at["step_ns"],
            at["twin"], at["tenant"], at["network"],
        )  # fmt: skip

    def _targets(self, places: NDArray[np.int64]) -> tuple[Target, ...]:
        key = self.pairs[places].tobytes()
        if key not in self._known:
            chosen = self.rows.select(["object_id", "quantity"]).take(pa.array(places))
            columns = (column.to_pylist() for column in chosen.columns)
            self._known[key] = tuple(map(Target, *columns))
        return self._known[key]


def _codes(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """(p,) a number for each row, equal where the values are."""
    encoded = column.combine_chunks().dictionary_encode()
    return np.asarray(encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64))


def _joined(columns: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """(p,) a number for each row, equal where all columns are."""
    joined = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        wide = joined * (int(column.max()) + 1) + column
        joined = np.unique(wide, return_inverse=True)[1].astype(np.int64)
    return joined


def _groups(kind: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """The rows of each kind, in their order."""
    order = np.argsort(kind, kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(kind[order])) + 1)


def _by_first_sight(values: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(p,) the place of each value among the different ones, and where each of these is first seen."""
    _, firsts, inverse = np.unique(values, return_index=True, return_inverse=True)
    order = np.argsort(firsts)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return rank[inverse], firsts[order]
