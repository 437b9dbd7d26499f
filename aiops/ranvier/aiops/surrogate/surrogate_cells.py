"""`SurrogateCells`: a surrogate as the filter's model of the cells, in the place of a simulation of each member.

Each member is one scene and draws one level for each cell: where many PRBs are used, many users are active,
and slow; so a draw is the same quantile of all its counters, turned round for the throughput.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ranvier.aiops.surrogate.scene_counters import counters, drawn_at
from ranvier.dtops.members import Members
from ranvier.dtops.scenes.forecast import ScenePredictor
from ranvier.dtops.scenes.of_twin import SceneMaker
from ranvier.dtops.scenes.outcomes import HORIZONS_S
from ranvier.dtops.scoring import counter_stream
from ranvier.dtops.simulator.deployment.from_snapshot import LiveNetwork

Floats = NDArray[np.float64]
TURNED = "DRB.UEThpDl"


class SurrogateCells:
    """A `CellModel`. `period_s` is the granularity period of what the cells count."""

    def __init__(self, network: LiveNetwork, predictor: ScenePredictor, period_s: float) -> None:
        self.network, self._predictor, self._period_s = network, predictor, period_s
        self._maker = SceneMaker(network)

    def counted(self, members: Members, run_seed: int) -> dict[str, Floats]:
        """See `CellModel`. Of users only those that are drawn: what the graph knows of some is not in it."""
        scenes = self._maker.scenes(members).scenes
        now = HORIZONS_S[0]
        forecasts = self._predictor.forecast(scenes, (now,))
        found: dict[str, list[Floats]] = {}
        for e, (scene, forecast) in enumerate(zip(scenes, forecasts, strict=True)):
            u = _levels(int(members.seed[e]), run_seed, len(scene.cells))
            for name, q in counters(scene, forecast, members.users[e], now, self._period_s).items():
                at = 1 - u if name == TURNED else u
                values = [drawn_at(row, forecast.levels, at[c : c + 1])[0] for c, row in enumerate(q)]
                found.setdefault(name, []).append(np.array(values))
        return {name: np.stack(rows) for name, rows in found.items()}


def _levels(member: int, run_seed: int, cells: int) -> Floats:
    key = counter_stream.name_key("surrogate cells")
    return counter_stream.uniform(counter_stream.chain(key, member, run_seed, np.arange(cells)))
