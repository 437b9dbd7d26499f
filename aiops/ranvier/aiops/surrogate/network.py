"""Rung v0: attention over the scene's graph, then a head for each KPI. Right marginals; no joint structure.

    columns ► encoder (by node type) ► HGTConv × L, residual ► [node, its columns, scene's mean, horizon] ► heads
                                                     and of a cell, the sum over its users ┘

HGT: Hu et al. 2020. L = 0 is an MLP that sees no graph: what the graph is worth is told by the difference.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ranvier.aiops.surrogate.graph import NODES, REACHES, relations
from ranvier.aiops.surrogate.heads import Event, EventHead, Marginal, QuantileHead
from ranvier.dtops.scenes.outcomes import KPIS

HORIZON_COLUMNS = 4
CROWDS = ("serves", "interferes")
LEAST_LOAD = 1e-3
CROWD = 8.0
"""Users of a cell, in the order of magnitude: so that sums over them are of the size of the rest."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a network is.

    columns       node type to the number of its columns
    horizons_s    that it was trained at
    width, layers, attention   of the HGT layers
    hidden        of the heads' trunk
    dropout       part of the trunk's values that a step of training leaves out
    budget        whether heads start from the link budget; else from 0: the ablation
    """

    columns: dict[str, int]
    horizons_s: tuple[float, ...]
    width: int = 64
    layers: int = 2
    attention: int = 4
    hidden: int = 160
    budget: bool = True
    dropout: float = 0.0


class Network(nn.Module):
    """See the module. Rows of its answers are nodes × horizons, horizons running faster."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        width = shape.width
        self.encoders = nn.ModuleDict({
            kind: nn.Sequential(nn.Linear(shape.columns[kind], width), nn.SiLU(), nn.Linear(width, width))
            for kind in NODES
        })  # fmt: skip
        self.layers = nn.ModuleList(_attention(shape) for _ in range(shape.layers))
        self.norms = nn.ModuleList(
            nn.ModuleDict({kind: nn.LayerNorm(width) for kind in NODES}) for _ in range(shape.layers)
        )
        context = 2 * width if shape.layers else 0
        crowd = len(CROWDS) * width if shape.layers else 0
        if crowd:
            self.crowds = nn.ModuleDict({
                name: nn.Sequential(
                    nn.Linear(width + shape.columns["ue"], width), nn.SiLU(), nn.Linear(width, width)
                )
                for name in CROWDS
            })  # fmt: skip
        self.trunks = nn.ModuleDict({
            kind: nn.Sequential(
                nn.Linear(
                    width + shape.columns[kind] + context + crowd * (kind == "cell") + HORIZON_COLUMNS + 1,
                    shape.hidden,
                ), nn.SiLU(),
                nn.Dropout(shape.dropout),
                nn.Linear(shape.hidden, shape.hidden), nn.SiLU(),
            )
            for kind in NODES
        })  # fmt: skip
        self.shift = nn.Linear(width, 1)
        nn.init.zeros_(self.shift.weight)
        nn.init.zeros_(self.shift.bias)
        self.heads = nn.ModuleDict({
            each.name: EventHead(shape.hidden) if each.event else QuantileHead(each, shape.hidden)
            for each in KPIS
        })  # fmt: skip

    def forward(self, batch: Any, horizons: Sequence[int]) -> dict[str, Marginal | Event]:
        """KPI to what the heads say; `horizons` are places in `shape.horizons_s`."""
        x = {kind: batch[kind].x for kind in NODES}
        nodes = self.embedded(x, {each: batch[each].edge_index for each in relations()})
        rows = {kind: self._rows(batch, kind, x[kind], nodes, horizons) for kind in NODES}
        found: dict[str, Marginal | Event] = {}
        for each in KPIS:
            head, row = self.heads[each.name], rows[each.node]
            if each.event:
                found[each.name] = head(row)
            else:
                base = batch[each.node][f"base_{each.name}"][:, list(horizons)]
                if each.name == "sinr_db" and self.shape.layers:
                    base = (
                        base
                        + batch["ue"].keeps[:, list(horizons)] * self._louder(batch, nodes["cell"])[:, None]
                    )
                base = base.reshape(-1)
                found[each.name] = head(row, base if self.shape.budget else torch.zeros_like(base))
        return found

    def embedded(self, x: dict[str, Tensor], edges: dict[Any, Tensor]) -> dict[str, Tensor]:
        """Node type to (n, width)."""
        nodes = {kind: self.encoders[kind](x[kind]) for kind in NODES}
        for layer, norm in zip(self.layers, self.norms, strict=True):
            after = layer(nodes, edges)
            nodes = {
                kind: norm[kind](nodes[kind] + after[kind]) if after.get(kind) is not None else nodes[kind]  # type: ignore[index]
                for kind in NODES
            }
        return nodes

    def _louder(self, batch: Any, cells: Tensor) -> Tensor:
        """(U,) dB by which SINR changes with the loads that the network makes of the closed form's.

        10 lg (Σ ρ b + n) / (Σ ρ' b + n), ρ' = σ(logit ρ + shift); b and n over what the user is served with.
        """
        cell, user = batch[REACHES].edge_index
        load = batch["cell"].load.clamp(LEAST_LOAD, 1 - LEAST_LOAD)
        moved = torch.sigmoid(torch.logit(load) + self.shift(cells)[:, 0])
        before, after = (
            torch.zeros_like(batch["ue"].quiet).index_add(0, user, each[cell] * batch[REACHES].below)
            + batch["ue"].quiet
            for each in (load, moved)
        )
        return 10 * torch.log10(before / after)

    def _rows(
        self, batch: Any, kind: str, x: Tensor, nodes: dict[str, Tensor], horizons: Sequence[int]
    ) -> Tensor:
        parts = [nodes[kind], x]
        if self.shape.layers:
            scene = scene_of(batch, kind)
            if kind == "cell":
                parts += [self._crowd(batch, name, nodes["ue"], x.shape[0]) for name in CROWDS]
            parts += [_mean_by(nodes[each], scene_of(batch, each), scenes(batch))[scene] for each in NODES]
        each_node = torch.cat(parts, dim=1)
        many = len(horizons)
        when = self._horizon_columns(horizons, x)
        far = torch.log1p(batch[kind].speed[:, None] * torch.tensor(
            [self.shape.horizons_s[h] for h in horizons], dtype=x.dtype, device=x.device
        ))  # fmt: skip
        rows = torch.cat(
            [each_node.repeat_interleave(many, dim=0), when.repeat(x.shape[0], 1), far.reshape(-1, 1)], dim=1
        )
        return self.trunks[kind](rows)  # type: ignore[no-any-return]

    def _crowd(self, batch: Any, name: str, users: Tensor, cells: int) -> Tensor:
        """(cells, width): the sum over a cell's users, or over those that hear it.

        Attention takes means, and a cell's KPIs are sums.
        """
        each = self.crowds[name](torch.cat([users, batch["ue"].x], dim=1)) / CROWD
        cell, user = batch["cell", name, "ue"].edge_index
        return torch.zeros(cells, each.shape[1], dtype=each.dtype, device=each.device).index_add(
            0, cell, each[user]
        )

    def _horizon_columns(self, horizons: Sequence[int], like: Tensor) -> Tensor:
        """(H, HORIZON_COLUMNS): which of the horizons, at most three, and its logarithm."""
        columns = torch.zeros(len(horizons), HORIZON_COLUMNS, dtype=like.dtype, device=like.device)
        for row, h in enumerate(horizons):
            columns[row, min(h, HORIZON_COLUMNS - 2)] = 1.0
            columns[row, -1] = torch.log10(torch.tensor(self.shape.horizons_s[h]))
        return columns


def scene_of(batch: Any, kind: str) -> Tensor:
    """(n,) to which scene of the batch each node belongs; a scene alone is scene 0."""
    found = getattr(batch[kind], "batch", None)
    return found if found is not None else torch.zeros(batch[kind].x.shape[0], dtype=torch.int64)


def scenes(batch: Any) -> int:
    """How many scenes a batch has."""
    return int(getattr(batch, "num_graphs", 1) or 1)


def _mean_by(values: Tensor, group: Tensor, groups: int) -> Tensor:
    total = torch.zeros(groups, values.shape[1], dtype=values.dtype, device=values.device)
    count = torch.zeros(groups, dtype=values.dtype, device=values.device)
    total = total.index_add(0, group, values)
    count = count.index_add(0, group, torch.ones_like(group, dtype=values.dtype))
    return total / count.clamp(min=1)[:, None]


def _attention(shape: Shape) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch_geometric's use of torch.jit.script
        from torch_geometric.nn import HGTConv

    return HGTConv(shape.width, shape.width, (list(NODES), relations()), heads=shape.attention)  # type: ignore[no-any-return]
