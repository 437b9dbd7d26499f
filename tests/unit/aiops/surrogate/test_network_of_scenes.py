"""Rung v0 as a function of scenes: alone or in a batch, and under other labels, it says the same."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ranvier.aiops.surrogate import model_folder
from ranvier.aiops.surrogate.features import EDGES, features
from ranvier.aiops.surrogate.graph import REACHES, batched, graph
from ranvier.aiops.surrogate.heads import Event
from ranvier.aiops.surrogate.network import Network, Shape
from ranvier.aiops.surrogate.predictor import SurrogatePredictor, load_predictor
from ranvier.aiops.surrogate.scaling import Scaling
from ranvier.dtops.scenes.drawn import drawn
from ranvier.dtops.scenes.forecast import LEVELS
from ranvier.dtops.scenes.outcomes import HORIZONS_S, KPI, KPIS
from ranvier.dtops.scenes.recipe import RECIPES, deployment
from ranvier.dtops.scenes.scene import Scene
from ranvier.ontology.errors import InputError
from tests.unit.dtops.scenes.plain_scenes import plain_scene, relabelled

EXACT = 1e-9
"""Of float64 sums in another order, relative to values of some tens."""


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [drawn(deployment(RECIPES["small"], "train", i)) for i in range(3)]


@pytest.fixture(scope="module")
def scaling(scenes: list[Scene]) -> Scaling:
    return Scaling.fitted([features(each) for each in scenes])


@pytest.fixture(scope="module")
def network(scaling: Scaling) -> Network:
    torch.manual_seed(1)
    columns = {kind: len(names) + 1 for kind, names in scaling.names.items()}
    return Network(Shape(columns, HORIZONS_S, width=16, hidden=24)).eval()


def said(network: Network, data: Any, dtype: torch.dtype = torch.float64) -> dict[str, Tensor]:
    """KPI to (rows, …) of all that its head says, worked out in a precision."""
    data = data.clone()
    for store in data.node_stores:
        for name, value in list(store.items()):
            if isinstance(value, Tensor) and value.is_floating_point():
                store[name] = value.to(dtype)
    with torch.inference_mode():
        found = network.to(dtype)(data, range(len(HORIZONS_S)))
    network.float()
    parts = {
        name: each if isinstance(each, Event) else (each.z, each.lowest, each.highest)
        for name, each in found.items()
    }
    return {
        name: torch.cat([p.reshape(len(p), -1) for p in each if p is not None], dim=1)
        for name, each in parts.items()
    }


def rows(scenes: list[Scene], which: int, kpi: str) -> slice:
    sizes = [len(each.cells if KPI[kpi].node == "cell" else each.users) * len(HORIZONS_S) for each in scenes]
    return slice(sum(sizes[:which]), sum(sizes[: which + 1]))


def test_a_scene_alone_is_what_it_is_in_a_batch(
    network: Network, scenes: list[Scene], scaling: Scaling
) -> None:
    made = [graph(each, scaling, HORIZONS_S) for each in scenes]
    together = said(network, batched(made))
    for i, each in enumerate(made):
        for name, alone in said(network, each).items():
            assert torch.allclose(together[name][rows(scenes, i, name)], alone, atol=EXACT, rtol=EXACT)


def test_in_float32_it_is_so_within_its_rounding(
    network: Network, scenes: list[Scene], scaling: Scaling
) -> None:
    """Alone and in a batch each are as far from float64 as rounding takes them: the bound is twice that, and 2×."""
    made = [graph(each, scaling, HORIZONS_S) for each in scenes]
    single = {
        name: said(network, made[0], dtype) for name, dtype in (("32", torch.float32), ("64", torch.float64))
    }
    together = said(network, batched(made), torch.float32)
    for name, alone in single["32"].items():
        rounding = float((alone.double() - single["64"][name]).abs().max())
        apart = float((together[name][rows(scenes, 0, name)] - alone).abs().max())
        assert apart <= 4 * rounding + float(alone.abs().max()) * 2.0**-22


def test_labels_do_not_matter(network: Network, scenes: list[Scene], scaling: Scaling) -> None:
    """Of cells with equally many users in common, those of lower places are kept: here they are given."""
    scene, rng = scenes[0], np.random.default_rng(2)
    cells, users = rng.permutation(len(scene.cells)), rng.permutation(len(scene.users))
    found, again = features(scene), features(relabelled(scene, cells, users))
    again.edges[EDGES[2]] = np.argsort(cells)[found.edges[EDGES[2]]]
    one = said(network, graph(scene, scaling, HORIZONS_S, found))
    two = said(network, graph(relabelled(scene, cells, users), scaling, HORIZONS_S, again))
    for name, values in one.items():
        order = cells if KPI[name].node == "cell" else users
        by_node = values.reshape(len(order), len(HORIZONS_S), -1)[order]
        # Features are rounded to float32 before, from float64 sums in another order.
        assert torch.allclose(two[name].reshape(by_node.shape), by_node, atol=1e-4, rtol=1e-4)


def test_a_network_without_layers_sees_no_graph(scenes: list[Scene], scaling: Scaling) -> None:
    torch.manual_seed(1)
    columns = {kind: len(names) + 1 for kind, names in scaling.names.items()}
    network = Network(Shape(columns, HORIZONS_S, width=16, layers=0, hidden=24)).eval()
    made = graph(scenes[0], scaling, HORIZONS_S)
    bare = made.clone()
    for edge in bare.edge_types:
        bare[edge].edge_index = bare[edge].edge_index[:, :0]
    for name, values in said(network, made).items():
        assert torch.equal(said(network, bare)[name], values)


# ---------------------------------------------------------------- the predictor
@pytest.fixture
def predictor(network: Network, scaling: Scaling) -> SurrogatePredictor:
    return SurrogatePredictor(network, scaling, "1")


def test_forecasts_have_every_kpi_and_never_fall(predictor: SurrogatePredictor, scenes: list[Scene]) -> None:
    found = predictor.forecast(scenes, (60.0, 1.0))
    for scene, each in zip(scenes, found, strict=True):
        assert each.horizons_s == (60.0, 1.0)
        for kpi in KPIS:
            nodes = len(scene.cells if kpi.node == "cell" else scene.users)
            if kpi.event:
                assert each.probability[kpi.name].shape == (nodes, 2)
                assert ((each.probability[kpi.name] >= 0) & (each.probability[kpi.name] <= 1)).all()
                assert (each.mean_count[kpi.name] > 0).all()
            else:
                assert each.quantiles[kpi.name].shape == (nodes, 2, len(LEVELS))
                assert (np.diff(each.quantiles[kpi.name], axis=2) >= 0).all()


def test_a_scene_of_nobody_has_a_forecast_of_its_cells(predictor: SurrogatePredictor) -> None:
    (found,) = predictor.forecast([plain_scene([])], (1.0,))
    assert np.isfinite(found.quantiles["prb_percent"]).all()
    assert found.quantiles["sinr_db"].shape == (0, 1, len(LEVELS))


def test_no_scenes_have_no_forecasts_and_unknown_horizons_are_refused(
    predictor: SurrogatePredictor, scenes: list[Scene]
) -> None:
    assert predictor.forecast([], (1.0,)) == []
    with pytest.raises(InputError, match="horizons among 1, 60, 900 s"):
        predictor.forecast(scenes, (30.0,))


def test_a_model_comes_back_from_its_folder(
    network: Network, scaling: Scaling, scenes: list[Scene], tmp_path: Path
) -> None:
    version = model_folder.save(tmp_path, network, scaling, {"name": "v0"})
    again = load_predictor(tmp_path)
    assert (again.version, again.name) == (version, "v0")
    one, two = (p.forecast(scenes, (1.0,)) for p in (SurrogatePredictor(network, scaling, version), again))
    for a, b in zip(one, two, strict=True):
        for name, values in a.quantiles.items():
            assert np.array_equal(b.quantiles[name], values)


def test_sinr_follows_the_loads_that_the_network_makes_of_the_closed_form_s(
    scenes: list[Scene], scaling: Scaling, network: Network
) -> None:
    """With ρ = ½ everywhere and a shift of ln 3, ρ' = ¾: where noise is nothing, SINR falls by 10 lg 1.5."""
    made = graph(scenes[0], scaling, HORIZONS_S)
    made["cell"].load = torch.full_like(made["cell"].load, 0.5)
    made["ue"].quiet = torch.full_like(made["ue"].quiet, 1e-12)
    heard = torch.zeros(made["ue"].num_nodes).index_add(
        0, made[REACHES].edge_index[1], (made[REACHES].below > 0).float()
    )
    with torch.no_grad():
        nodes = torch.zeros(made["cell"].num_nodes, network.shape.width)
        assert torch.equal(network._louder(made, nodes), torch.zeros(len(heard)))
        network.shift.bias.fill_(math.log(3.0))
        found = network._louder(made, nodes)[heard > 0]
        network.shift.bias.zero_()
    assert found.numpy() == pytest.approx(np.full(len(found), -10 * math.log10(1.5)), abs=1e-4)
