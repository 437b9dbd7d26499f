"""Features, their scaling and the graph: the schema's columns, no labels, and what is missing is told."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from msgspec import structs

from ranvier.aiops.surrogate.features import EDGES, NEIGHBOURS, Features, encoded, features, logit, schema
from ranvier.aiops.surrogate.graph import REACHES, batched, graph, relations, with_outcomes
from ranvier.aiops.surrogate.scaling import FAR, Scaling
from ranvier.dtops.scenes.drawn import drawn
from ranvier.dtops.scenes.outcomes import HORIZONS_S, KPIS, Outcomes
from ranvier.dtops.scenes.recipe import RECIPES, deployment
from ranvier.dtops.scenes.scene import CellColumns, Scene
from ranvier.ontology.errors import InputError
from tests.unit.dtops.scenes.plain_scenes import plain_scene, relabelled, with_cells

Relabelled = tuple[Scene, Features, Features, np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [drawn(deployment(RECIPES["small"], "train", i)) for i in range(6)]


@pytest.fixture(scope="module", params=range(6))
def other_labels(request: pytest.FixtureRequest, scenes: list[Scene]) -> Relabelled:
    scene, rng = scenes[request.param], np.random.default_rng(request.param)
    cells, users = rng.permutation(len(scene.cells)), rng.permutation(len(scene.users))
    return scene, features(scene), features(relabelled(scene, cells, users)), cells, users


# ---------------------------------------------------------------- columns
def test_the_schemas_configuration_that_scenes_have_is_there(scenes: list[Scene]) -> None:
    has = {each.name for each in fields(CellColumns)}
    wanted = [f for f in schema().node_types["cell"].features if f.origin == "attribute" and f.name in has]
    assert {"bearing", "tilt_deg", "tx_power_dbm", "height_m"} <= {each.name for each in wanted}
    names = features(scenes[0]).names["cell"]
    for each in wanted:
        assert set(encoded(each, np.zeros(1))) <= set(names)


def test_all_scenes_have_the_same_columns_of_their_own_length(scenes: list[Scene]) -> None:
    first = features(scenes[0]).names
    for scene in [*scenes, plain_scene([]), plain_scene([[-90.0, np.nan], [-300.0, -300.0]])]:
        found = features(scene)
        assert found.names == first
        assert len(set(found.names["ue"])) == len(found.names["ue"])
        assert found.columns["cell"].shape == (len(scene.cells), len(first["cell"]))
        assert found.columns["ue"].shape == (len(scene.users), len(first["ue"]))
        assert not np.isinf(found.columns["ue"]).any()


@pytest.mark.parametrize(
    ("how", "wanted"),
    [
        ({"normalisation": "circular"}, {"x sin": 1.0, "x cos": 0.0}),
        ({"normalisation": "log1p"}, {"x": np.log(91.0)}),
        ({"normalisation": "minmax", "minimum": 0.0, "maximum": 360.0}, {"x": 0.25}),
        ({"normalisation": "standard"}, {"x": 90.0}),
    ],
)
def test_columns_are_encoded_as_their_normalisation_says(
    how: dict[str, object], wanted: dict[str, float]
) -> None:
    one = next(f for f in schema().node_types["cell"].features if f.name == "bearing")
    feature = structs.replace(one, **{"name": "x", "minimum": None, "maximum": None, **how})
    found = encoded(feature, np.array([90.0]))
    assert {name: values[0] for name, values in found.items()} == pytest.approx(wanted, abs=1e-12)


def test_logits_are_bounded() -> None:
    assert logit(np.array([0.0, 0.5, 1.0])) == pytest.approx([-np.log(999), 0.0, np.log(999)])


# ---------------------------------------------------------------- labels
def test_rows_follow_their_labels(other_labels: Relabelled) -> None:
    """Of users whom a cell serves: the others have some columns of the cell at place 0."""
    _, found, again, cells, users = other_labels
    served = again.budget.link >= 0
    for kind, order, judged in (("cell", cells, np.ones(len(cells), dtype=bool)), ("ue", users, served)):
        one, other = found.columns[kind][order][judged], again.columns[kind][judged]
        assert np.allclose(other, one, rtol=1e-9, equal_nan=True)


def test_edges_follow_their_labels(other_labels: Relabelled) -> None:
    _, found, again, cells, users = other_labels
    for edge in EDGES[:2]:
        back = {(cells[c], users[u]) for c, u in again.edges[edge].T}
        assert back == {tuple(each) for each in found.edges[edge].T}


def test_neighbours_follow_their_labels_but_where_they_tie(other_labels: Relabelled) -> None:
    """Which of equally good neighbours is kept depends on their places; how many are, does not."""
    scene, found, again, cells, _ = other_labels
    one, other = (each.edges[EDGES[2]][1] for each in (found, again))
    count = np.bincount(one, minlength=len(scene.cells))
    assert np.array_equal(count[cells], np.bincount(other, minlength=len(scene.cells)))
    assert count.max() <= NEIGHBOURS


def test_edges_name_what_is_heard(scenes: list[Scene]) -> None:
    scene = scenes[0]
    heard = set(zip(scene.links.cell.tolist(), scene.links.user.tolist(), strict=True))
    edges = features(scene).edges
    serves, interferes = ({tuple(each) for each in edges[e].T.tolist()} for e in EDGES[:2])
    assert serves <= heard
    assert interferes <= heard
    assert not serves & interferes


def test_a_cell_that_is_off_has_no_edges_to_users(scenes: list[Scene]) -> None:
    scene = with_cells(scenes[0], on=np.arange(len(scenes[0].cells)) != 2)
    edges = features(scene).edges
    assert not any((edges[each][0] == 2).any() for each in EDGES[:2])


# ---------------------------------------------------------------- scaling
def test_columns_that_it_was_fitted_on_have_mean_0_and_deviation_1(scenes: list[Scene]) -> None:
    many = [features(each) for each in scenes]
    scaling = Scaling.fitted(many)
    for kind in ("cell", "ue"):
        all_ = np.concatenate([each.columns[kind] for each in many])
        scaled = (all_ - scaling.mean[kind]) / scaling.deviation[kind]
        varies = np.nanstd(all_, axis=0) > 1e-6
        assert varies.sum() > 20
        # Σx² − mean² loses digits as the square of mean over deviation.
        lost = 1e-15 * (1 + (scaling.mean[kind] / scaling.deviation[kind]) ** 2) * len(all_)
        assert (np.abs(np.nanmean(scaled, axis=0)) < 1e-9).all()
        assert (np.abs(np.nanstd(scaled, axis=0) - 1)[varies] < 1e-9 + lost[varies]).all()


def test_it_is_not_changed_by_what_it_is_applied_to(scenes: list[Scene]) -> None:
    scaling = Scaling.fitted([features(scenes[0])])
    before = scaling.to_tree()
    applied = scaling.applied(features(scenes[1]))
    assert scaling.to_tree() == before == Scaling.from_tree(before).to_tree()
    assert max(np.abs(each).max() for each in applied.values()) <= FAR


def test_what_is_missing_is_0_and_told(scenes: list[Scene]) -> None:
    scaling = Scaling.fitted([features(each) for each in scenes])
    scene = with_cells(scenes[0], on=np.zeros(len(scenes[0].cells), dtype=bool))  # nobody is served
    found = features(scene)
    applied = scaling.applied(found)["ue"]
    missing = np.isnan(found.columns["ue"])
    assert missing.any(axis=1).all()
    assert (applied[:, -1] == 1).all()
    assert (applied[:, :-1][missing] == 0).all()
    assert np.isfinite(applied).all()
    whole = scaling.applied(features(scenes[0]))["ue"]
    assert (whole[:, -1] == np.isnan(features(scenes[0]).columns["ue"]).any(axis=1)).all()


def test_no_scenes_and_other_columns_are_refused(scenes: list[Scene]) -> None:
    with pytest.raises(InputError, match="train split"):
        Scaling.fitted([])
    found = features(scenes[0])
    scaling = Scaling.fitted([found])
    less = replace(found, names={"cell": found.names["cell"][1:], "ue": found.names["ue"]})
    with pytest.raises(InputError, match="columns that were learned"):
        scaling.applied(less)


# ---------------------------------------------------------------- the graph
def test_the_graph_has_both_ways_and_a_base_for_each_head(scenes: list[Scene]) -> None:
    scaling = Scaling.fitted([features(each) for each in scenes])
    made = graph(scenes[0], scaling, HORIZONS_S)
    assert set(made.edge_types) == {*relations(), REACHES}
    assert (
        made["cell", "serves", "ue"].edge_index.flip(0) == made["ue", "rev_serves", "cell"].edge_index
    ).all()
    for each in KPIS:
        if not each.event:
            base = made[each.node][f"base_{each.name}"]
            assert base.isfinite().all()
            assert base.shape == (made[each.node].num_nodes, len(HORIZONS_S))
    size = {"cell": len(scenes[0].cells), "ue": len(scenes[0].users)}
    outcomes = Outcomes((1.0,), {k.name: np.zeros((size[k.node], 1, 2), dtype=np.float32) for k in KPIS})
    assert with_outcomes(made, outcomes)["ue"].y_sinr_db.shape == (size["ue"], 1, 2)


def test_a_batch_is_its_scenes_side_by_side(scenes: list[Scene]) -> None:
    scaling = Scaling.fitted([features(each) for each in scenes])
    both = batched([graph(each, scaling, HORIZONS_S) for each in scenes[:2]])
    assert both["ue"].num_nodes == sum(len(each.users) for each in scenes[:2])
    cell, user = both["cell", "serves", "ue"].edge_index
    assert (both["cell"].batch[cell] == both["ue"].batch[user]).all()


def test_a_scene_in_which_nobody_hears_a_cell_has_features_too() -> None:
    scene = plain_scene([[-90.0]], offered_bit_s=1e6)
    links = replace(scene.links, **{name: getattr(scene.links, name)[:0] for name in scene.links.__slots__})
    found = features(replace(scene, links=links))
    assert len(found.columns["ue"]) == len(scene.users)
    assert not sum(edge.shape[1] for edge in found.edges.values())
    assert not found.columns["ue"][:, found.names["ue"].index("served")].any()
