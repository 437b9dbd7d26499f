"""What the twin needs of others: a model that forecasts, and a filter that keeps the state in step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.forecast import Forecast
from ranvier.dtops.twin_state import TwinState
from ranvier.fabric.ports import SeriesFrame
from ranvier.fabric.snapshot import Snapshot


class Predictor(Protocol):
    """A model of the network: simulator, surrogate, baseline, or anyone's own."""

    @property
    def name(self) -> str:
        """The name under which it appears in the referee's table."""
        ...

    @property
    def version(self) -> str:
        """Changes whenever its forecasts could."""
        ...

    def forecast(self, state: TwinState, horizons_s: Sequence[float]) -> Forecast:
        """Distributions of all of the state's targets at each horizon. Reads nothing but `state`."""
        ...

    def loss(self, forecast: Forecast, outcomes: NDArray[np.float64]) -> NDArray[np.float64]:
        """The score it is trained by, (n, h), lower is better; NaN where an outcome (n, h) is missing."""
        ...


class Synchroniser(Protocol):
    """Keeps a TwinState in step with what was measured."""

    def update(
        self, state: TwinState | None, measured: SeriesFrame, snapshot: Snapshot | None,
        as_of_ns: int, known_at_ns: int,
    ) -> TwinState:  # fmt: skip
        """The state at `as_of_ns` from the state before it and what became known since; pure."""
        ...
