"""The continuous ranked probability score, exact for both kinds of forecast.

    CRPS(F, y) = ∫ (F(x) − 1{y ≤ x})² dx

It is in the unit of y, lower is better, and equals |x − y| for a point forecast x. It is proper: nobody
gains by issuing another distribution than the one believed in (Gneiting & Raftery 2007, section 4.2).

Samples are read as their empirical distribution, quantiles as the piecewise linear distribution through
them. Both are distributions, so scores of the two kinds stand in one table. The *fair* estimator asks
another question (how good is the distribution that the members were drawn from?), and is never mixed in.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.forecast import Tail

Floats = NDArray[np.float64]


def crps_samples(members: Floats, y: Floats) -> Floats:
    """CRPS of the empirical distribution of m equally likely members; (…, m) and (…) to (…).

    E|X − y| − ½ E|X − X′| = Σ|xᵢ − y| / m − Σᵢ (2i − m − 1) x₍ᵢ₎ / m², with x₍ᵢ₎ in rising order.
    """
    m = members.shape[-1]
    return np.asarray(_distance(members, y) - _spread(members) / m**2)


def fair_crps_samples(members: Floats, y: Floats) -> Floats:
    """The fair CRPS: unbiased for the distribution that the members are drawn from (Ferro 2014).

    E|X − y| − Σᵢⱼ|xᵢ − xⱼ| / (2 m (m − 1)). It needs m ≥ 2, else NaN; it may be negative.
    """
    m = members.shape[-1]
    if m < 2:
        return np.full(np.shape(y), np.nan)
    return np.asarray(_distance(members, y) - _spread(members) / (m * (m - 1)))


def _distance(members: Floats, y: Floats) -> Floats:
    """E|X − y| = Σ|xᵢ − y| / m."""
    return np.asarray(np.abs(members - y[..., None]).mean(axis=-1))


def _spread(members: Floats) -> Floats:
    """½ Σᵢⱼ|xᵢ − xⱼ| = Σᵢ (2i − m − 1) x₍ᵢ₎."""
    m = members.shape[-1]
    return np.asarray(np.sort(members, axis=-1) @ np.arange(1.0 - m, m, 2.0))


def knots(values: Floats, levels: Floats, tail: Tail) -> tuple[Floats, Floats]:
    """The distribution function as knots (x, F) from F = 0 to F = 1; (…, m) to (…, m + 2) and (m + 2,).

    "clamped" puts the mass beyond the outermost levels on the outermost values; "linear" goes on with the
    slope of the outermost segment, and falls back on "clamped" where there is one level only.
    """
    first, last = values[..., :1], values[..., -1:]
    if tail == "linear" and len(levels) > 1:
        low, high = levels[0] / (levels[1] - levels[0]), (1 - levels[-1]) / (levels[-1] - levels[-2])
        first = first - low * (values[..., 1:2] - values[..., :1])
        last = last + high * (values[..., -1:] - values[..., -2:-1])
    return np.concatenate([first, values, last], axis=-1), np.concatenate([[0.0], levels, [1.0]])


def crps_quantiles(values: Floats, levels: Floats, y: Floats, tail: Tail = "clamped") -> Floats:
    """CRPS of the piecewise linear distribution through quantiles; (…, m), (m,) and (…) to (…).

    On a segment of width w on which F runs from p to q, ∫ F² dx = w (p² + pq + q²) / 3. The segment that
    holds y is split there: F² counts to its left, (1 − F)² to its right.
    """
    x, f = knots(values, levels, tail)
    left, right = x[..., :-1], x[..., 1:]
    width = right - left
    inside = np.clip(y[..., None], left, right)
    share = np.divide(inside - left, width, out=np.zeros_like(width), where=width > 0)
    at_y = f[:-1] + share * np.diff(f)
    below = (inside - left) * _mean_square(f[:-1], at_y)
    above = (right - inside) * _mean_square(1 - at_y, 1 - f[1:])
    beyond = np.maximum(x[..., 0] - y, 0.0) + np.maximum(y - x[..., -1], 0.0)
    return np.asarray((below + above).sum(axis=-1) + beyond)


def _mean_square(p: Floats, q: Floats) -> Floats:
    """The mean of the square of what runs linearly from p to q."""
    return np.asarray((p * p + p * q + q * q) / 3)


def crps(values: Floats, levels: Floats | None, y: Floats, tail: Tail = "clamped") -> Floats:
    """CRPS of a Forecast's values; (…, m) and (…) to (…). NaN where forecast or outcome is missing."""
    if levels is None:
        return crps_samples(values, y)
    return crps_quantiles(values, levels, y, tail)
