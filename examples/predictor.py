"""Your simulator as a contender: a `Predictor` in under fifty lines.

    python examples/predictor.py path/to/your/drive-tests.zip

It is handed a TwinState (what was known then, nothing later): put your simulator in place of the walk.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich import print as show

from ranvier.aiops.baselines.climatology import Climatology
from ranvier.aiops.baselines.persistence import Persistence, last_value
from ranvier.dtops.forecast import Forecast
from ranvier.dtops.referee.backtest import backtest
from ranvier.dtops.referee.report_text import table_of
from ranvier.dtops.twin_state import TwinState
from ranvier.ontology.ontology import load


@dataclass(frozen=True)
class RandomWalk:
    """The last value, and steps as wide as the recent ones."""

    name: str = "random-walk"
    version: str = "1"

    def forecast(self, state: TwinState, horizons_s: Sequence[float]) -> Forecast:
        """50 equally likely members for each target and horizon."""
        steps = np.array(horizons_s) * 1e9 / state.step_ns
        change = np.nan_to_num(np.diff(state.recent, axis=1))
        width = change.std(axis=1)[:, None] * np.sqrt(steps)[None, :]
        normal = np.sort(np.random.default_rng(state.as_of_ns).normal(size=50))
        values = last_value(state)[:, None, None] + width[:, :, None] * normal
        return Forecast(
            self.name, self.version, state.as_of_ns, state.known_at_ns, state.targets, tuple(horizons_s),
            values, step_ns=state.step_ns,
        )  # fmt: skip

    loss = Persistence.loss  # CRPS, the score that it could be trained by


if __name__ == "__main__":
    show(table_of(backtest(Path(sys.argv[1]), [Climatology(), Persistence(), RandomWalk()], load())))
