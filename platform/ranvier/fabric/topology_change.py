"""`TopologyChange`: a node or relation that came, changed or went."""

from __future__ import annotations

from typing import Literal

import msgspec

Scalar = str | int | float | bool | None


class NodeChange(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="node"):
    """A managed object that came or changed (op "upsert") or went (op "remove") at `valid_from_ns`.

    From `valid_from_ns` (nanoseconds since the Unix epoch, UTC) on, the node has exactly `properties`, until
    the next change known of it. `node_class` is a class of the ontology, `node_id` a distinguished name.
    """

    node_id: str
    node_class: str
    valid_from_ns: int
    properties: dict[str, Scalar] = {}
    op: Literal["upsert", "remove"] = "upsert"
    source: str = ""
    tenant: str = "default"
    network: str = "default"

    @property
    def key(self) -> str:
        """What orders this change in the log: all changes of one node stay in order."""
        return self.node_id


class RelationChange(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="relation"):
    """A relation that came or changed (op "upsert") or went (op "remove") at `valid_from_ns`.

    `relation` is a relation of the ontology. Where the ontology calls it functional at one end (a UE is
    served by at most one cell), an upsert ends the relation that it replaces at the same instant.
    """

    relation: str
    source_id: str
    target_id: str
    valid_from_ns: int
    properties: dict[str, Scalar] = {}
    op: Literal["upsert", "remove"] = "upsert"
    source: str = ""
    tenant: str = "default"
    network: str = "default"

    @property
    def key(self) -> str:
        """What orders this change in the log. The target, because `serves` is functional at the UE."""
        return self.target_id


TopologyChange = NodeChange | RelationChange
