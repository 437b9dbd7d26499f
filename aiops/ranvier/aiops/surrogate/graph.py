"""A scene as torch_geometric's HeteroData, and outcomes beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ranvier.aiops.surrogate.bases import bases
from ranvier.aiops.surrogate.features import EDGES, Features, features
from ranvier.aiops.surrogate.scaling import Scaling
from ranvier.dtops.scenes.outcomes import KPIS, Outcomes
from ranvier.dtops.scenes.scene import Scene

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

NODES = ("cell", "ue")


REACHES = ("cell", "reaches", "ue")
"""Links of the scene, with their power: for the link budget within the network, and not for attention."""


def relations() -> list[tuple[str, str, str]]:
    """Edge types of the tensors: the ontology's, and their reverses between node types."""
    back = [(target, f"rev_{name}", source) for source, name, target in EDGES if source != target]
    return [*EDGES, *back]


def graph(
    scene: Scene, scaling: Scaling, horizons_s: Sequence[float], found: Features | None = None
) -> HeteroData:
    """A scene as tensors: `x` scaled columns, `base_KPI` (n, H) where heads start, `speed`, and edges.

    For SINR from loads: `load` of cells; of users `keeps` (n, H) and `quiet`, noise over what they are served with;
    and every link that they hear (REACHES) with `below`, its power over what they are served with.
    """
    from torch_geometric.data import HeteroData

    found = found or features(scene)
    made = HeteroData()
    for kind, columns in scaling.applied(found).items():
        made[kind].x = torch.from_numpy(columns)
    for name, values in bases(scene, found.budget, found.dispersal, horizons_s).items():
        made[_node(name)][f"base_{name}"] = torch.from_numpy(values.astype("float32"))
    budget = found.budget
    made["ue"].keeps = _single(found.dispersal.at(horizons_s).keeps)
    made["ue"].quiet = _single(10 ** (-np.nan_to_num(budget.snr_db, nan=0.0) / 10))
    made["cell"].load = _single(np.minimum(budget.load, 1.0))
    made[REACHES].edge_index = torch.from_numpy(
        np.stack([scene.links.cell, scene.links.user]).astype("int64")
    )
    made[REACHES].below = _single(budget.below)
    made["ue"].speed = torch.from_numpy(scene.users.speed_m_s.astype("float32"))
    made["cell"].speed = torch.zeros(len(scene.cells))
    for (source, name, target), places in found.edges.items():
        edge = torch.from_numpy(places.astype("int64"))
        made[source, name, target].edge_index = edge
        if source != target:
            made[target, f"rev_{name}", source].edge_index = edge.flip(0)
    return made


def with_outcomes(made: HeteroData, outcomes: Outcomes) -> HeteroData:
    """The same with `y_KPI` (n, H, m)."""
    for each in KPIS:
        made[each.node][f"y_{each.name}"] = torch.from_numpy(outcomes.values[each.name])
    return made


def batched(many: Sequence[HeteroData]) -> Any:
    """Several scenes as one graph of unconnected parts; `ptr` of each node type tells where each begins."""
    from torch_geometric.data import Batch

    return Batch.from_data_list(list(many))


def _single(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.asarray(values, dtype=np.float32))


def _node(kpi: str) -> str:
    return next(each.node for each in KPIS if each.name == kpi)
