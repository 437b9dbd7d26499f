"""Sums over areas: the load of a site, a cluster or a scene, as distributions, and how good they are.

An operator acts on sums, and a sum is where dependence between nodes shows: variances of independent nodes add
up to too little. So the CRPS of area sums tells apart what the energy score hardly does.

Only joint samples can be summed: member k of every node must be of one and the same possible future. Quantiles
say nothing of how nodes go together, and the sum of quantiles is the quantile of a sum only where all nodes
rise and fall as one. Samples drawn for each node alone may be summed, and then claim independence.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.scoring.crps import crps_samples, fair_crps_samples
from ranvier.dtops.scoring.pit import randomised_pit
from ranvier.ontology.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
NOWHERE = -1
"""The label of a node that lies in none of the areas."""


def area_sums(values: Floats, areas: Ints, count: int | None = None) -> Floats:
    """Sums over the nodes of each area; (n, …) and labels (n,) to (areas, …), in the unit of the values.

    NaN where a node of the area is missing, for the outcome and for each member alone; an area without nodes
    is NaN too. Labels run from 0; `NOWHERE` leaves a node out.
    """
    if areas.shape != values.shape[:1] or areas.min(initial=0) < NOWHERE:
        raise InputError(
            f"a label from {NOWHERE} for each of {len(values)} nodes", f"{areas.shape} labels",
            "number the areas from 0",
        )  # fmt: skip
    count = int(areas.max(initial=-1)) + 1 if count is None else count
    used = np.flatnonzero(areas >= 0)
    order = used[np.argsort(areas[used], kind="stable")]
    found = np.full((count, *values.shape[1:]), np.nan)
    labels, begins = np.unique(areas[order], return_index=True)
    if len(order):
        found[labels] = np.add.reduceat(values[order], begins, axis=0)
    return found


def scene_sum(values: Floats) -> Floats:
    """The sum over all nodes, as the one area it is; (n, …) to (1, …)."""
    return area_sums(values, np.zeros(len(values), dtype=np.int64))


def area_crps(
    members: Floats, y: Floats, areas: Ints, fair: bool = False, levels: Floats | None = None
) -> Floats:
    """CRPS of the area sums; members (n, …, m), outcomes (n, …), labels (n,) to (areas, …).

    `levels` is what the Forecast has: InputError unless it is None.
    """
    _refuse_quantiles(levels)
    score = fair_crps_samples if fair else crps_samples
    return score(area_sums(members, areas), area_sums(y, areas))


def area_pit(members: Floats, y: Floats, areas: Ints, u: Floats, levels: Floats | None = None) -> Floats:
    """Randomised PIT of the area sums, with `u` (areas, …) uniform; for `reliability` and histograms."""
    _refuse_quantiles(levels)
    return randomised_pit(area_sums(members, areas), None, area_sums(y, areas), u)


def area_covered(
    members: Floats, y: Floats, areas: Ints, u: Floats, band: float = 0.8, levels: Floats | None = None
) -> Floats:
    """1 where the area's outcome lies in the central band of its sum, 0 where not, NaN where missing.

    By randomised PIT, so that atoms (empty cells) count for their share; (areas, …).
    """
    pit = area_pit(members, y, areas, u, levels)
    inside = (pit >= (1 - band) / 2) & (pit < (1 + band) / 2)
    return np.where(np.isnan(pit), np.nan, inside.astype(np.float64))


def _refuse_quantiles(levels: Floats | None) -> None:
    if levels is not None:
        raise InputError(
            "joint samples: member k of every node from one possible future",
            f"quantiles at {len(levels)} levels, which do not say how nodes go together",
            "issue the Forecast as samples (levels=None), or give its marginals the dependence of past "
            "outcomes first (a Schaake shuffle)",
        )
