"""Where motion leads, in closed form: what each cell will serve, and what each user will hear, h from now.

    k_u(h) = exp(−v_u h / D_c)                      how far a user's channel is still today's
    w_u(h) = exp(−v_u h / (½ site spacing))         how far it is still around where it stands
    Q_u(c) = mean_x S_x(c)                          what serves it over the places x where it may be (`whereabouts`)
    x_c(h) = Σ_u k x_u 1{c serves u} + (1 − k) x'_u Q_u(c)        x: time, activity, bursts a second
    y_u(h) = k y_u + (1 − k) mean_x y(x)                          y: RSRP, SINR, of the map (`coverage`), with
                                                                  RSRP's offset of the user

x' is x here by w, and elsewhere by 1 − w, with the mean of 1 / r. Users that stay have k = 1. h counts to the
middle of the period.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.scenes.coverage import Coverage, coverage
from ranvier.dtops.scenes.link_budget import FULL_BUFFER, HARQ_S, SUBBANDS, LinkBudget, slowed
from ranvier.dtops.scenes.outcomes import PERIOD_S
from ranvier.dtops.scenes.scene import Scene
from ranvier.dtops.scenes.whereabouts import PLACES, places, site_spacing_m

Floats = NDArray[np.float64]
CHANNEL_SHARE, CHANNEL_M = 0.1, (5.0, 80.0)
"""D_c: part of the site spacing, and bounds; amid the distances of TR 38.901 tables 7.5-6 and 7.6.3.1-2, which are
metres in halls and a hundred in the country."""
LEAST_SPACING_M = 20.0
HALF_PERIOD_S = PERIOD_S / 2


class After(NamedTuple):
    """All by cells (C,) or users (U,), at a horizon.

    load        Σ of parts of the cell's time, which may pass 1
    activity    Σ of parts of the time in which users have data
    delay_s     mean of bursts; 0 where nothing comes
    rsrp_dbm, sinr_db   of users; NaN where nobody is served
    stays       probability that a user's cell is today's
    keeps       k, of users
    """

    load: Floats
    activity: Floats
    delay_s: Floats
    rsrp_dbm: Floats
    sinr_db: Floats
    stays: Floats
    keeps: Floats


class Dispersal:
    """What becomes of a scene's link budget: at each horizon, worked out once.

    share   (C,) of the area that each cell serves; zeros where nobody is served
    """

    def __init__(self, scene: Scene, budget: LinkBudget) -> None:
        self._scene, self._budget = scene, budget
        self._area = coverage(scene, budget) if budget.served.any() else None
        self.share = self._area.share if self._area is not None else np.zeros(len(scene.cells))
        self._here, self._there = _demands(scene, budget)
        self._spacing_m = max(site_spacing_m(scene), LEAST_SPACING_M)
        self._known: dict[float, After] = {}

    def at(self, horizons_s: Sequence[float]) -> After:
        """(…, H) of horizons."""
        found = zip(*(self.after(h) for h in horizons_s), strict=True)
        return After(*(np.stack(column, axis=1) for column in found))

    def after(self, horizon_s: float) -> After:
        """At one horizon."""
        if horizon_s not in self._known:
            self._known[horizon_s] = self._after(horizon_s)
        return self._known[horizon_s]

    def _after(self, horizon_s: float) -> After:
        scene, budget, area = self._scene, self._budget, self._area
        speed = np.where(budget.served, np.abs(scene.users.speed_m_s), 0.0)
        gone = speed * max(horizon_s - HALF_PERIOD_S, 0.0)
        channel_m = float(np.clip(CHANNEL_SHARE * self._spacing_m, *CHANNEL_M))
        k = np.exp(-gone / channel_m)
        sums = np.stack([budget.by_cell(each * k) for each in self._here])
        rsrp, sinr, stays = budget.rsrp_dbm.copy(), budget.sinr_db.copy(), np.ones(len(speed))
        moving = np.flatnonzero(gone)
        if area is not None and len(moving):
            leaves, w = 1 - k[moving], np.exp(-gone[moving] / (self._spacing_m / 2))
            x = (w * self._here[:, moving] + (1 - w) * self._there[:, moving]) * leaves
            at = area.point(places(scene, moving, gone[moving]))
            sums += np.stack([_spread(area, at, each) for each in x])
            there = area.rsrp_dbm[at].mean(axis=1) + area.offset_db[moving]
            rsrp[moving] += leaves * (there - rsrp[moving])
            sinr[moving] += leaves * (area.sinr_db[at].mean(axis=1) - sinr[moving])
            own = area.cell[at] == budget.cell[moving][:, None, None]
            stays[moving] -= leaves * (1 - (area.serves[at] * own).sum(axis=2).mean(axis=1))
        load, activity, coming = sums
        slow, late_s = slowed(load, coming)
        delay = load / np.maximum(coming, 1e-9) / slow + late_s + scene.slot_s / 2
        return After(load, activity, np.where(coming > 1e-9, delay, 0.0), rsrp, sinr, stays, k)


def _demands(scene: Scene, budget: LinkBudget) -> tuple[Floats, Floats]:
    """(3, U) here and elsewhere: the part of a cell's time, the part of the time with data, bursts a second."""
    users = scene.users
    endless = budget.served & (users.service == FULL_BUFFER)
    slow = budget.mean_of(1.0 / budget.rate_bit_s, budget.served & ~users.indoor, 0.0)
    elsewhere_s = users.burst_bits * slow + scene.slot_s / SUBBANDS
    busy = budget.bursts_s * budget.burst_s + endless
    far = np.where(endless, 1.0, budget.bursts_s * elsewhere_s)
    active = np.where(endless, 1.0, np.minimum(budget.bursts_s * (elsewhere_s + HARQ_S), 1.0))
    return np.stack([busy, budget.activity, budget.bursts_s]), np.stack([far, active, budget.bursts_s])


def _spread(area: Coverage, at: NDArray[np.int64], x: Floats) -> Floats:
    """(C,) what users' x (n,) come to over their places `at` (n, K)."""
    by_point = np.bincount(at.ravel(), np.repeat(x / PLACES, PLACES), len(area.rsrp_dbm))
    return np.asarray(
        np.bincount(area.cell.ravel(), (by_point[:, None] * area.serves).ravel(), len(area.share)),
        dtype=float,
    )
