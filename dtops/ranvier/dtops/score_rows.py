"""Scores as rows of the ledger, kind "score". One row is one forecast of one model met by its outcome.

A later revision of the outcome appends a further row of the same forecast; the newest `scored_at_ns` wins.
`time_ns` is the end of the step that was forecast. docs/backtest.md lists the columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ranvier.dtops.forecast import Forecast
from ranvier.dtops.scoring import metrics

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
SCORE_KIND = "score"
SCHEMA = pa.schema(
    [
        ("tenant", pa.string()), ("network", pa.string()), ("twin", pa.string()), ("time_ns", pa.int64()),
        ("issued_at_ns", pa.int64()), ("scored_at_ns", pa.int64()), ("model", pa.string()),
        ("model_version", pa.string()), ("object_id", pa.string()), ("quantity", pa.string()),
        ("horizon_s", pa.float64()), ("outcome", pa.float64()), ("crps", pa.float64()),
        ("error", pa.float64()), ("inside80", pa.bool_()), ("hit", pa.bool_()), ("pit_tenth", pa.int8()),
    ]
)  # fmt: skip
"""The columns of kind "score": outcome and CRPS in the quantity's unit, error = median − outcome."""


@dataclass(frozen=True, slots=True)
class Met:
    """Some targets (`rows`) of a forecast at one horizon (a column), with outcomes and statistics (k, WIDTH)."""

    forecast: Forecast
    rows: Ints
    horizon: int
    valid_step: int
    outcomes: Floats
    statistics: Floats


def rows_of(met: Sequence[Met], scored_at_ns: int) -> pa.Table:
    """All scores as rows."""
    return pa.concat_tables([_table(each, scored_at_ns) for each in met])


def _table(met: Met, scored_at_ns: int) -> pa.Table:
    f, k, s = met.forecast, len(met.rows), met.statistics
    same = [
        f.tenant, f.network, f.twin, met.valid_step * f.step_ns, f.issued_at_ns, scored_at_ns, f.model,
        f.model_version,
    ]  # fmt: skip
    columns = [
        *(pa.repeat(pa.scalar(value), k) for value in same),
        pa.array([f.targets[i].object_id for i in met.rows], pa.string()),
        pa.array([f.targets[i].quantity for i in met.rows], pa.string()),
        pa.repeat(pa.scalar(float(f.horizons_s[met.horizon])), k),
        pa.array(met.outcomes), pa.array(s[:, metrics.CRPS]), pa.array(s[:, metrics.ERROR]),
        pa.array(s[:, metrics.INSIDE] > 0), pa.array(s[:, metrics.HITS] > 0),
        pa.array(s[:, metrics.PIT :].argmax(axis=1).astype(np.int8)),
    ]  # fmt: skip
    return pa.table(columns, schema=SCHEMA)


def statistics_of(rows: pa.Table) -> Floats:
    """(k, WIDTH): what each row adds to the sums of the metrics."""
    found = np.zeros((rows.num_rows, metrics.WIDTH))
    found[:, metrics.COUNT] = 1
    places = {"crps": metrics.CRPS, "error": metrics.ERROR, "inside80": metrics.INSIDE, "hit": metrics.HITS}
    for name, place in places.items():
        found[:, place] = rows[name].cast(pa.float64()).to_numpy()
    found[np.arange(rows.num_rows), metrics.PIT + rows["pit_tenth"].to_numpy()] = 1
    return found
