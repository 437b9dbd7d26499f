"""The surrogate as the twin's model, end to end: an untrained network forecasts the emulated network's counters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch_geometric", reason="the extra `surrogate` is not installed")
import torch

from ranvier.aiops.surrogate import model_folder
from ranvier.aiops.surrogate.features import features
from ranvier.aiops.surrogate.network import Network, Shape
from ranvier.aiops.surrogate.scaling import Scaling
from ranvier.dtops.forecast_rows import forecasts_of
from ranvier.dtops.issue import FORECAST_KIND
from ranvier.dtops.scenes.of_twin import scenes_of
from ranvier.dtops.scorekeeper import SCORE_KIND
from ranvier.dtops.simulator.live_counters import QUANTITIES
from tests.unit.dtops.scenes.test_scenes_of_twin import graph, state

SECOND_NS = 10**9
START_NS = 1_767_225_600 * SECOND_NS
MINUTE_NS = 60 * SECOND_NS


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network with random weights, saved as a trained one would be."""
    folder = tmp_path_factory.mktemp("model")
    g = graph()
    scaling = Scaling.fitted(features(scene) for scene in scenes_of(g, state(g, users=4, load=20), many=4))
    columns = {kind: len(names) + 1 for kind, names in scaling.names.items()}
    torch.manual_seed(1)
    model_folder.save(
        folder,
        Network(Shape(columns, (1.0, 60.0, 900.0), width=8, layers=1, attention=2, hidden=8)),
        scaling,
        {},
    )
    return folder


@pytest.fixture(scope="module")
def lived(untrained: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Five minutes of a platform whose model is the surrogate: its forecasts, its scores, its models' names."""
    from tests.loop.conftest import _running

    twin = {"model": "surrogate", "surrogate_folder": untrained, "surrogate_members": 4}
    with _running(tmp_path_factory.mktemp("stores"), START_NS, 120, twin=twin) as loop:
        loop.take_in_the_past()
        loop.live_until(START_NS + 5 * MINUTE_NS)
        ledger = loop.platform.ledger
        return (
            list(forecasts_of(ledger.scan(FORECAST_KIND, "default"))), ledger.scan(SCORE_KIND, "default"),
            loop.platform.follower.state,
        )  # fmt: skip


def test_each_counter_that_it_knows_gets_a_forecast_of_it(lived: Any) -> None:
    made = [each for each in lived[0] if each.model == "surrogate"]
    last = max(made, key=lambda each: each.issued_at_ns)
    told = {t.quantity for t, v in zip(last.targets, last.values, strict=True) if np.isfinite(v).all()}
    assert told == set(QUANTITIES)
    for target, values in zip(last.targets, last.values, strict=True):
        if target.quantity == "RRU.PrbTotDl":
            assert 0 <= values.min() <= values.max() <= 100


def test_its_members_follow_the_counters_without_a_simulation(lived: Any) -> None:
    members = lived[2].members
    assert len(members) == 4
    assert any(np.abs(ratio).max() > 0 for ratio in members.log_ratio.values())


def test_it_is_scored_beside_the_baselines_on_their_points(lived: Any) -> None:
    points: dict[str, set[Any]] = {}
    for row in lived[1].to_pylist():
        key = (row["object_id"], row["quantity"], row["issued_at_ns"], row["horizon_s"])
        points.setdefault(row["model"], set()).add(key)
    assert len(points["surrogate"]) > 100
    assert points["surrogate"] <= points["climatology"]
