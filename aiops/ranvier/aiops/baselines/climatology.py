"""`Climatology`: what is usual. The reference of the fidelity, so it stays plain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.forecast import Forecast
from ranvier.dtops.scoring.crps import crps
from ranvier.dtops.twin_state import TwinState

Floats = NDArray[np.float64]


def midpoints(members: int) -> Floats:
    """The levels (i − ½) / m: equally likely members at these quantiles lose least CRPS (Bröcker 2012)."""
    return np.asarray((np.arange(members) + 0.5) / members)


def members_of(sample: Floats, members: int) -> Floats:
    """(n, r) samples with NaN at any place to (n, members) equally likely members that occurred; NaN if none."""
    ordered = np.sort(sample, axis=1)  # NaN last
    known = (~np.isnan(ordered)).sum(axis=1)
    place = np.floor(midpoints(members)[None, :] * known[:, None]).astype(np.int64)
    return np.take_along_axis(ordered, place, axis=1)


@dataclass(frozen=True, slots=True)
class Climatology:
    """The target's own past once `enough` values of it are known, else that of all targets of its quantity.

    The same distribution at every horizon. No forecast for a quantity of which nothing is known.
    """

    enough: int = 300
    members: int = 50
    name: str = "climatology"
    version: str = "1"

    def forecast(self, state: TwinState, horizons_s: Sequence[float]) -> Forecast:
        """Equally likely members from the past, the same at each horizon."""
        pooled = members_of(state.pooled.sample, self.members)[state.quantity_index()]
        own = members_of(state.climate.sample, self.members)
        values = np.where(state.climate.count[:, None] >= self.enough, own, pooled)
        shape = (len(state.targets), len(horizons_s), self.members)
        return Forecast(
            self.name, self.version, state.known_at_ns, state.known_at_ns, state.targets, tuple(horizons_s),
            np.broadcast_to(values[:, None, :], shape).copy(), step_ns=state.step_ns,
        )  # fmt: skip

    def loss(self, forecast: Forecast, outcomes: Floats) -> Floats:
        """CRPS (n, h)."""
        return crps(forecast.values, forecast.levels, outcomes, forecast.tail)
