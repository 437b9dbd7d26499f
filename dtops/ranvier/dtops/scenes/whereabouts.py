"""Where users may be when they have gone a distance: K places of each, as likely one as another.

    waypoint   straight to a uniform point of the area, then to another; after three legs anywhere on the fourth
    street     a walk that turns every 200 m or so: normal, with ½ d min(d, 200 m) along each axis
    line       the one place that it leads to; where the track ends, it begins again

What `simulator.motion` draws, without the plan of streets.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.special import ndtri

from ranvier.dtops.scenes.scene import Scene
from ranvier.dtops.simulator.population import MOTIONS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
PLACES = 16
LEGS = 4
STREET, LINE = MOTIONS.index("street"), MOTIONS.index("line")
STRAIGHT_M = 200.0
_PLASTIC = 1.32471795724474602596
"""The plastic number: multiples of 1 / p and 1 / p² fill the square evenly (Roberts 2018)."""


def area(scene: Scene) -> tuple[Floats, Floats]:
    """The corners (2,) of where users stand now; of a line, half a site spacing beyond the outermost masts."""
    users = scene.users
    at = np.stack([users.x_m, users.y_m], axis=1)
    low, high = at.min(axis=0), at.max(axis=0)
    if (users.motion == LINE).any():
        margin = site_spacing_m(scene) / 2
        low[0], high[0] = scene.cells.x_m.min() - margin, scene.cells.x_m.max() + margin
    return low, high


def site_spacing_m(scene: Scene) -> float:
    """Mean distance to the nearest other site, metres; 0 with one site."""
    place = np.unique(np.stack([scene.cells.x_m, scene.cells.y_m], axis=1), axis=0)
    if len(place) < 2:
        return 0.0
    apart, _ = cKDTree(place).query(place, k=2)
    return float(apart[:, 1].mean())


def places(scene: Scene, which: Ints, gone_m: Floats) -> Floats:
    """(n, K, 2) of users `which` (n,) that have gone `gone_m` (n,)."""
    users = scene.users
    at = np.stack([users.x_m[which], users.y_m[which]], axis=1)
    low, high = area(scene)
    motion = users.motion[which]
    found = _waypoints(at, gone_m, low, high)
    street = motion == STREET
    if street.any():
        found[street] = _walks(at[street], gone_m[street], low, high)
    line = motion == LINE
    if line.any():
        x = low[0] + np.mod(at[line, 0] + gone_m[line] - low[0], max(high[0] - low[0], 1.0))
        found[line] = np.stack([x, at[line, 1]], axis=1)[:, None]
    return found


def _waypoints(at: Floats, gone_m: Floats, low: Floats, high: Floats) -> Floats:
    ends = [np.broadcast_to(at[:, None], (len(at), PLACES, 2))]
    ends += [low + (high - low) * _even(at, leg) for leg in range(LEGS)]
    lengths = [np.linalg.norm(b - a, axis=2) for a, b in pairwise(ends)]
    last = sum(lengths[:-1]) + lengths[-1] * _even(at, LEGS)[..., 0]
    left = np.minimum(gone_m[:, None], last)
    found = ends[0].copy()
    for (a, b), length in zip(pairwise(ends), lengths, strict=True):
        part = np.clip(left / np.maximum(length, 1e-9), 0.0, 1.0)
        on = (left > 0)[..., None]
        found = np.where(on, a + part[..., None] * (b - a), found)
        left = left - length
    return found


def _walks(at: Floats, gone_m: Floats, low: Floats, high: Floats) -> Floats:
    spread = np.sqrt(gone_m * np.minimum(gone_m, STRAIGHT_M) / 2)
    step = ndtri(np.clip(_even(at, 0), 1e-3, 1 - 1e-3)) * spread[:, None, None]
    # Who would leave the area turns around.
    size = np.maximum(high - low, 1.0)
    folded = np.mod(at[:, None] + step - low, 2 * size)
    return np.asarray(low + np.minimum(folded, 2 * size - folded))


def _even(at: Floats, leg: int) -> Floats:
    """(n, K, 2) in the unit square, evenly over K; other ones for each place (n, 2) and leg."""
    rolled = (np.arange(PLACES)[:, None] + 1.0) / np.array([_PLASTIC, _PLASTIC**2])
    shift = at * np.array([0.7548776662, 0.5698402910]) + leg * np.array([0.3819660113, 0.2360679775])
    return np.asarray(np.mod(rolled + shift[:, None], 1.0))
