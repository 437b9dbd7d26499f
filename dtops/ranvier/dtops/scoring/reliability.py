"""Are bands as wide as they should be? Reliability, sharpness, and spread against skill.

Reliability is read from the PIT, so samples, quantiles and atoms are treated alike: of calibrated forecasts a
share τ of outcomes has a PIT below τ, and a share c lies in the central band c. Sharpness, the mean width of
such bands, is a property of forecasts alone, and counts only among those that are reliable (Gneiting,
Balabdaoui & Raftery 2007).

Spread and skill of an ensemble of m members, exchangeable with the outcome (Fortin et al. 2014):

    E[(x̄ − y)²] = (m + 1)/m · E[s²],   s² = Σ(xᵢ − x̄)² / (m − 1)

Variances are averaged before the root: the mean of standard deviations would be too low.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.forecast import Tail
from ranvier.dtops.scoring.crps import knots
from ranvier.dtops.scoring.missing import present, sum_of_present
from ranvier.dtops.scoring.sample_quantiles import WEIBULL, sample_quantiles
from ranvier.dtops.scoring.state import divide, mean_score, score_columns

Floats = NDArray[np.float64]
LEVELS = np.arange(1, 20) / 20
"""Levels at which reliability is read, one-sided and central."""


def reliability_columns(pit: Floats, levels: Floats = LEVELS) -> Floats:
    """[1, PIT < τ for each level, central band of each level]; PIT (…) to (…, 1 + 2·levels)."""
    below = pit[..., None] < levels
    central = np.abs(pit[..., None] - 0.5) < levels / 2
    columns = np.concatenate([np.ones((*pit.shape, 1)), below, central], axis=-1)
    return np.where(np.isnan(pit)[..., None], 0.0, columns)


def one_sided(sums: Floats) -> Floats:
    """Share of outcomes below the quantile of each level; the level itself is right; (…, w) to (…, levels)."""
    return divide(sums[..., 1 : 1 + _levels(sums)], sums[..., :1])


def central(sums: Floats) -> Floats:
    """Share of outcomes in the central band of each level; (…, w) to (…, levels)."""
    return divide(sums[..., 1 + _levels(sums) :], sums[..., :1])


def _levels(sums: Floats) -> int:
    return int(sums.shape[-1] - 1) // 2


def quantile(values: Floats, levels: Floats | None, at: float, tail: Tail = "clamped") -> Floats:
    """The forecast's quantile at a level; (…, m) to (…).

    Of samples by Weibull's positions, so that bands of small ensembles are as wide as their level asks; beyond
    the outermost members the outermost stands in.
    """
    if levels is None:
        return sample_quantiles(values, np.array([at]), WEIBULL)[..., 0]
    x, f = knots(values, levels, tail)
    i = min(int(np.searchsorted(f, at, side="right")) - 1, len(f) - 2)
    found = x[..., i] + (at - f[i]) / (f[i + 1] - f[i]) * (x[..., i + 1] - x[..., i])
    return np.asarray(np.where(np.isnan(values).any(axis=-1), np.nan, found))


def band(
    values: Floats, levels: Floats | None, coverage: float, tail: Tail = "clamped"
) -> tuple[Floats, Floats]:
    """The ends of the central band; (…, m) to two of (…)."""
    low, high = ((1 + side * coverage) / 2 for side in (-1, 1))
    return quantile(values, levels, low, tail), quantile(values, levels, high, tail)


def sharpness_columns(
    values: Floats, levels: Floats | None, bands: tuple[float, ...], tail: Tail = "clamped"
) -> Floats:
    """[1, width of each central band] in the unit of the values; (…, m) to (…, 1 + bands)."""
    ends = [band(values, levels, coverage, tail) for coverage in bands]
    return score_columns(*(high - low for low, high in ends))


def sharpness(sums: Floats) -> Floats:
    """Mean width of each band; (…, w) to (…, w − 1)."""
    return divide(sums[..., 1:], sums[..., :1])


def spread_skill_columns(members: Floats, y: Floats) -> Floats:
    """[1, (m + 1)/m · s², (x̄ − y)²] over the members present, two or more; (…, m) and (…) to (…, 3)."""
    m = present(members)
    middle = divide(sum_of_present(members), m)
    square = sum_of_present((members - middle[..., None]) ** 2)
    return score_columns(divide(square * (m + 1), m * (m - 1)), (middle - y) ** 2)


def spread(sums: Floats) -> Floats:
    """√(mean of (m + 1)/m · s²), in the unit of the values; (…, 3) to (…)."""
    return np.asarray(np.sqrt(mean_score(sums, 1)))


def rmse(sums: Floats) -> Floats:
    """√(mean square error of the ensemble mean), in the unit of the values; (…, 3) to (…)."""
    return np.asarray(np.sqrt(mean_score(sums, 2)))


def spread_skill(sums: Floats) -> Floats:
    """Spread over RMSE: 1 is right, less is overconfident; (…, 3) to (…). NaN where the mean is never wrong."""
    return np.asarray(np.sqrt(divide(sums[..., 1], sums[..., 2])))
