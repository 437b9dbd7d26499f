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

from ranvier.aiops.surrogate.graph import NODES, REACHES, relations
from ranvier.aiops.surrogate.heads import Event, quantiles
from ranvier.aiops.surrogate.network import Network
from ranvier.dtops.scenes.outcomes import KPIS

PROGRAM = "program.pt2"
COLUMNS = {"cell": ("x", "speed", "load"), "ue": ("x", "speed", "quiet", "keeps")}
"""Of node types, beside where heads start from."""


def flat(graph: Any) -> dict[str, Tensor]:
    """A graph's tensors by name: `x.cell`, `base.KPI`, `speed.ue`, `edge.serves`, `below.reaches`."""
    found = {f"{name}.{kind}": graph[kind][name] for kind, names in COLUMNS.items() for name in names}
    found |= {f"base.{each.name}": graph[each.node][f"base_{each.name}"] for each in KPIS if not each.event}
    found |= {f"edge.{each[1]}": graph[each].edge_index for each in (*relations(), REACHES)}
    return found | {"below.reaches": graph[REACHES].below}


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
        for kind, names in COLUMNS.items():
            mine = {
                f"base_{k.name}": tensors[f"base.{k.name}"] for k in KPIS if k.node == kind and not k.event
            }
            self._parts[kind] = _Part(mine | {name: tensors[f"{name}.{kind}"] for name in names})
        for each in relations():
            self._parts[each] = SimpleNamespace(edge_index=tensors[f"edge.{each[1]}"])
        self._parts[REACHES] = SimpleNamespace(
            edge_index=tensors["edge.reaches"], below=tensors["below.reaches"]
        )

    def __getitem__(self, key: Any) -> Any:
        return self._parts[key]


class _Part:
    """Columns of a node type, by attribute and by name."""

    def __init__(self, columns: dict[str, Tensor]) -> None:
        self.__dict__.update(columns)

    def __getitem__(self, name: str) -> Tensor:
        found: Tensor = self.__dict__[name]
        return found


def exported(network: Network, example: Any, path: Path) -> None:
    """Write the program of a network. `example`: any graph; its sizes are not kept."""
    tensors = flat(example)
    count = {kind: torch.export.Dim(f"{kind}s", min=2) for kind in NODES}
    edges = {each[1]: torch.export.Dim(f"edges_{each[1]}", min=2) for each in (*relations(), REACHES)}
    shapes: dict[str, Any] = {}
    for name in tensors:
        what, _, of = name.partition(".")
        if what == "edge":
            shapes[name] = {1: edges[of]}
        elif what == "below":
            shapes[name] = {0: edges[of]}
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
