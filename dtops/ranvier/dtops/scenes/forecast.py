"""`SceneForecast`: distributions of the KPIs of every cell and user of a scene; and the port of what gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.scenes.outcomes import KPI, Outcomes
from ranvier.dtops.scenes.scene import Scene
from ranvier.dtops.scoring import counter_stream

Floats = NDArray[np.float64]
LEVELS = np.array([0.01, 0.025, *np.round(np.arange(0.05, 0.951, 0.05), 2), 0.975, 0.99])
"""Of quantiles, 23: nineteen each 5 %, and two beyond on either side for the tails."""


@dataclass(frozen=True, slots=True)
class SceneForecast:
    """Forecasts of one scene at h horizons.

    levels       (q,) rising in (0, 1)
    quantiles    KPI to (n, h, q), never falling along q; equal neighbours are an atom. All NaN: no forecast.
                 Beyond the outermost levels the rest of the mass lies on the outermost values ("clamped")
    probability  event to (n, h): of at least one in the period
    mean_count   event to (n, h): how many to expect
    """

    model: str
    model_version: str
    horizons_s: tuple[float, ...]
    levels: Floats
    quantiles: Mapping[str, Floats]
    probability: Mapping[str, Floats] = field(default_factory=dict)
    mean_count: Mapping[str, Floats] = field(default_factory=dict)

    def samples(self, kpi: str, members: int, seed: int = 0) -> Floats:
        """(n, h, members) draws of one KPI, each node and horizon by itself: there is no joint structure.

        Of an event: 1 with its probability, else 0. The same seed gives the same draws.
        """
        shape = (self.probability if KPI[kpi].event else self.quantiles)[kpi].shape[:2]
        key = counter_stream.chain(seed, counter_stream.name_key("scene forecast", kpi) % 2**62)
        u = counter_stream.uniform(counter_stream.chain(key, np.arange(np.prod(shape) * members)))
        u = u.reshape(*shape, members)
        if KPI[kpi].event:
            return np.asarray(u < self.probability[kpi][..., None], dtype=np.float64)
        q, at = self.quantiles[kpi], np.clip(u, self.levels[0], self.levels[-1])
        place = np.clip(np.searchsorted(self.levels, at, side="right") - 1, 0, len(self.levels) - 2)
        share = (at - self.levels[place]) / (self.levels[place + 1] - self.levels[place])
        low, high = (np.take_along_axis(q, place + i, axis=2) for i in (0, 1))
        return np.asarray(low + share * (high - low))


class ScenePredictor(Protocol):
    """A stand-in for the simulator: a scene in, the distributions out. Batches of any scenes."""

    @property
    def name(self) -> str:
        """The name under which it is scored."""
        ...

    @property
    def version(self) -> str:
        """Changes whenever its forecasts could."""
        ...

    def forecast(self, scenes: Sequence[Scene], horizons_s: Sequence[float]) -> list[SceneForecast]:
        """One forecast for each scene. Raises InputError for a horizon that it does not know."""
        ...

    def loss(self, forecast: SceneForecast, outcomes: Outcomes) -> Mapping[str, Floats]:
        """KPI to (n, h): the score that it is trained by, mean over runs; NaN where no run has a value."""
        ...
