"""Forecasts as rows of the ledger, kind "forecast", and back.

One row is one distribution: model, version, target, horizon. `time_ns` is when it was issued. docs/backtest.md
lists the columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import pyarrow as pa

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

    Rows of one model and issue need one set of levels; those with another set become a Forecast of their own.
    """
    groups: dict[tuple[object, ...], list[dict[str, object]]] = {}
    for row in rows.to_pylist():
        levels = None if row["levels"] is None else tuple(row["levels"])
        size = len(row["values"]) if row["values"] is not None else None
        kind = (*(row[name] for name in SCHEMA.names[:8]), row["tail"], levels)
        groups.setdefault(kind, []).append(row | {"size": size})
    return [_forecast(kind, members) for kind, members in groups.items()]


def _forecast(kind: tuple[object, ...], members: list[dict[str, object]]) -> Forecast:
    tenant, network, twin, issued, known, step, model, version, tail, levels = kind
    targets = list(dict.fromkeys(Target(str(r["object_id"]), str(r["quantity"])) for r in members))
    horizons = list(dict.fromkeys(cast(float, r["horizon_s"]) for r in members))
    size = max((cast(int, r["size"]) for r in members if r["size"] is not None), default=1)
    size = len(cast(tuple[float, ...], levels)) if levels is not None else size
    values = np.full((len(targets), len(horizons), size), np.nan)
    row_of = {target: i for i, target in enumerate(targets)}
    column_of = {horizon: i for i, horizon in enumerate(horizons)}
    for r in members:
        if r["values"] is not None:
            i = row_of[Target(str(r["object_id"]), str(r["quantity"]))]
            values[i, column_of[cast(float, r["horizon_s"])]] = r["values"]
    return Forecast(
        str(model), str(version), cast(int, issued), cast(int, known), tuple(targets), tuple(horizons), values,
        None if levels is None else np.array(levels), cast(Tail, tail), cast(int, step), str(twin),
        str(tenant), str(network),
    )  # fmt: skip
