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

Floats = NDArray[np.float64]


def cdf_samples(members: Floats, y: Floats) -> tuple[Floats, Floats]:
    """F(y−) and F(y) of the empirical distribution; (…, m) and (…) to two of (…)."""
    return (members < y[..., None]).mean(axis=-1), (members <= y[..., None]).mean(axis=-1)


def cdf_quantiles(values: Floats, levels: Floats, y: Floats, tail: Tail) -> tuple[Floats, Floats]:
    """F(y−) and F(y) of the piecewise linear distribution; (…, m), (m,) and (…) to two of (…)."""
    x, f = knots(values, levels, tail)
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
    return np.where(count == 0, 0.0, np.where(count > last, 1.0, inner))


def randomised_pit(
    values: Floats, levels: Floats | None, y: Floats, u: Floats, tail: Tail = "clamped"
) -> Floats:
    """PIT of outcomes (…) under forecasts (…, m); `u` (…) uniform in [0, 1), from a counter-based stream."""
    below, upto = cdf_samples(values, y) if levels is None else cdf_quantiles(values, levels, y, tail)
    return np.asarray(below + u * (upto - below))


def median(values: Floats, levels: Floats | None, tail: Tail = "clamped") -> Floats:
    """The forecast's median; (…, m) to (…)."""
    if levels is None:
        return np.asarray(np.median(values, axis=-1))
    x, f = knots(values, levels, tail)
    i = int(np.searchsorted(f, 0.5, side="right")) - 1
    share = (0.5 - f[i]) / (f[i + 1] - f[i])
    return np.asarray(x[..., i] + share * (x[..., i + 1] - x[..., i]))
