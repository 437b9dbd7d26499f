"""Scores as rows of the ledger, kind "score", and the block sums that they add up to.

One row is what one point adds for one model. A revised outcome adds a row with weight −1, that takes the old
score back, and one with weight 1: so rows sum, and nothing in the ledger is ever changed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ranvier.dtops.forecast import Target
from ranvier.dtops.scoring import metrics

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SCHEMA = pa.schema(
    [
        ("tenant", pa.string()), ("network", pa.string()), ("time_ns", pa.int64()),
        ("issued_at_ns", pa.int64()), ("scored_at_ns", pa.int64()), ("model", pa.string()),
        ("object_id", pa.string()), ("quantity", pa.string()), ("horizon_s", pa.float64()),
        ("outcome", pa.float64()), ("weight", pa.int8()), ("crps", pa.float64()), ("error", pa.float64()),
        ("inside", pa.bool_()), ("hit", pa.bool_()), ("pit_bin", pa.int8()),
    ]
)  # fmt: skip
"""The columns of kind "score". `time_ns` is the end of the step that was forecast."""


@dataclass(frozen=True, slots=True)
class Scored:
    """p points of one issue at one horizon, for one model.

    statistics (p, WIDTH) are what each point adds; `weight` is 1, or −1 where an old score is taken back.
    """

    model: str
    targets: list[Target]
    horizon_s: float
    issued_at_ns: int
    valid_ns: int
    outcome: Floats
    statistics: Floats
    weight: int


def rows_of(scored: list[Scored], whose: tuple[str, str], scored_at_ns: int) -> pa.Table:
    """All points as rows."""
    return pa.concat_tables([_table(each, whose, scored_at_ns) for each in scored])


def _table(scored: Scored, whose: tuple[str, str], scored_at_ns: int) -> pa.Table:
    p, s = len(scored.outcome), scored.statistics

    def same(value: str | int | float) -> pa.Array:
        return pa.repeat(pa.scalar(value), p)

    columns = [
        same(whose[0]), same(whose[1]), same(scored.valid_ns), same(scored.issued_at_ns), same(scored_at_ns),
        same(scored.model), pa.array([t.object_id for t in scored.targets], pa.string()),
        pa.array([t.quantity for t in scored.targets], pa.string()), same(float(scored.horizon_s)),
        pa.array(scored.outcome), pa.repeat(pa.scalar(scored.weight, pa.int8()), p),
        pa.array(s[:, metrics.CRPS]), pa.array(s[:, metrics.ERROR]),
        pa.array(s[:, metrics.INSIDE] > 0), pa.array(s[:, metrics.HITS] > 0),
        pa.array(s[:, metrics.PIT :].argmax(axis=1).astype(np.int8)),
    ]  # fmt: skip
    return pa.table(columns, schema=SCHEMA)


def statistics_of(rows: pa.Table) -> Floats:
    """(p, WIDTH): what each row adds to the sums, its weight included."""
    weight = rows["weight"].to_numpy().astype(np.float64)
    found = np.zeros((len(rows), metrics.WIDTH))
    found[:, metrics.COUNT] = 1
    found[:, metrics.CRPS] = rows["crps"].to_numpy()
    found[:, metrics.ERROR] = rows["error"].to_numpy()
    found[:, metrics.INSIDE] = rows["inside"].to_numpy(zero_copy_only=False)
    found[:, metrics.HITS] = rows["hit"].to_numpy(zero_copy_only=False)
    found[np.arange(len(rows)), metrics.PIT + rows["pit_bin"].to_numpy().astype(np.int64)] = 1
    return np.asarray(found * weight[:, None])
