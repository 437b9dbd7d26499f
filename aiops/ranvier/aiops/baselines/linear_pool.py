"""The mixture of distributions that has the least CRPS on the known past.

For F = Σ wᵢ Fᵢ,  CRPS(F, y) = Σ wᵢ E|Xᵢ − y| − ½ Σᵢⱼ wᵢ wⱼ E|Xᵢ − Xⱼ|,  so the best weights are those of a
convex quadratic on the simplex.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def best_weights(parts: Sequence[Floats], y: Floats, rounds: int = 300) -> Floats:
    """(c,) the weights of c ensembles, each (e, mᵢ), with the least mean CRPS on e outcomes.

    By exponentiated gradient steps (Kivinen & Warmuth 1997), which stay inside the simplex.
    """
    c = len(parts)
    reach = np.array([np.abs(part - y[:, None]).mean() for part in parts])
    apart = np.zeros((c, c))
    for i in range(c):
        for j in range(i, c):
            gap = np.abs(parts[i][:, :, None] - parts[j][:, None, :]).mean()
            apart[i, j] = apart[j, i] = gap
    scale = max(float(reach.max()), 1e-300)
    weights = np.full(c, 1 / c)
    for _ in range(rounds):
        weights = weights * np.exp(-2.0 * (reach - apart @ weights) / scale)
        weights /= weights.sum()
    return np.asarray(weights)


def pooled_members(parts: Sequence[Floats], weights: Floats, members: int) -> Floats:
    """(n, members) equally likely members of the mixture, at its mid-point quantiles; only values that occur.

    parts    c ensembles (n, mᵢ), NaN along a row where a part has nothing to say
    weights  (n, c) or (c,); shared out again over the parts that speak. NaN where none does.
    """
    n = len(parts[0])
    each = np.broadcast_to(weights, (n, len(parts)))
    values = np.concatenate(parts, axis=1)
    mass = np.concatenate(
        [np.repeat(each[:, [i]] / part.shape[1], part.shape[1], axis=1) for i, part in enumerate(parts)],
        axis=1,
    )
    mass = np.where(np.isnan(values), 0.0, mass)
    order = np.argsort(values, axis=1)
    values, mass = np.take_along_axis(values, order, axis=1), np.take_along_axis(mass, order, axis=1)
    upto = np.cumsum(mass, axis=1)
    total = upto[:, -1:]
    levels = (np.arange(members) + 0.5) / members
    # A row's places in one search over all rows: the share of row i runs over (i, i + 1].
    share = np.divide(upto, total, out=np.ones_like(upto), where=total > 0) + np.arange(n)[:, None]
    wanted = levels[None, :] + np.arange(n)[:, None]
    place = np.searchsorted(share.ravel(), wanted.ravel(), side="left").reshape(n, members)
    place = np.minimum(place - np.arange(n)[:, None] * values.shape[1], values.shape[1] - 1)
    found = np.take_along_axis(values, place, axis=1)
    return np.where(total > 0, found, np.nan)
