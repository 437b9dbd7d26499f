"""The exported program says what the network says, for scenes of other sizes than it was exported with."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch_geometric", reason="the extra 'surrogate' is not installed")
import torch

from ranvier.aiops.surrogate.export import Program, exported, flat
from ranvier.aiops.surrogate.features import features
from ranvier.aiops.surrogate.graph import graph
from ranvier.aiops.surrogate.network import Network, Shape
from ranvier.aiops.surrogate.scaling import Scaling
from ranvier.dtops.scenes.drawn import drawn
from ranvier.dtops.scenes.outcomes import HORIZONS_S, KPIS
from ranvier.dtops.scenes.recipe import RECIPES, deployment

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("surrogate")]


def test_an_exported_program_is_the_network_whatever_the_scene(tmp_path: Path) -> None:
    scenes = [drawn(deployment(RECIPES["small"], "train", number)) for number in (0, 1, 4)]
    found = [features(scene) for scene in scenes]
    scaling = Scaling.fitted(found)
    graphs = [graph(scene, scaling, HORIZONS_S, each) for scene, each in zip(scenes, found, strict=True)]
    assert len({(len(scene.cells), len(scene.users)) for scene in scenes}) == 3
    torch.manual_seed(1)
    columns = {kind: graphs[0][kind].x.shape[1] for kind in ("cell", "ue")}
    network = Network(Shape(columns, (1.0, 60.0), width=8, attention=2, hidden=8)).eval()
    exported(network, graphs[0], tmp_path / "program.pt2")
    program = torch.export.load(tmp_path / "program.pt2").module()
    with torch.no_grad():
        for each in graphs:
            own, its = Program(network)(flat(each)), program(flat(each))
            assert set(its) == {kpi.name for kpi in KPIS}
            for name in own:
                # HeteroLinear's products are summed over its types in another order: float32's rounding.
                torch.testing.assert_close(its[name], own[name], rtol=1e-5, atol=1e-5)
