"""Scores of quantiles and of bands: the pinball loss, its mean over levels, and the interval score.

    ρ_τ(q, y) = (τ − 1{y < q})(y − q)

It is least in expectation at the quantile of level τ, in the unit of y. Twice its integral over all levels is
the CRPS (Laio & Tamea 2007), so a weighted sum over some levels stands for it: an approximation, whose error
falls with the gaps between levels. `crps.crps_quantiles` is exact for what lies between them, and is what the
referee's table uses; this is for comparison with others' figures, and for losses of models.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ranvier.ontology.errors import InputError

Floats = NDArray[np.float64]
CHUNK = 32_768
"""Numbers that are worked on at once: 256 KB."""


def pinball(values: Floats, levels: Floats, y: Floats) -> Floats:
    """The loss at each level; (…, q), (q,) and (…) to (…, q). NaN where value or outcome is missing."""
    over = np.asarray(values - np.asarray(y)[..., None])
    return np.asarray(np.maximum(over, 0.0) - levels * over)


def level_weights(levels: Floats) -> Floats:
    """The share of [0, 1] that each level stands for: up to halfway to its neighbours, or to the end; (q,)."""
    edges = np.concatenate([[0.0], (levels[1:] + levels[:-1]) / 2, [1.0]])
    return np.diff(edges)


def crps_pinball(values: Floats, levels: Floats, y: Floats, weights: Floats | None = None) -> Floats:
    """2 Σₖ wₖ ρ(qₖ, y): the CRPS, nearly; (…, q), (q,) and (…) to (…).

    weights  (q,) that sum to 1; None: `level_weights`. At levels (k − ½)/q these are 1/q, and the result is
             the CRPS of q equally likely members exactly

    With x = q − y the loss is (½ − τ) x + ½|x|: two products and no comparison.
    """
    y = np.asarray(y, dtype=np.float64)
    shape, q = np.broadcast_shapes(values.shape[:-1], y.shape), values.shape[-1]
    if levels.shape != (q,):
        raise InputError(f"{q} levels", str(levels.shape), "give one level for each value")
    weight = 2 * (level_weights(levels) if weights is None else weights)
    flat = np.broadcast_to(values, (*shape, q)).reshape(-1, q)
    centre = np.broadcast_to(y, shape).reshape(-1)
    found, slope = np.empty(len(flat)), weight * (0.5 - levels)
    step = max(1, CHUNK // q)
    for at in range(0, len(flat), step):
        rows = slice(at, at + step)
        over = np.repeat(centre[rows], q).reshape(-1, q)
        np.subtract(flat[rows], over, out=over)
        np.matmul(over, slope, out=found[rows])
        found[rows] += np.abs(over, out=over) @ (weight / 2)
    return found.reshape(shape)


def interval_score(low: Floats, high: Floats, y: Floats, coverage: float) -> Floats:
    """Of the central band [low, high] of a coverage 1 − α; (…) each to (…), in the unit of y.

    (high − low) + 2/α · (how far y lies outside it): narrow is good, and missing costs the more the surer the
    band claimed to be (Winkler 1972; Gneiting & Raftery 2007, equation 43). It is 2/α times the sum of the
    pinball losses of both ends.
    """
    if not 0 < coverage < 1:
        raise InputError("a coverage between 0 and 1", f"{coverage:g}", "0.8 is the band from 10 % to 90 %")
    low, high, y = np.broadcast_arrays(low, high, y)
    flat = [np.ravel(each) for each in (low, high, y)]
    found, penalty = np.empty(len(flat[0])), 2 / (1 - coverage)
    for at in range(0, len(found), CHUNK // 8):
        below, above, outcome = (each[at : at + CHUNK // 8] for each in flat)
        outside = found[at : at + CHUNK // 8]
        np.clip(outcome, below, above, out=outside)
        np.subtract(outcome, outside, out=outside)
        np.abs(outside, out=outside)
        outside *= penalty
        outside += above
        outside -= below
    return found.reshape(y.shape)
