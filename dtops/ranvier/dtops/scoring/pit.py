"""The randomised probability integral transform, and what is read from it.

    PIT = F(y−) + u (F(y) − F(y−)),  u ~ U(0, 1)

It is uniform exactly if the forecasts are calibrated, atoms included (Czado, Gneiting & Held 2009), which
a count of "inside the band" is not: a band that ends on an atom holds too much or too little.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.forecast import Tail
from ranvier.dtops.scoring.crps import knots
from ranvier.dtops.scoring.missing import present
from ranvier.dtops.scoring.sample_quantiles import HAZEN, sample_quantiles
from ranvier.dtops.scoring.state import divide

Floats = NDArray[np.float64]


def cdf_samples(members: Floats, y: Floats) -> tuple[Floats, Floats]:
    """F(y−) and F(y) of the empirical distribution; (…, m) and (…) to two of (…).

    Over the members that are present; NaN where none is, or where y is missing.
    """
    count = np.where(np.isnan(y), 0, present(members))
    below, upto = (members < y[..., None]).sum(axis=-1), (members <= y[..., None]).sum(axis=-1)
    return divide(below, count), divide(upto, count)


def cdf_quantiles(values: Floats, levels: Floats, y: Floats, tail: Tail) -> tuple[Floats, Floats]:
    """F(y−) and F(y) of the piecewise linear distribution; (…, m), (m,) and (…) to two of (…).

    NaN where y or a quantile is missing.
    """
    y = np.where(np.isnan(values).any(axis=-1), np.nan, y)
    x, f = knots(np.broadcast_to(values, (*y.shape, values.shape[-1])), levels, tail)
    upto = (x <= y[..., None]).sum(axis=-1)  # knots at or below y
    before = (x < y[..., None]).sum(axis=-1)  # knots below y
    return _linear(x, f, before, y), np.where(
        upto > before, f[np.maximum(upto - 1, 0)], _linear(x, f, upto, y)
    )


def _linear(x: Floats, f: Floats, count: NDArray[np.int64], y: Floats) -> Floats:
    """F between knot count−1 and knot count, at y; 0 before the first knot and 1 after the last."""
    last = x.shape[-1] - 1
    i = np.clip(count - 1, 0, last - 1)[..., None]
    left, right = np.take_along_axis(x, i, -1)[..., 0], np.take_along_axis(x, i + 1, -1)[..., 0]
    low, high = f[i[..., 0]], f[i[..., 0] + 1]
    width = right - left
    share = np.divide(y - left, width, out=np.zeros_like(width), where=width > 0)
    inner = low + np.clip(share, 0.0, 1.0) * (high - low)
    outside = np.where(count == 0, 0.0, np.where(count > last, 1.0, inner))
    return np.where(np.isnan(y), np.nan, outside)


def randomised_pit(
    values: Floats, levels: Floats | None, y: Floats, u: Floats, tail: Tail = "clamped"
) -> Floats:
    """PIT of outcomes (…) under forecasts (…, m); `u` (…) uniform in [0, 1), from a counter-based stream."""
    below, upto = cdf_samples(values, y) if levels is None else cdf_quantiles(values, levels, y, tail)
    return np.asarray(below + u * (upto - below))


def median(values: Floats, levels: Floats | None, tail: Tail = "clamped") -> Floats:
    """The forecast's median; (…, m) to (…). Of samples: over the members present."""
    if levels is None:
        middle = np.asarray(np.median(values, axis=-1))
        torn = np.isnan(middle).any()
        return sample_quantiles(values, np.array([0.5]), HAZEN)[..., 0] if torn else middle
    x, f = knots(values, levels, tail)
    i = int(np.searchsorted(f, 0.5, side="right")) - 1
    share = (0.5 - f[i]) / (f[i + 1] - f[i])
    middle = x[..., i] + share * (x[..., i + 1] - x[..., i])
    return np.asarray(np.where(np.isnan(values).any(axis=-1), np.nan, middle))
