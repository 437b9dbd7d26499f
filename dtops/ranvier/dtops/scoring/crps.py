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
from ranvier.dtops.scoring.state import divide

Floats = NDArray[np.float64]
CHUNK = 32_768
"""Numbers that are worked on at once: 256 KB, which a core's second cache holds."""


def crps_samples(members: Floats, y: Floats) -> Floats:
    """CRPS of the empirical distribution of m equally likely members; (…, m) and (…) to (…).

    E|X − y| − ½ E|X − X′| = Σ|xᵢ − y| / m − Σᵢ (2i − m − 1) x₍ᵢ₎ / m², with x₍ᵢ₎ in rising order.
    Over the members that are present (`missing`).
    """
    distance, spread, m = moments(members, y)
    return np.asarray(divide(distance, m) - divide(spread, m * m))


def fair_crps_samples(members: Floats, y: Floats) -> Floats:
    """The fair CRPS: unbiased for the distribution that the members are drawn from (Ferro 2014).

    E|X − y| − Σᵢⱼ|xᵢ − xⱼ| / (2 m (m − 1)). It needs two members, else NaN; it may be negative.
    """
    distance, spread, m = moments(members, y)
    return np.asarray(divide(distance, m) - divide(spread, m * (m - 1)))


def moments(members: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
    """Σ|xᵢ − y|, ½ Σᵢⱼ|xᵢ − xⱼ| = Σᵢ (2i − m − 1) x₍ᵢ₎, and m; (…, m) and (…) to three of (…).

    Both by one sort of x − y, in chunks that stay in the cache. Where y is missing the first is NaN.
    """
    y = np.asarray(y, dtype=np.float64)
    shape = np.broadcast_shapes(members.shape[:-1], y.shape)
    m = members.shape[-1]
    flat = np.broadcast_to(members, (*shape, m)).reshape(-1, m)
    centre = np.broadcast_to(y, shape).reshape(-1)
    distance, spread, count = np.empty(len(flat)), np.empty(len(flat)), np.full(len(flat), float(m))
    rank, one = np.arange(1.0 - m, m, 2.0), np.ones(m)
    step = max(1, CHUNK // max(m, 1))
    for at in range(0, len(flat), step):
        rows = slice(at, at + step)
        apart = flat[rows] - centre[rows, None]
        apart.sort(axis=-1)
        np.matmul(apart, rank, out=spread[rows])
        np.matmul(np.abs(apart, out=apart), one, out=distance[rows])
    torn = np.flatnonzero(np.isnan(distance) & ~np.isnan(centre))
    if len(torn):
        distance[torn], spread[torn], count[torn] = _moments_of_present(flat[torn], centre[torn])
    return distance.reshape(shape), spread.reshape(shape), count.reshape(shape)


def _moments_of_present(members: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
    """The same where some members are NaN: these sort behind all others, and weigh nothing."""
    apart = np.sort(members - y[:, None], axis=-1)
    known = ~np.isnan(apart)
    count = known.sum(axis=-1).astype(np.float64)
    rank = 2 * np.arange(members.shape[-1]) + 1 - count[:, None]
    apart = np.where(known, apart, 0.0)
    return np.abs(apart).sum(axis=-1), (apart * rank).sum(axis=-1), count


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
    y = np.asarray(y, dtype=np.float64)
    shape, m = np.broadcast_shapes(values.shape[:-1], y.shape), values.shape[-1]
    flat = np.broadcast_to(values, (*shape, m)).reshape(-1, m)
    outcome = np.broadcast_to(y, shape).reshape(-1, 1)
    found = np.empty(len(flat))
    step = max(1, CHUNK // (4 * m))  # several arrays of this size are in use at once
    for at in range(0, len(flat), step):
        x, f = knots(flat[at : at + step], levels, tail)
        found[at : at + step] = _of_knots(x, f, outcome[at : at + step])
    return found.reshape(shape)


def _of_knots(x: Floats, f: Floats, y: Floats) -> Floats:
    """The same of knots (n, k) and (k,), with outcomes (n, 1), to (n,)."""
    left, right = x[:, :-1], x[:, 1:]
    width = right - left
    inside = np.clip(y, left, right)
    share = np.divide(inside - left, width, out=np.zeros(width.shape), where=width > 0)
    at_y = f[:-1] + share * np.diff(f)
    below = (inside - left) * _mean_square(f[:-1], at_y)
    above = (right - inside) * _mean_square(1 - at_y, 1 - f[1:])
    beyond = np.maximum(x[:, 0] - y[:, 0], 0.0) + np.maximum(y[:, 0] - x[:, -1], 0.0)
    return np.asarray((below + above).sum(axis=-1) + beyond)


def _mean_square(p: Floats, q: Floats) -> Floats:
    """The mean of the square of what runs linearly from p to q."""
    return np.asarray((p * p + p * q + q * q) / 3)


def crps(values: Floats, levels: Floats | None, y: Floats, tail: Tail = "clamped") -> Floats:
    """CRPS of a Forecast's values; (…, m) and (…) to (…). NaN where forecast or outcome is missing."""
    if levels is None:
        return crps_samples(values, y)
    return crps_quantiles(values, levels, y, tail)
