"""Where motion leads, in closed form: what each cell will serve, and what each user will hear, h from now.

    k_u(h) = exp(−v_u h / 50 m)                  how far a user's channel is still today's
    w_u(h) = exp(−v_u h / (½ site spacing))      how far it is still around where it stands
    P_u(c) = softmax_c(p_u(c) / 6 dB)            what serves it around there, as shadowing comes and goes
    S_c    = mean of P over the users outdoors   what serves anybody who moves
    x_c(h) = Σ_u x_u [k 1{c serves u} + (w − k w) P_u(c) + (1 − w)(1 − k) S_c],   x: time, activity, bursts a second
    y_u(h) = k y_u + (1 − k) ȳ                   y: RSRP, SINR; ȳ the mean over the users that move

x_u of who went far is worked out with the mean of 1 / r. Users that stay have k = w = 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.scenes.link_budget import FULL_BUFFER, HARQ_S, MOST_LOAD, SUBBANDS, LinkBudget
from ranvier.dtops.scenes.scene import Scene

Floats = NDArray[np.float64]
CHANNEL_M = 50.0
"""Over which shadowing and line of sight change: amid those of TR 38.901 tables 7.5-6 and 7.6.3.1-2."""
SOFT_DB = 6.0
LEAST_SPACING_M = 20.0


@dataclass(frozen=True, slots=True)
class Dispersal:
    """All by cells (C, H) or users (U, H), at H horizons.

    share       (C,) S_c
    load        Σ of parts of the cell's time, which may pass 1
    activity    Σ of parts of the time in which users have data
    delay_s     mean of bursts, as of processor sharing; 0 where nothing comes
    rsrp_dbm, sinr_db   of users; NaN where nobody is served
    """

    share: Floats
    load: Floats
    activity: Floats
    delay_s: Floats
    rsrp_dbm: Floats
    sinr_db: Floats


def dispersal(scene: Scene, budget: LinkBudget, horizons_s: Sequence[float]) -> Dispersal:
    """What becomes of a scene's link budget at horizons."""
    users, cells = scene.users, len(scene.cells)
    soft = _soft(scene)
    outdoors = budget.served & ~users.indoor
    share = np.zeros(cells)
    if outdoors.any():
        share = np.bincount(scene.links.cell, soft * outdoors[scene.links.user], cells) / outdoors.sum()
    slow = budget.mean_of(1.0 / budget.rate_bit_s, outdoors, 0.0)
    busy = budget.bursts_s * budget.burst_s + (budget.served & (users.service == FULL_BUFFER))
    elsewhere_s = users.burst_bits * slow + scene.slot_s / SUBBANDS
    endless = users.service == FULL_BUFFER
    # (3, U): the part of a cell's time, the part of the time with data, and bursts a second.
    here = np.stack([busy, budget.activity, budget.bursts_s])
    there = np.stack([
        np.where(endless, busy, budget.bursts_s * elsewhere_s),
        np.where(endless, 1.0, np.minimum(budget.bursts_s * (elsewhere_s + HARQ_S), 1.0)), budget.bursts_s,
    ])  # fmt: skip
    spacing = max(site_spacing_m(scene) / 2, LEAST_SPACING_M)
    means = [budget.mean_of(each, outdoors, np.nan) for each in (budget.rsrp_dbm, budget.sinr_db)]
    speed = np.where((users.speed_m_s > 0) & budget.served, users.speed_m_s, 0.0)

    def after(h: float) -> tuple[Floats, ...]:
        k, w = np.exp(-speed * h / CHANNEL_M), np.exp(-speed * h / spacing)
        load, activity, coming = (
            budget.by_cell(near * k)
            + np.bincount(scene.links.cell, soft * (near * (1 - k) * w)[scene.links.user], cells)
            + share * np.where(budget.served, far * (1 - k) * (1 - w), 0.0).sum()
            for near, far in zip(here, there, strict=True)
        )
        queued = load / np.maximum(coming, 1e-9) / (1 - np.minimum(load, MOST_LOAD)) + scene.slot_s / 2
        rsrp, sinr = (
            k * now + (1 - k) * mean
            for now, mean in zip((budget.rsrp_dbm, budget.sinr_db), means, strict=True)
        )
        return load, activity, np.where(coming > 1e-9, queued, 0.0), rsrp, sinr

    found = zip(*(after(h) for h in horizons_s), strict=True)
    return Dispersal(share, *(np.stack(column, axis=1) for column in found))


def site_spacing_m(scene: Scene) -> float:
    """Mean distance to the nearest other site, metres; 0 with one site."""
    place = np.unique(np.stack([scene.cells.x_m, scene.cells.y_m], axis=1), axis=0)
    if len(place) < 2:
        return 0.0
    apart = np.hypot(*(place[:, None] - place).transpose(2, 0, 1))
    np.fill_diagonal(apart, np.inf)
    return float(apart.min(axis=1).mean())


def _soft(scene: Scene) -> Floats:
    """(E,) P_u(c) of each link; 0 for cells that are off."""
    rsrp, user = scene.rsrp_dbm(), scene.links.user
    best = np.full(len(scene.users), -np.inf)
    np.maximum.at(best, user, rsrp)
    with np.errstate(invalid="ignore"):
        weight = np.where(np.isfinite(rsrp), np.exp((rsrp - best[user]) / SOFT_DB), 0.0)
    total = np.bincount(user, weight, len(scene.users))[user]
    return np.divide(weight, total, out=np.zeros(len(weight)), where=total > 0)
