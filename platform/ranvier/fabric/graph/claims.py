"""Changes in keys: a batch of changes becomes Claims on slots, its names looked up or made set by set."""

from __future__ import annotations

from collections.abc import Sequence, Set
from hashlib import blake2b
from typing import NamedTuple, Protocol

import msgspec

from ranvier.fabric.graph.timeline import (
    BY_SOURCE,
    BY_TARGET,
    REMOVE,
    UNCONDITIONAL,
    UPSERT,
    Assertion,
    State,
)
from ranvier.fabric.topology_change import NodeChange, RelationChange, Scalar, TopologyChange
from ranvier.ontology.ontology import Ontology


class Naming(Protocol):
    """Numbers for names: of the embedded store for good, of a server's adapter within one batch."""

    def scope(self, tenant: str, network: str) -> int:
        """The number of a tenant's network."""
        ...

    def category(self, scope: int, kind: str, name: str) -> int:
        """The number of a node class (kind "node") or a relation (kind "relation") within a scope."""
        ...

    def entities(self, wanted: Sequence[tuple[int, str]]) -> tuple[list[int], set[int]]:
        """The number of each (scope, node id), and which of them are known to be new."""
        ...

    def slots(
        self, wanted: Sequence[tuple[int, int, int]], new_entities: Set[int]
    ) -> tuple[list[int], set[int]]:
        """The number of each relation's slot (category, a, b), and which of them are known to be new."""
        ...


class Claim(NamedTuple):
    """What a change asserts of a slot, and how a removal in that slot matches. `slot` < 0 is a node's."""

    slot: int
    at_ns: int
    op: int
    state: State
    matching: int
    body: bytes

    @property
    def assertion(self) -> Assertion:
        """The claim without its slot."""
        return Assertion(self.at_ns, self.op, self.state)


_Draft = tuple[tuple[int, int, int] | None, int, int, State, int, bytes]
"""A claim whose slot has no key yet: None for a node's slot, which is the node's key negated."""


def resolve(
    changes: Sequence[TopologyChange], names: Naming, ontology: Ontology
) -> tuple[list[Claim], set[int]]:
    """The claims of `changes` in their order, and those of their slots that did not exist before."""
    scope_of = {whose: names.scope(*whose) for whose in {(c.tenant, c.network) for c in changes}}
    scopes = [scope_of[change.tenant, change.network] for change in changes]
    ends: list[tuple[int, str]] = []
    for scope, change in zip(scopes, changes, strict=True):
        if isinstance(change, NodeChange):
            ends.append((scope, change.node_id))
        else:
            ends += ((scope, change.source_id), (scope, change.target_id))
    entities, new_entities = names.entities(ends)
    entity = iter(entities)
    drafts = [
        _node(change, scope, names, next(entity))
        if isinstance(change, NodeChange)
        else _relation(
            change, names.category(scope, "relation", change.relation), (next(entity), next(entity)), ontology
        )
        for scope, change in zip(scopes, changes, strict=True)
    ]
    slots, new_slots = names.slots([draft[0] for draft in drafts if draft[0] is not None], new_entities)
    slot = iter(slots)
    claims = [
        Claim(-state.a if key is None else next(slot), at_ns, op, state, matching, body)
        for key, at_ns, op, state, matching, body in drafts
    ]
    return claims, new_slots | {-entity for entity in new_entities}


def _node(change: NodeChange, scope: int, names: Naming, entity: int) -> _Draft:
    if change.op == "remove":
        return None, change.valid_from_ns, REMOVE, State(0, entity, 0, 0), UNCONDITIONAL, b""
    digest, body = _digest(change.properties)
    state = State(names.category(scope, "node", change.node_class), entity, 0, digest)
    return None, change.valid_from_ns, UPSERT, state, UNCONDITIONAL, body


def _relation(change: RelationChange, category: int, ends: tuple[int, int], ontology: Ontology) -> _Draft:
    op = UPSERT if change.op == "upsert" else REMOVE
    digest, body = _digest(change.properties) if op == UPSERT else (0, b"")
    source, target = ends
    at_ns, state = change.valid_from_ns, State(category, source, target, digest)
    functional = ontology.relations[change.relation].functional
    if functional == "target":
        return (category, 0, target), at_ns, op, state, BY_SOURCE, body
    if functional == "source":
        return (category, source, 0), at_ns, op, state, BY_TARGET, body
    return (category, source, target), at_ns, op, state, UNCONDITIONAL, body


def _digest(properties: dict[str, Scalar]) -> tuple[int, bytes]:
    """A digest that is 0 for no properties, and their canonical JSON. 64 bits are enough within one slot."""
    if not properties:
        return 0, b""
    body = msgspec.json.encode(properties, order="sorted")
    return int.from_bytes(blake2b(body, digest_size=8).digest(), "big", signed=True) or 1, body
