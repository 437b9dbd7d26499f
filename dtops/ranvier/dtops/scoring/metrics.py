"""The metrics of the referee's table. Each is three small things:

    statistic   what one point (a forecast and its outcome) adds
    sums        `Sums`: a frozen vector of counts and totals that adds up over points, blocks and windows
    formula     what is read from the sums

So one implementation serves a batch, a rolling window and a bootstrap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.forecast import Tail
from ranvier.dtops.scoring.crps import crps
from ranvier.dtops.scoring.pit import median, randomised_pit

Floats = NDArray[np.float64]
PIT_BINS = 10
BAND = 0.8
"""The central band whose coverage is reported."""

COUNT, CRPS, ERROR, INSIDE, HITS, PIT = 0, 1, 2, 3, 4, 5
WIDTH = PIT + PIT_BINS
"""The columns of the statistics of a point, and of their sums."""


@dataclass(frozen=True, slots=True)
class ScoredPoints:
    """p forecasts of one kind with their outcomes.

    values     (p, m) samples, or quantiles at `levels` (m,)
    outcome    (p,) never NaN
    u          (p,) uniform draws for the randomised PIT, keyed by what is forecast
    tolerance  (p,) what counts as a hit, in the quantity's unit; NaN: a tenth of the outcome's magnitude
    """

    values: Floats
    levels: Floats | None
    tail: Tail
    outcome: Floats
    u: Floats
    tolerance: Floats


@dataclass(frozen=True, slots=True)
class Sums:
    """The sums of the statistics of any number of points; `vector` is (WIDTH,)."""

    vector: Floats

    def __add__(self, other: Sums) -> Sums:
        return Sums(self.vector + other.vector)

    @classmethod
    def none(cls) -> Sums:
        """The sums over no points."""
        return cls(np.zeros(WIDTH))


def statistics(points: ScoredPoints) -> Floats:
    """(p, WIDTH): what each point adds to the sums."""
    y = points.outcome
    middle = median(points.values, points.levels, points.tail)
    pit = randomised_pit(points.values, points.levels, y, points.u, points.tail)
    columns = np.zeros((len(y), WIDTH))
    columns[:, COUNT] = 1
    columns[:, CRPS] = crps(points.values, points.levels, y, points.tail)
    columns[:, ERROR] = middle - y
    columns[:, INSIDE] = (pit >= (1 - BAND) / 2) & (pit < (1 + BAND) / 2)
    allowed = np.where(np.isnan(points.tolerance), np.abs(y) / 10, points.tolerance)
    columns[:, HITS] = np.abs(middle - y) <= allowed
    place = np.minimum((pit * PIT_BINS).astype(np.int64), PIT_BINS - 1)
    columns[np.arange(len(y)), PIT + place] = 1
    return columns


def mean_crps(sums: Floats) -> Floats:
    """ΣCRPS / n, in the quantity's unit; (…, WIDTH) to (…). NaN without points."""
    return _ratio(sums[..., CRPS], sums[..., COUNT])


def bias(sums: Floats) -> Floats:
    """Σ(median − y) / n, in the quantity's unit: positive where forecasts are too high."""
    return _ratio(sums[..., ERROR], sums[..., COUNT])


def coverage(sums: Floats) -> Floats:
    """Share of outcomes whose randomised PIT lies in the central 80 %; 0.8 is calibrated."""
    return _ratio(sums[..., INSIDE], sums[..., COUNT])


def twinning_precision(sums: Floats) -> Floats:
    """Share of medians within the tolerance of the outcome."""
    return _ratio(sums[..., HITS], sums[..., COUNT])


def pit_histogram(sums: Floats) -> Floats:
    """Share of outcomes in each tenth of the PIT; flat at 0.1 is calibrated; (…, WIDTH) to (…, PIT_BINS)."""
    return _ratio(sums[..., PIT:], sums[..., COUNT, None])


def _ratio(total: Floats, count: Floats) -> Floats:
    shape = np.broadcast_shapes(np.shape(total), np.shape(count))
    return np.asarray(
        np.divide(total, count, out=np.full(shape, np.nan), where=np.broadcast_to(count, shape) > 0)
    )
