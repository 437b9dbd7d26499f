"""`GraphFold`: the graph as it was known at each issue, folded forward from the changes."""

from __future__ import annotations

from collections.abc import Sequence

from ranvier.fabric.snapshot import Node, Relation, Snapshot
from ranvier.fabric.topology_change import NodeChange, RelationChange


class GraphFold:
    """Holds what is valid now, and moves forward only."""

    def __init__(self, changes: Sequence[tuple[int, NodeChange | RelationChange]]) -> None:
        self._changes = changes
        self._place = 0
        self._nodes: dict[str, Node] = {}
        self._relations: dict[tuple[str, str, str], Relation] = {}
        self._snapshot: Snapshot | None = None

    def at(self, now_ns: int) -> Snapshot | None:
        """The graph from what was known by `now_ns`; None while nothing is. The same object if unchanged."""
        moved = False
        while self._place < len(self._changes) and self._changes[self._place][0] <= now_ns:
            self._apply(self._changes[self._place][1], self._changes[self._place][0])
            self._place += 1
            moved = True
        if moved:
            self._snapshot = Snapshot(
                now_ns, now_ns, tuple(self._nodes.values()), tuple(self._relations.values())
            )
        return self._snapshot

    def _apply(self, change: NodeChange | RelationChange, known_ns: int) -> None:
        start = change.valid_from_ns
        if isinstance(change, NodeChange):
            self._nodes.pop(change.node_id, None)
            if change.op == "upsert":
                self._nodes[change.node_id] = Node(
                    change.node_id, change.node_class, change.properties, start, None, known_ns
                )
            return
        key = (change.relation, change.source_id, change.target_id)
        self._relations.pop(key, None)
        if change.op == "remove":
            return
        if change.relation == "serves":  # functional at the UE: the new cell replaces the old one
            for other in [k for k in self._relations if k[0] == "serves" and k[2] == change.target_id]:
                del self._relations[other]
        self._relations[key] = Relation(*key, change.properties, start, None, known_ns)
