"""A trained rung as a program of its own: torch.export, loaded without Ranvier's classes or torch_geometric.

    program = torch.export.load(path).module()
    quantiles = program(tensors)            # KPI to (nodes × horizons, levels), event to (…, 2)

`tensors` is what `flat` makes of a graph; cells, users and edges may be of any number.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from ranvier.aiops.surrogate.graph import NODES, relations
from ranvier.aiops.surrogate.heads import Event, quantiles
from ranvier.aiops.surrogate.network import Network
from ranvier.dtops.scenes.outcomes import KPIS

PROGRAM = "program.pt2"


def flat(graph: Any) -> dict[str, Tensor]:
    """A graph's tensors by name: `x.cell`, `base.KPI`, `speed.ue`, `edge.serves`."""
    found = {f"x.{kind}": graph[kind].x for kind in NODES} | {
        f"speed.{kind}": graph[kind].speed for kind in NODES
    }
    found |= {f"base.{each.name}": graph[each.node][f"base_{each.name}"] for each in KPIS if not each.event}
    return found | {f"edge.{each[1]}": graph[each].edge_index for each in relations()}


class Program(nn.Module):
    """A network from flat tensors to quantiles, for all horizons; of an event ln odds and ln mean."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """KPI to its rows."""
        found = self.network(_Graph(tensors), range(len(self.network.shape.horizons_s)))
        return {
            name: torch.stack(list(each), dim=1) if isinstance(each, Event) else quantiles(name, each)
            for name, each in found.items()
        }


class _Graph:
    """Flat tensors as the network reads a HeteroData."""

    num_graphs = 1

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        self._parts: dict[Any, Any] = {}
        for kind in NODES:
            mine = [each.name for each in KPIS if each.node == kind and not each.event]
            bases = {f"base_{name}": tensors[f"base.{name}"] for name in mine}
            self._parts[kind] = _Part(tensors[f"x.{kind}"], tensors[f"speed.{kind}"], bases)
        for each in relations():
            self._parts[each] = SimpleNamespace(edge_index=tensors[f"edge.{each[1]}"])

    def __getitem__(self, key: Any) -> Any:
        return self._parts[key]


class _Part:
    def __init__(self, x: Tensor, speed: Tensor, bases: dict[str, Tensor]) -> None:
        self.x, self.speed, self._bases = x, speed, bases

    def __getitem__(self, name: str) -> Tensor:
        return self._bases[name]


def exported(network: Network, example: Any, path: Path) -> None:
    """Write the program of a network. `example`: any graph; its sizes are not kept."""
    tensors = flat(example)
    count = {kind: torch.export.Dim(f"{kind}s", min=2) for kind in NODES}
    shapes: dict[str, Any] = {}
    for name in tensors:
        what, _, of = name.partition(".")
        if what == "edge":
            shapes[name] = {1: torch.export.Dim(f"edges_{of}", min=2)}
        elif what == "base":
            shapes[name] = {0: count[next(each.node for each in KPIS if each.name == of)]}
        else:
            shapes[name] = {0: count[of]}
    with _without_sizes():
        program = torch.export.export(
            Program(network.eval()), (tensors,), dynamic_shapes=(shapes,), strict=False
        )
    torch.export.save(program, path)


@contextmanager
def _without_sizes() -> Iterator[None]:
    """HeteroLinear as a sum over its types, each masked: its own form reads sizes out of values.

    It costs as many products as there are types, and is exact.
    """
    from torch_geometric.nn.dense.linear import HeteroLinear

    def forward(self: Any, x: Tensor, type_vec: Tensor) -> Tensor:
        out = x.new_zeros(x.shape[0], self.out_channels)
        for i in range(self.num_types):
            each = x @ self.weight[i]
            if self.bias is not None:
                each = each + self.bias[i]
            out = out + each * (type_vec == i).to(x.dtype)[:, None]
        return out

    own = HeteroLinear.forward
    HeteroLinear.forward = forward
    try:
        yield
    finally:
        HeteroLinear.forward = own
