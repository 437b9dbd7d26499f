"""`SurrogateTwin`: a surrogate as the twin's model: members become scenes, scenes forecasts, forecasts counters.

    TwinState ► members ► drift to h ► scenes ► surrogate ► counters of the period ► mixture over members
                                                                                   ► ratio of counted to modelled

As with the simulator, the members' load, users and gain drift on to each horizon, and what a cell is said to
count is taken in its latest ratio of counted to modelled. The surrogate knows some horizons; between them its
quantiles are interpolated in the logarithm of time, beyond them those of the nearest stand.

Cells get the counters of `scene_counters`. A user that the graph knows gets RSRP, SINR and throughput, whose
measurements are instants or short periods: they are not narrowed to the step. All else gets no forecast, and
nothing does where the graph does not determine a scene; `silent_because` says why.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ranvier.aiops.surrogate.scene_counters import at_horizon, counters, mixed
from ranvier.dtops.ensemble_filter import Drift
from ranvier.dtops.forecast import Forecast, Target
from ranvier.dtops.members import Members
from ranvier.dtops.scenes.forecast import LEVELS, SceneForecast, ScenePredictor
from ranvier.dtops.scenes.of_twin import DRAWN, MEMBERS, Assumed, SceneMaker, TwinScenes, network_of
from ranvier.dtops.scenes.outcomes import HORIZONS_S
from ranvier.dtops.scenes.scene import Scene
from ranvier.dtops.scoring.crps import crps
from ranvier.dtops.simulator.live_counters import as_counted, cell_of_target, steps_behind
from ranvier.dtops.simulator.member_draws import later
from ranvier.dtops.twin_state import TwinState
from ranvier.fabric.snapshot import Node, Relation
from ranvier.ontology.errors import InputError

Floats = NDArray[np.float64]
KPI_OF_USER = {
    "MDT.M1.RSRP": "rsrp_dbm", "SS-RSRP": "rsrp_dbm", "MDT.M1.SINR": "sinr_db", "SS-SINR": "sinr_db",
    "MDT.M5.UEThpDl": "throughput_kbit_s",
}  # fmt: skip
"""Quantities of a UE or a UE bin, and the KPI of a scene's user that they are; units are the same."""
Key = tuple[tuple[Node, ...], tuple[Relation, ...]]


class SurrogateTwin:
    """A `Predictor` by a `ScenePredictor`.

    horizons_s   that the surrogate knows
    members      that are drawn around the counters where the state has none of its own
    assumed, silent_because   of the latest forecast: what its scenes rest on; why there are none
    """

    def __init__(
        self, predictor: ScenePredictor, horizons_s: Sequence[float] = HORIZONS_S, drift: Drift | None = None,
        members: int = MEMBERS,
    ) -> None:  # fmt: skip
        self._predictor, self._known = predictor, tuple(sorted(horizons_s))
        self._drift, self._members = drift or Drift(), members
        self._maker: tuple[Key, SceneMaker] | None = None
        self.name, self.version = "surrogate", predictor.version
        self.assumed: Assumed | None = None
        self.silent_because = ""

    def forecast(self, state: TwinState, horizons_s: Sequence[float]) -> Forecast:
        """Quantiles at LEVELS; NaN for what the surrogate has no word on."""
        values = np.full((len(state.targets), len(horizons_s), len(LEVELS)), np.nan)
        maker = self._maker_of(state)
        if maker is not None and state.targets:
            members, assumed = maker.members(state, self._members)
            for h, horizon_s in enumerate(horizons_s):
                values[:, h] = self._at(maker, state, members, horizon_s, assumed)
        return Forecast(
            self.name, self.version, state.known_at_ns, state.known_at_ns, state.targets, tuple(horizons_s),
            values, LEVELS, step_ns=state.step_ns,
        )  # fmt: skip

    def loss(self, forecast: Forecast, outcomes: Floats) -> Floats:
        """CRPS (n, h)."""
        return crps(forecast.values, forecast.levels, outcomes, forecast.tail)

    def _maker_of(self, state: TwinState) -> SceneMaker | None:
        """What makes scenes of the state's network, kept while its cells stay; None where there is no scene."""
        graph = state.snapshot
        cells = () if graph is None else graph.of_class("NRCellDU")
        same = () if graph is None else tuple(each for each in graph.relations if each.relation == "sameCell")
        if self._maker is None or self._maker[0] != (cells, same):
            try:
                self._maker = ((cells, same), SceneMaker(network_of(graph), self._drift))
            except InputError as error:
                self.assumed, self.silent_because = None, str(error)
                return None
        self.silent_because = ""
        return self._maker[1]

    def _at(
        self, maker: SceneMaker, state: TwinState, members: Members, horizon_s: float, assumed: Assumed
    ) -> Floats:
        """(n, q) of all targets at one horizon."""
        steps = max(1, round(horizon_s * 1e9 / state.step_ns)) + steps_behind(state, maker.network.names)
        made = maker.scenes(
            later(members, self._drift, steps, state.as_of_ns // state.step_ns), state, assumed
        )
        self.assumed = made.assumed
        forecasts = self._predictor.forecast(made.scenes, self._around(horizon_s))
        cells = _of_cells(made, forecasts, horizon_s, state.step_ns / 1e9)
        users = _of_users(made.scenes, forecasts, horizon_s)
        place = cell_of_target(maker.network.names)
        found = np.full((len(state.targets), len(LEVELS)), np.nan)
        for row, target in enumerate(state.targets):
            if target in place:
                found[row] = cells[target.quantity][place[target]]
            elif target in users:
                found[row] = users[target]
        return found

    def _around(self, horizon_s: float) -> tuple[float, ...]:
        """The horizons that are known next to this one, on either side."""
        before = [h for h in self._known if h <= horizon_s][-1:]
        after = [h for h in self._known if h > horizon_s][:1]
        return tuple(before if before == [horizon_s] else [*before, *after])


def _of_cells(
    made: TwinScenes, forecasts: Sequence[SceneForecast], horizon_s: float, period_s: float
) -> dict[str, Floats]:
    """Quantity to (c, q): the mixture of the members, as counted."""
    parts = [
        counters(scene, forecast, made.members.users[e], horizon_s, period_s)
        for e, (scene, forecast) in enumerate(zip(made.scenes, forecasts, strict=True))
    ]
    found = {}
    for name in parts[0]:
        both = mixed(np.stack([part[name] for part in parts]), LEVELS)
        found[name] = as_counted(name, both.T, made.members.log_ratio).T
    return found


def _of_users(
    scenes: Sequence[Scene], forecasts: Sequence[SceneForecast], horizon_s: float
) -> dict[Target, Floats]:
    """Those that are known, which have a name and stand in every scene behind the drawn ones."""
    many = min(_known(scene) for scene in scenes)
    if not many:
        return {}
    names = scenes[0].user_ids[-many:]
    served = np.stack([scene.serving()[-many:] >= 0 for scene in scenes])
    found: dict[Target, Floats] = {}
    for quantity, kpi in KPI_OF_USER.items():
        parts = np.stack([at_horizon(each, kpi, horizon_s)[-many:] for each in forecasts])
        both = mixed(np.where(served[..., None], parts, np.nan), LEVELS)
        found |= {Target(name, quantity): both[i] for i, name in enumerate(names)}
    return found


def _known(scene: Scene) -> int:
    return sum(not name.startswith(DRAWN) for name in scene.user_ids)
