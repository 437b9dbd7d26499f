"""What every `ScenePredictor` keeps: the surrogate, and the simpler forecasts that it has to beat."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from ranvier.aiops.surrogate.features import features
from ranvier.aiops.surrogate.network import Network, Shape
from ranvier.aiops.surrogate.predictor import SurrogatePredictor
from ranvier.aiops.surrogate.rivals import rivals
from ranvier.aiops.surrogate.scaling import Scaling
from ranvier.dtops.scenes.dataset import Example
from ranvier.dtops.scenes.drawn import drawn
from ranvier.dtops.scenes.forecast import ScenePredictor
from ranvier.dtops.scenes.outcomes import HORIZONS_S, KPIS, Outcomes
from ranvier.dtops.scenes.recipe import RECIPES, deployment
from ranvier.dtops.scenes.scene import Scene
from ranvier.ontology.errors import InputError
from tests.unit.dtops.scenes.plain_scenes import plain_scene, with_cells

RUNS = 30
NAMES = ("surrogate", "climatology", "statistical", "link budget")


def outcomes_of(scene: Scene, seed: int) -> Outcomes:
    """Made up: of the right shapes and ranges, with gaps."""
    rng = np.random.default_rng(seed)
    size = {"cell": len(scene.cells), "ue": len(scene.users)}
    found = {}
    for each in KPIS:
        shape = (size[each.node], len(HORIZONS_S), RUNS)
        values = rng.poisson(0.3, shape) if each.event else rng.uniform(1.0, 90.0, shape)
        found[each.name] = np.where(rng.random(shape) < 0.05, np.nan, values).astype(np.float32)
    return Outcomes(HORIZONS_S, found)


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [drawn(deployment(RECIPES["small"], "train", number)) for number in range(4)]


@pytest.fixture(scope="module")
def everyone(scenes: list[Scene]) -> dict[str, ScenePredictor]:
    torch.manual_seed(0)
    scaling = Scaling.fitted([features(each) for each in scenes])
    # Columns, and the mask beside them.
    columns = {kind: len(names) + 1 for kind, names in scaling.names.items()}
    network = Network(Shape(columns, HORIZONS_S, width=16, hidden=24))
    fitted = rivals([Example(each, outcomes_of(each, i)) for i, each in enumerate(scenes)])
    found: list[ScenePredictor] = [SurrogatePredictor(network, scaling, "untrained"), *fitted]
    return {each.name: each for each in found}


@pytest.fixture(params=NAMES)
def predictor(request: pytest.FixtureRequest, everyone: dict[str, ScenePredictor]) -> ScenePredictor:
    return everyone[request.param]


def test_all_are_here(everyone: dict[str, ScenePredictor]) -> None:
    assert set(everyone) == set(NAMES)


def test_it_forecasts_every_kpi_of_every_node_at_each_horizon(
    predictor: ScenePredictor, scenes: list[Scene]
) -> None:
    found = predictor.forecast(scenes, HORIZONS_S)
    assert len(found) == len(scenes)
    for scene, forecast in zip(scenes, found, strict=True):
        assert (forecast.model, forecast.model_version) == (predictor.name, predictor.version)
        assert forecast.horizons_s == HORIZONS_S
        for each in KPIS:
            n = len(scene.cells if each.node == "cell" else scene.users)
            if each.event:
                p = forecast.probability[each.name]
                assert p.shape == (n, len(HORIZONS_S))
                assert ((p >= 0) & (p <= 1)).all()
            else:
                q = forecast.quantiles[each.name]
                assert q.shape == (n, len(HORIZONS_S), len(forecast.levels))
                assert np.isfinite(q).all()
                assert (np.diff(q, axis=2) >= -1e-9).all()


def test_quantiles_keep_to_what_a_kpi_can_be(predictor: ScenePredictor, scenes: list[Scene]) -> None:
    for forecast in predictor.forecast(scenes, HORIZONS_S):
        for each in KPIS:
            if not each.event:
                q = forecast.quantiles[each.name]
                assert each.lowest is None or q.min() >= each.lowest - 1e-9
                assert each.highest is None or q.max() <= each.highest + 1e-9


def test_a_scene_has_the_same_forecast_alone_and_in_company(
    predictor: ScenePredictor, scenes: list[Scene]
) -> None:
    """Batched sums of float32 differ in their order: 2⁻²⁴ a term, of some hundred terms."""
    together = predictor.forecast(scenes, HORIZONS_S)[2]
    alone = predictor.forecast([scenes[2]], HORIZONS_S)[0]
    for name, q in together.quantiles.items():
        assert alone.quantiles[name] == pytest.approx(q, rel=1e-3, abs=1e-3)


def test_horizons_may_be_some_of_those_that_it_knows(predictor: ScenePredictor, scenes: list[Scene]) -> None:
    whole = predictor.forecast(scenes[:1], HORIZONS_S)[0]
    part = predictor.forecast(scenes[:1], HORIZONS_S[1:2])[0]
    for name, q in part.quantiles.items():
        assert q == pytest.approx(whole.quantiles[name][:, 1:2], rel=1e-5, abs=1e-5)


def test_an_unknown_horizon_is_refused_by_name(predictor: ScenePredictor, scenes: list[Scene]) -> None:
    with pytest.raises(InputError, match="7"):
        predictor.forecast(scenes[:1], (7.0,))


def test_no_scenes_are_no_forecasts(predictor: ScenePredictor) -> None:
    assert predictor.forecast([], HORIZONS_S) == []


@pytest.mark.parametrize("kind", ["nobody heard", "all off", "overloaded"])
def test_odd_scenes_have_forecasts_too(predictor: ScenePredictor, kind: str) -> None:
    plain = plain_scene([[-90.0, -95.0], [-97.0, -92.0]])
    scene = {
        "nobody heard": plain_scene([[-220.0], [-230.0]]),
        "all off": with_cells(plain, on=np.zeros(2, dtype=bool)),
        "overloaded": replace(plain, users=replace(plain.users, offered_bit_s=np.full(2, 1e12))),
    }[kind]
    forecast = predictor.forecast([scene], HORIZONS_S)[0]
    assert all(np.isfinite(q).all() for q in forecast.quantiles.values())


def test_its_loss_is_by_node_and_horizon_and_absent_without_outcomes(
    predictor: ScenePredictor, scenes: list[Scene]
) -> None:
    true = outcomes_of(scenes[0], 9)
    silent = {**true.values, "sinr_db": np.full_like(true.values["sinr_db"], np.nan)}
    forecast = predictor.forecast(scenes[:1], HORIZONS_S)[0]
    found = predictor.loss(forecast, Outcomes(HORIZONS_S, silent))
    assert np.isnan(found["sinr_db"]).all()
    for each in KPIS:
        if each.name != "sinr_db":
            assert found[each.name].shape == true.values[each.name].shape[:2]
            assert (found[each.name] >= 0).all()
