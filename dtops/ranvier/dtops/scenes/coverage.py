"""`Coverage`: what is heard where, as far as a scene's own links tell: points over the area of its users.

    G_c(x) = A_c(x) + α + β lg d + γ d              antenna pattern, and a path gain fitted to the scene's links
    S_x(c) = softmax_c(p_c(x) / 9 dB)               which cell serves there, as shadowing comes and goes
    SINR   = p₁ − 10 lg(Σ_{c ≠ 1} ρ_c p_c + N)      of the strongest, neighbours as loaded

Points and near cells are bounded in number by sites, so a map costs time in proportion to the network.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ranvier.dtops.scenes.link_budget import SUBCARRIERS, LinkBudget
from ranvier.dtops.scenes.scene import Scene, pattern_db
from ranvier.dtops.scenes.whereabouts import area

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
SOFT_DB = 9.0
POINTS_OF_SITE, LEAST_POINTS = 20, 60
NEAR_CELLS = 21
PRIOR, PRIOR_SPREAD = np.array([-30.0, -35.0, 0.0]), np.array([10.0, 1.0, 1.0])
"""Of α, β, γ (km), with deviations in units of a link's: what a few links do not tell."""
HEIGHT_M = 1.5
OWN_SHARE = 0.4
"""Of what a user's links have in common that stays with it: the rest is shadowing."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """G points, and of each the M nearest cells.

    corner_m, step_m  of the grid, (2,) each; `counts` (2,) of its columns and rows
    cell, serves      (G, M): cells, and the probability that they serve
    rsrp_dbm, sinr_db (G,) of the strongest
    share             (C,) of the area
    offset_db         (U,) what is a user's own, its car above all: how far its links are from the map's
    """

    corner_m: Floats
    step_m: Floats
    counts: Ints
    cell: Ints
    serves: Floats
    rsrp_dbm: Floats
    sinr_db: Floats
    share: Floats
    offset_db: Floats

    def point(self, place_m: Floats) -> Ints:
        """Places (…, 2) to the nearest points (…)."""
        column = np.clip(
            np.round((place_m - self.corner_m) / self.step_m).astype(np.int64), 0, self.counts - 1
        )
        return np.asarray(column[..., 1] * self.counts[0] + column[..., 0])


def coverage(scene: Scene, budget: LinkBudget) -> Coverage:
    """The map of a scene with users."""
    cells = scene.cells
    low, high = area(scene)
    size = np.maximum(high - low, 1.0)
    sites = len(np.unique(cells.site))
    want = max(POINTS_OF_SITE * sites, LEAST_POINTS)
    step = max(float(np.sqrt(size[0] * size[1] / want)), float(size.max()) / want)
    counts = np.maximum(np.ceil(size / step).astype(np.int64), 1)
    steps = size / counts
    grid = np.meshgrid(*(low[i] + (np.arange(counts[i]) + 0.5) * steps[i] for i in (0, 1)))
    at = np.stack([each.reshape(-1) for each in grid], axis=1)
    cell, way = _near(scene, at)
    fit, offset_db = _fitted(scene)
    gain = pattern_db(scene.antenna, cells.bearing[cell], cells.tilt_deg[cell], way) + _distances(way) @ fit
    each = cells.tx_power_dbm - 10 * np.log10(SUBCARRIERS * cells.prbs)
    power = np.where(cells.on[cell], each[cell] + gain, -np.inf)
    first, best = power.argmax(axis=1), power.max(axis=1)
    best = np.where(np.isfinite(best), best, scene.attach_dbm)
    serves = np.exp((power - best[:, None]) / SOFT_DB)
    serves /= np.maximum(serves.sum(axis=1, keepdims=True), 1e-9)
    heard = 10 ** (power / 10) * np.minimum(budget.load, 1.0)[cell]
    heard[np.arange(len(at)), first] = 0.0
    carrier = cells.dl_frequency_hz[cell]
    heard[carrier != np.take_along_axis(carrier, first[:, None], axis=1)] = 0.0
    noise = 10 ** (scene.noise_dbm / 10) / SUBCARRIERS
    share = np.bincount(cell.ravel(), serves.ravel(), len(cells)) / len(at)
    sinr = best - 10 * np.log10(heard.sum(axis=1) + noise)
    return Coverage(low + steps / 2, steps, counts, cell, serves, best, sinr, share, offset_db)


def _fitted(scene: Scene) -> tuple[Floats, Floats]:
    """(3,) α, β, γ of links of users outdoors, if any are, and (U,) what users' links have in common beyond it."""
    cells, links, users = scene.cells, scene.links, scene.users
    way = scene.way_m()
    pattern = pattern_db(scene.antenna, cells.bearing[links.cell], cells.tilt_deg[links.cell], way)
    left, columns = links.gain_db - pattern, _distances(way)
    out = ~users.indoor[links.user] if not users.indoor.all() else np.ones(len(left), dtype=bool)
    rows = np.concatenate([columns[out], np.diag(1 / PRIOR_SPREAD)])
    fit = np.linalg.lstsq(rows, np.append(left[out], PRIOR / PRIOR_SPREAD), rcond=None)[0]
    count = np.bincount(links.user, minlength=len(users))
    common = np.bincount(links.user, left - columns @ fit, len(users)) / np.maximum(count, 1)
    return fit, np.asarray(OWN_SHARE * common)


def _near(scene: Scene, at: Floats) -> tuple[Ints, Floats]:
    """(G, M) the nearest cells, each by its nearest image, and (G, M, 3) the ways from their masts."""
    cells = scene.cells
    masts = np.stack([cells.x_m, cells.y_m], axis=1)
    images = (masts[None] - scene.wraparound[:, None]).reshape(-1, 2)
    many = min(NEAR_CELLS, len(cells))
    _, index = cKDTree(images).query(at, k=many)
    index = np.asarray(index).reshape(len(at), many)
    cell = index % len(cells)
    flat = at[:, None] - images[index]
    up = np.broadcast_to(HEIGHT_M - cells.height_m[cell], cell.shape)
    return cell, np.concatenate([flat, up[..., None]], axis=2)


def _distances(way_m: Floats) -> Floats:
    """(…, 3) of α, β, γ."""
    x, y, z = np.moveaxis(way_m, -1, 0)
    d = np.maximum(np.sqrt(x * x + y * y + z * z), 1.0)
    return np.stack([np.ones(d.shape), np.log10(d), d / 1e3], axis=-1)
