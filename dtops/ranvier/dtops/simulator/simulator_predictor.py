"""`SimulatorPredictor`: the simulator as the twin's model: members run on, and what they count is the forecast.

For each horizon h the members' load, users and gain drift on by its steps, and by those that the counters are
late; each is simulated once with draws of its own; what it counts, times the cell's latest ratio of counted to
modelled, is one sample of the counter then.
Quantities that the simulator does not count, and objects that it does not have, get no forecast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.ensemble_filter import Drift
from ranvier.dtops.forecast import Forecast
from ranvier.dtops.members import Members
from ranvier.dtops.scoring.crps import crps
from ranvier.dtops.simulator.ensemble_synchroniser import EnsembleSynchroniser
from ranvier.dtops.simulator.live_counters import as_counted, cell_of_target, steps_behind
from ranvier.dtops.simulator.member_draws import later
from ranvier.dtops.twin_state import TwinState

Floats = NDArray[np.float64]


@dataclass(slots=True)
class SimulatorPredictor:
    """Forecasts by simulation, from the members that `synchroniser` keeps."""

    synchroniser: EnsembleSynchroniser
    drift: Drift
    name: str = "simulator"
    version: str = "1"

    def forecast(self, state: TwinState, horizons_s: Sequence[float]) -> Forecast:
        """One sample for each member; NaN for what the simulator has no word on."""
        values = np.full((len(state.targets), len(horizons_s), self.synchroniser.members), np.nan)
        model, members = self.synchroniser.model_of(state.snapshot), state.members
        if model is not None and members is not None:
            place = cell_of_target(model.network.names)
            for h, horizon_s in enumerate(horizons_s):
                samples = self._samples(state, members, horizon_s)
                for row, target in enumerate(state.targets):
                    cell = place.get(target)
                    if cell is not None:
                        values[row, h] = samples[target.quantity][:, cell]
        return Forecast(
            self.name, self.version, state.known_at_ns, state.known_at_ns, state.targets, tuple(horizons_s),
            _whole(values), step_ns=state.step_ns,
        )  # fmt: skip

    def loss(self, forecast: Forecast, outcomes: Floats) -> Floats:
        """CRPS (n, h)."""
        return crps(forecast.values, forecast.levels, outcomes, forecast.tail)

    def _samples(self, state: TwinState, members: Members, horizon_s: float) -> dict[str, Floats]:
        """Quantity to (E, c) samples at a horizon."""
        model = self.synchroniser.model_of(state.snapshot)
        if model is None:
            return {}
        steps = max(1, round(horizon_s * 1e9 / state.step_ns)) + steps_behind(state, model.network.names)
        now = state.as_of_ns // state.step_ns
        found = model.counted(later(members, self.drift, steps, now), now * 1000 + steps)
        return {name: as_counted(name, values, members.log_ratio) for name, values in found.items()}


def _whole(values: Floats) -> Floats:
    """Where some members are undefined (nobody was sent anything), the others stand for them; none if most are."""
    known = ~np.isnan(values)
    count = known.sum(axis=2)
    few = count < values.shape[2] / 2
    order = np.argsort(~known, axis=2, kind="stable")
    first = np.take_along_axis(values, order, axis=2)
    place = np.arange(values.shape[2]) % np.maximum(count, 1)[..., None]
    filled = np.take_along_axis(first, place, axis=2)
    return np.where(few[..., None], np.nan, filled)
