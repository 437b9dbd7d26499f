"""The surrogate as the twin's model: units, ratios, what it has no word on, and why it is silent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra `surrogate` is not installed")

from ranvier.aiops.surrogate.scene_counters import over_periods
from ranvier.aiops.surrogate.surrogate_cells import SurrogateCells
from ranvier.aiops.surrogate.twin_predictor import SurrogateTwin
from ranvier.dtops.forecast import Forecast, Target
from ranvier.dtops.members import Members
from ranvier.dtops.scenes.forecast import LEVELS, SceneForecast
from ranvier.dtops.scenes.of_twin import network_of, twin_scenes
from ranvier.dtops.scenes.outcomes import KPIS, Outcomes
from ranvier.dtops.scenes.scene import Scene
from ranvier.dtops.simulator.live_counters import FLOOR, QUANTITIES
from ranvier.dtops.twin_state import TwinState
from tests.unit.dtops.scenes.test_scenes_of_twin import CELLS, HERE, graph, serves, state, user

MIDDLE = len(LEVELS) // 2
SECOND = {
    "rsrp_dbm": -95.0, "sinr_db": 8.0, "throughput_kbit_s": 1000.0, "prb_percent": 40.0, "active_users": 0.5,
    "rlc_delay_ms": 12.0,
}  # fmt: skip


@dataclass
class Fake:
    """Says the same of every node: SECOND at the median, ± `width` of it; `later` as much more at 900 s."""

    width: float = 0.0
    later: float = 0.0
    name: str = "fake"
    version: str = "v-7"

    def forecast(self, scenes: Sequence[Scene], horizons_s: Sequence[float]) -> list[SceneForecast]:
        assert set(horizons_s) <= {1.0, 60.0, 900.0}
        return [
            SceneForecast(self.name, self.version, tuple(horizons_s), LEVELS, {
                each.name: self._of(each.name, len(scene.cells if each.node == "cell" else scene.users), horizons_s)
                for each in KPIS if not each.event
            })
            for scene in scenes
        ]  # fmt: skip

    def _of(self, kpi: str, n: int, horizons_s: Sequence[float]) -> np.ndarray:
        spread = 1 + self.width * (2 * LEVELS - 1)
        base = np.array([SECOND[kpi] * (1 + self.later * (h == 900.0)) for h in horizons_s])
        q = base[:, None] * (spread if SECOND[kpi] > 0 else spread[::-1])
        return np.broadcast_to(q, (n, *q.shape))

    def loss(self, forecast: SceneForecast, outcomes: Outcomes) -> Mapping[str, np.ndarray]:
        raise NotImplementedError


def counters_of(snapshot, **more: float) -> TwinState:
    """A state with every counter of every cell, and a target of a stranger."""
    plain = state(snapshot, users=4, load=20, **more)
    targets = tuple(Target(cell, quantity) for cell in CELLS for quantity in QUANTITIES)
    targets += (*(t for t in plain.targets if t.object_id == "UE=a"), Target("NRCellDU=else", "RRU.PrbTotDl"))
    targets += (Target(CELLS[0], "PEE.AvgPower"),)
    place = {target: i for i, target in enumerate(plain.targets)}
    rows = [place.get(target, 0) for target in targets]
    return replace(plain, targets=targets, recent=plain.recent[rows])


def at(forecast: Forecast, object_id: str, quantity: str, h: int = 0) -> np.ndarray:
    return forecast.values[forecast.targets.index(Target(object_id, quantity)), h]


def test_counters_have_the_units_of_the_ontology() -> None:
    found = SurrogateTwin(Fake()).forecast(counters_of(graph()), (10.0,))
    for cell in CELLS[:2]:
        assert at(found, cell, "RRU.PrbTotDl")[MIDDLE] == pytest.approx(40)
        assert at(found, cell, "DRB.MeanActiveUeDl")[MIDDLE] == pytest.approx(0.5)
        assert at(found, cell, "DRB.RlcSduDelayDl")[MIDDLE] == pytest.approx(120), (
            "in tenths of a millisecond"
        )
    assert found.model == "surrogate"
    assert found.model_version == "v-7"


def test_the_throughput_of_a_cell_is_what_it_delivers_over_who_is_being_sent_to() -> None:
    """Of n users at 1000 kbit/s each, 0.5 of them active: 2000 n, and no more than a user alone has."""
    g = graph()
    twin = SurrogateTwin(Fake())
    found = at(twin.forecast(counters_of(g), (10.0,)), CELLS[0], "DRB.UEThpDl")
    assert 1000 < found[0] <= found[-1] <= 2000 * 24


def test_connected_users_are_those_of_the_members() -> None:
    found = at(SurrogateTwin(Fake()).forecast(counters_of(graph()), (10.0,)), CELLS[0], "RRC.ConnMean")
    assert found[MIDDLE] == pytest.approx(4, rel=0.4)
    assert found[0] < found[-1], "members differ"


def test_a_period_is_narrower_than_a_second_about_its_mean() -> None:
    fake = Fake(width=0.5)
    found = at(SurrogateTwin(fake).forecast(counters_of(graph()), (10.0,)), CELLS[0], "RRU.PrbTotDl")
    second = fake._of("prb_percent", 1, (1.0,))[0, 0]
    wanted = over_periods(second, LEVELS, 10.0)  # the state's step is 10 s
    assert np.allclose(found[2:-2], wanted[2:-2], atol=0.4)  # 64 shares a member


def test_counters_are_taken_in_the_latest_ratio_of_counted_to_modelled() -> None:
    g = graph()
    plain = counters_of(g)
    members = twin_scenes(g, plain, many=4).members
    ratio = {name: np.zeros(6) for name in QUANTITIES}
    ratio["DRB.RlcSduDelayDl"] = np.array([np.log(2), 0, 0, 0, 0, 0])
    ratio["RRU.PrbTotDl"] = np.full(6, np.log(5))
    followed = replace(plain, members=replace(members, log_ratio=ratio))
    found = SurrogateTwin(Fake(width=0.3)).forecast(followed, (10.0,))
    floor = FLOOR["DRB.RlcSduDelayDl"]
    assert at(found, CELLS[0], "DRB.RlcSduDelayDl")[MIDDLE] == pytest.approx(
        2 * (120 + floor) - floor, rel=0.02
    )
    assert at(found, CELLS[1], "DRB.RlcSduDelayDl")[MIDDLE] == pytest.approx(120, rel=0.02)
    assert (at(found, CELLS[0], "RRU.PrbTotDl") == 100).all(), "no more than all of them"


def test_quantiles_never_fall_and_each_distribution_is_whole_or_absent() -> None:
    g = graph(True, user(**HERE), serves(CELLS[0]))
    found = SurrogateTwin(Fake(width=0.9, later=-0.5)).forecast(
        counters_of(g, rsrp=-90), (10.0, 120.0, 3600.0)
    )
    nan = np.isnan(found.values)
    assert (nan.any(axis=2) == nan.all(axis=2)).all()
    assert (np.diff(found.values, axis=2)[~nan[..., 1:]] >= 0).all()


def test_what_it_has_no_word_on_gets_no_forecast() -> None:
    found = SurrogateTwin(Fake()).forecast(counters_of(graph()), (10.0,))
    assert np.isnan(at(found, "NRCellDU=else", "RRU.PrbTotDl")).all()
    assert np.isnan(at(found, CELLS[0], "PEE.AvgPower")).all()


def test_users_that_the_graph_knows_get_what_a_scene_says_of_them() -> None:
    g = graph(True, user(**HERE), serves(CELLS[0]))
    found = SurrogateTwin(Fake(width=0.2)).forecast(counters_of(g, rsrp=-90, lat=31.0, lon=-41.0), (10.0,))
    rsrp = at(found, "UE=a", "MDT.M1.RSRP")
    assert rsrp[MIDDLE] == pytest.approx(-95, abs=0.5)
    assert rsrp[-1] - rsrp[0] > 0.9 * 2 * 0.2 * 95 * 0.98, "an instant, not narrowed"
    assert np.isnan(at(found, "UE=a", "UE.Latitude")).all()


def test_horizons_between_those_that_are_known_lie_between_them() -> None:
    found = SurrogateTwin(Fake(later=1.0)).forecast(counters_of(graph()), (60.0, 232.4, 900.0, 1800.0))
    medians = [at(found, CELLS[0], "RRU.PrbTotDl", h)[MIDDLE] for h in range(4)]
    assert np.allclose(medians, [40, 60, 80, 80], atol=0.1)  # 232.4 s is half way in ln t


@pytest.mark.parametrize("snapshot", [None, graph(places=False)], ids=["no graph", "no places"])
def test_without_places_there_are_no_forecasts_and_it_says_why(snapshot) -> None:
    silent = replace(counters_of(graph()), snapshot=snapshot)
    twin = SurrogateTwin(Fake())
    assert np.isnan(twin.forecast(silent, (10.0,)).values).all()
    assert "latitude" in twin.silent_because
    twin.forecast(counters_of(graph()), (10.0,))
    assert twin.silent_because == ""
    assert twin.assumed is not None


def test_the_loss_is_the_crps() -> None:
    twin = SurrogateTwin(Fake())
    made = twin.forecast(counters_of(graph()), (10.0,))
    row = made.targets.index(Target(CELLS[0], "RRU.PrbTotDl"))
    outcomes = np.full((len(made.targets), 1), 45.0)
    assert twin.loss(made, outcomes)[row, 0] == pytest.approx(5.0)


def test_as_the_filter_s_model_it_counts_what_members_would() -> None:
    members = Members(
        CELLS, np.full((3, 6), 5e6), np.full((3, 6), 4.0), np.zeros((3, 6)), np.arange(3) + 1, {}
    )  # fmt: skip
    cells = SurrogateCells(network_of(graph()), Fake(width=0.5), 10.0)
    found, again = cells.counted(members, 3), cells.counted(members, 3)
    assert set(found) == set(QUANTITIES)
    assert all(np.array_equal(found[name], again[name]) for name in found)
    assert not np.array_equal(found["RRU.PrbTotDl"], cells.counted(members, 4)["RRU.PrbTotDl"])
    assert (found["RRC.ConnMean"] == 4).all()
    assert np.corrcoef(found["RRU.PrbTotDl"].ravel(), found["DRB.MeanActiveUeDl"].ravel())[0, 1] > 0.99
