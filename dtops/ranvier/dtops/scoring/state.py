"""`State`: sums of what points add, so that a batch is the sum of its windows, whatever the score.

    statistic   a function to columns (p, w): what each of p points adds. A point that is not scored adds zeros
    state       their sum (w,), with the name of what it is of, so that only like is added to like
    formula     a function of sums (…, w), over any leading axes: a batch, blocks, or bootstrap replicates

The order of adding changes a sum by rounding only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ranvier.ontology.errors import InputError

Floats = NDArray[np.float64]
COUNT = 0
"""The first column of every statistic: 1 where the point is scored, else 0."""


@dataclass(frozen=True, slots=True)
class State:
    """The sums (w,) of one statistic over any number of points; `of` names the statistic."""

    of: str
    sums: Floats

    def __add__(self, other: State) -> State:
        if (self.of, self.sums.shape) != (other.of, other.sums.shape):
            raise InputError(
                f"a state of {self.of} with {self.sums.shape[-1]} columns",
                f"one of {other.of} with {other.sums.shape[-1]}",
                "add states of the same statistic, bins and levels only",
            )
        return State(self.of, self.sums + other.sums)


def state(of: str, columns: Floats) -> State:
    """The state of points whose columns are (…, w): their sum over all but the last axis."""
    return State(of, columns.reshape(-1, columns.shape[-1]).sum(axis=0))


def score_columns(*scores: Floats) -> Floats:
    """[1, s₁, s₂, …] for each point on which every score is known, zeros elsewhere; (…) each to (…, 1 + k).

    Scores of several models go in together, so that all are summed over the same points.
    """
    stacked = np.stack([np.ones(np.shape(scores[0])), *np.broadcast_arrays(*scores)], axis=-1)
    return np.where(np.isnan(stacked).any(axis=-1, keepdims=True), 0.0, stacked)


def mean_score(sums: Floats, column: int = 1) -> Floats:
    """Σs / n; (…, w) to (…). NaN without points."""
    return divide(sums[..., column], sums[..., COUNT])


def score_ratio(sums: Floats, top: int = 1, bottom: int = 2) -> Floats:
    """Σs₁ / Σs₂: sums come before the ratio; (…, w) to (…). NaN where the lower sum is not positive."""
    return divide(sums[..., top], sums[..., bottom])


def skill(sums: Floats, column: int = 1, reference: int = 2) -> Floats:
    """1 − Σs / Σs_ref: 1 is perfect, 0 no better than the reference; (…, w) to (…)."""
    return 1 - score_ratio(sums, column, reference)


def divide(total: NDArray[Any], count: NDArray[Any]) -> Floats:
    """Total / count, broadcast, and NaN where count is not positive."""
    total, count = np.broadcast_arrays(total, count)
    return np.asarray(np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0))
