"""`Persistence`: what is, stays. A point mass, so its CRPS is its absolute error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.forecast import Forecast
from ranvier.dtops.scoring.crps import crps
from ranvier.dtops.twin_state import TwinState

Floats = NDArray[np.float64]


def last_value(state: TwinState) -> Floats:
    """(n,) the latest value within the window; NaN where the whole window is empty."""
    age = np.minimum(state.age_steps(), state.recent.shape[1] - 1)
    return np.asarray(np.take_along_axis(state.recent, -1 - age[:, None], axis=1)[:, 0])


@dataclass(frozen=True, slots=True)
class Persistence:
    """The latest value, however old within the window, at every horizon."""

    name: str = "persistence"
    version: str = "1"

    def forecast(self, state: TwinState, horizons_s: Sequence[float]) -> Forecast:
        """One member: the latest value."""
        values = np.repeat(last_value(state)[:, None, None], len(horizons_s), axis=1)
        return Forecast(
            self.name, self.version, state.known_at_ns, state.known_at_ns, state.targets, tuple(horizons_s),
            values, step_ns=state.step_ns,
        )  # fmt: skip

    def loss(self, forecast: Forecast, outcomes: Floats) -> Floats:
        """CRPS (n, h)."""
        return crps(forecast.values, forecast.levels, outcomes, forecast.tail)
