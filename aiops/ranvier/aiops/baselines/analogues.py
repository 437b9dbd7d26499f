"""Past moments that looked like now, and what followed them.

A moment is described by a few figures of its recent past, each replaced by its rank among all moments of
its quantity, so that distances have no unit and heavy tails do no harm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.twin_state import Moments

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
SHORT, LONG = 5, 20
WEIGHTS = np.array([2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
"""How much each figure counts: the latest value twice."""


def filled(history: Floats) -> Floats:
    """(n, w) the latest value known at each step; before the first known one, that one."""
    known = ~np.isnan(history)
    place = np.where(known, np.arange(history.shape[1]), -1)
    np.maximum.accumulate(place, axis=1, out=place)
    first = known.argmax(axis=1)
    return np.take_along_axis(history, np.where(place < 0, first[:, None], place), axis=1)


def figures(history: Floats, around: Floats) -> Floats:
    """(n, 7) figures of (n, w) histories whose last value is known, and of what was around them.

    latest value; mean of the last 5, of the last 20, of all; mean absolute step over the last 20; steps since
    the value changed; the latest value around (the own one where nothing is around)
    """
    values = filled(history)
    last = values[:, -1]
    other = values[:, ::-1] != last[:, None]
    since = np.where(other.any(axis=1), other.argmax(axis=1), values.shape[1])
    near = filled(around)[:, -1]
    moving = np.abs(np.diff(values[:, -LONG:], axis=1)).mean(axis=1)
    return np.stack(
        [
            last, values[:, -SHORT:].mean(axis=1), values[:, -LONG:].mean(axis=1), values.mean(axis=1),
            moving, since, np.where(np.isnan(near), last, near),
        ],
        axis=1,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Analogues:
    """The k moments of one quantity, ready to be searched.

    ordered  (7, k) each figure in rising order, to rank others by
    places   (k, 7) the moments' own weighted ranks; `squares` (k,) their squared lengths
    latest   (k,) the moments' own values
    unknown  (lags, k) infinite where the value that followed is unknown, else 0
    """

    moments: Moments
    ordered: Floats
    places: Floats
    squares: Floats
    latest: Floats
    unknown: Floats

    @classmethod
    def of(cls, moments: Moments) -> Analogues:
        """Work out the figures and ranks of all moments."""
        known = figures(moments.history, moments.around)
        ordered = np.sort(known, axis=0).T.copy()
        places = _ranks(ordered, known)
        unknown = np.where(np.isnan(moments.followed), np.inf, 0.0).T.copy()
        return cls(moments, ordered, places, (places**2).sum(axis=1), moments.history[:, -1], unknown)

    def describe(self, history: Floats, around: Floats) -> Floats:
        """(n, 7) the weighted ranks of the figures of other histories among the moments'."""
        return _ranks(self.ordered, figures(history, around))

    def distances(self, described: Floats) -> Floats:
        """(n, k) squared distance of each history to each moment, less a constant of the history's."""
        return np.asarray(self.squares[None, :] - 2 * described @ self.places.T)

    def nearest(self, far: Floats, lag: Ints, alike: int) -> Ints:
        """(p, alike) the moments most alike; those whose value `lag` (p,) (a column) later is unknown come last."""
        far = far + self.unknown[lag]
        if alike >= far.shape[1]:
            return np.broadcast_to(np.arange(far.shape[1]), far.shape)
        return np.asarray(np.argpartition(far, alike, axis=1)[:, :alike])


def _ranks(ordered: Floats, values: Floats) -> Floats:
    """The mid-ranks of values in [0, 1], times the weights."""
    columns = [
        np.searchsorted(ordered[j], values[:, j], "left") + np.searchsorted(ordered[j], values[:, j], "right")
        for j in range(len(ordered))
    ]
    return np.asarray(np.stack(columns, axis=1) / (2 * ordered.shape[1]) * WEIGHTS)
