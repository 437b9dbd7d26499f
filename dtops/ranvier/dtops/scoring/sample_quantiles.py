"""Quantiles of the members present, by either of two plotting positions (Hyndman & Fan 1996).

p(i) = (i − a) / (m + 1 − 2a)  is the level of the i-th of m members; linear between, flat beyond

a = 0 (Weibull)   between neighbours of m calibrated members lies 1/(m + 1) of the outcomes: for bands that
                  are to cover their level, however small the ensemble
a = ½ (Hazen)     m members are m equal shares of mass, each at its middle: for quantiles that stand for
                  the ensemble itself. Its median is the usual one
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.scoring.missing import present

Floats = NDArray[np.float64]
WEIBULL, HAZEN = 0.0, 0.5


def sample_quantiles(members: Floats, levels: Floats, a: float) -> Floats:
    """At each level; (…, m) and (q,) to (…, q). NaN where no member is present.

    NaN sorts behind all numbers, so that the first of the sorted are those present.
    """
    ordered, m = np.sort(members, axis=-1), present(members)[..., None]
    last = np.maximum(m - 1, 0)
    place = np.clip(levels * (m + 1 - 2 * a) + a - 1, 0, last)
    low = np.floor(place).astype(np.int64)
    left, right = (np.take_along_axis(ordered, i, -1) for i in (low, np.minimum(low + 1, last)))
    return np.asarray(np.where(m > 0, left + (place - low) * (right - left), np.nan))
