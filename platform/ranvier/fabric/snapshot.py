"""`Snapshot`: the typed graph at one instant, as known at one time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Node:
    """A managed object with its properties, valid in [valid_from_ns, valid_to_ns); None means still."""

    node_id: str
    node_class: str
    properties: Mapping[str, Any]
    valid_from_ns: int
    valid_to_ns: int | None
    recorded_at_ns: int


@dataclass(frozen=True, slots=True)
class Relation:
    """A relation between two nodes, valid in [valid_from_ns, valid_to_ns); None means still."""

    relation: str
    source_id: str
    target_id: str
    properties: Mapping[str, Any]
    valid_from_ns: int
    valid_to_ns: int | None
    recorded_at_ns: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The graph as it was at `as_of_ns`, as far as it was known at `known_at_ns`."""

    as_of_ns: int
    known_at_ns: int
    nodes: tuple[Node, ...]
    relations: tuple[Relation, ...]

    def of_class(self, node_class: str) -> tuple[Node, ...]:
        """The nodes of one class of the ontology."""
        return tuple(node for node in self.nodes if node.node_class == node_class)
