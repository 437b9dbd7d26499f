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
    """The moments of one quantity, ready to be searched. `ordered` (7, k) ranks figures, `places` (k, 7) has them."""

    moments: Moments
    ordered: Floats
    places: Floats
    latest: Floats

    @classmethod
    def of(cls, moments: Moments) -> Analogues:
        """Work out the figures and ranks of all moments."""
        known = figures(moments.history, moments.around)
        ordered = np.sort(known, axis=0).T.copy()
        return cls(moments, ordered, _ranks(ordered, known), moments.history[:, -1])

    def describe(self, history: Floats, around: Floats) -> Floats:
        """(n, 7) the weighted ranks of the figures of other histories among the moments'."""
        return _ranks(self.ordered, figures(history, around))

    def nearest(self, described: Floats, lag: int, k: int, barred: NDArray[np.bool_] | None = None) -> Ints:
        """(n, k) the moments most alike, among those whose value `lag` (a column) later is known.

        barred  (n, moments) those that must not be used
        """
        usable = np.flatnonzero(~np.isnan(self.moments.followed[:, lag]))
        there = self.places[usable]
        far = (there**2).sum(axis=1)[None, :] - 2 * described @ there.T  # squared distance less a constant
        if barred is not None:
            far[barred[:, usable]] = np.inf
        k = min(k, len(usable))
        if k == len(usable):
            return np.broadcast_to(usable, (len(described), k))
        return np.asarray(usable[np.argpartition(far, k, axis=1)[:, :k]])


def _ranks(ordered: Floats, values: Floats) -> Floats:
    """The mid-ranks of values in [0, 1], times the weights."""
    columns = [
        np.searchsorted(ordered[j], values[:, j], "left") + np.searchsorted(ordered[j], values[:, j], "right")
        for j in range(len(ordered))
    ]
    return np.asarray(np.stack(columns, axis=1) / (2 * ordered.shape[1]) * WEIGHTS)
