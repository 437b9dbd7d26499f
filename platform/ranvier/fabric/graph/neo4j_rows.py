"""What the writer sends: entities, relationships, facts and assertions as maps of properties. Pure."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from ranvier.fabric.graph.claims import Claim
from ranvier.fabric.graph.intervals import fork
from ranvier.fabric.graph.neo4j_lines import Fact
from ranvier.fabric.graph.neo4j_names import BatchNames, key
from ranvier.fabric.graph.timeline import BY_SOURCE, BY_TARGET, UPSERT, Assertion

Properties = dict[str, Any]

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_OWN = frozenset(
    {
        "body", "category", "class", "class_since_ns", "digest", "id", "key", "network", "recorded_at_ns",
        "slot", "space", "tenant", "turn", "valid_from_ns",
    }
)  # fmt: skip


def category_key(scope_key: str, node_class: str | None) -> str:
    """Where all nodes of a class are found, or (None) all relations, of a tenant's network."""
    return key(scope_key, "relations") if node_class is None else key(scope_key, "nodes", node_class)


def natural(body: str | None) -> Properties:
    """The properties to be seen beside the body: those whose names Neo4j and the graph leave free."""
    if body is None:
        return {}
    properties: Properties = msgspec.json.decode(body)
    return {name: value for name, value in properties.items() if name not in _OWN and _PLAIN.fullmatch(name)}


class Shapes:
    """Makes the maps of one batch, whose names and bodies it is given."""

    def __init__(self, space: str, names: BatchNames, bodies: dict[tuple[int, int], str]) -> None:
        self._space, self._names, self._bodies = space, names, bodies

    def body(self, fact: Fact) -> str | None:
        """The properties of a fact as canonical JSON; None where it has none."""
        return self._bodies[fact.slot, fact.state.digest] if fact.state.digest else None

    def entity(self, number: int) -> Properties:
        """An entity of which nothing holds."""
        scope, name = self._names.entity_names[number - 1]
        tenant, network = self._names.scopes[scope - 1]
        return {
            "key": self._names.entity_keys[number - 1], "space": self._space,
            "tenant": tenant, "network": network, "id": name,
        }  # fmt: skip

    def node(self, fact: Fact) -> Properties:
        """An entity of which an open fact holds."""
        number = fact.state.a
        node_class = self._names.category_name(fact.state.category)
        scope_key = self._names.scope_keys[self._names.scope_of(number) - 1]
        return {
            **self._held(fact),
            **self.entity(number),
            "class": node_class, "class_since_ns": fact.valid_from,
            "category": category_key(scope_key, node_class),
        }  # fmt: skip

    def relationship(self, fact: Fact) -> Properties:
        """A relationship of the graph as it is."""
        return {**self._held(fact), "slot": self._names.slot_key(fact.slot)}

    def _held(self, fact: Fact) -> Properties:
        body = self.body(fact)
        held = {
            **natural(body),
            "valid_from_ns": fact.valid_from, "recorded_at_ns": fact.recorded_at, "turn": fact.turn,
        }  # fmt: skip
        if body is not None:
            held |= {"body": body, "digest": fact.state.digest}
        return held

    def ended(self, fact: Fact) -> Properties:
        """A fact that lies beside the graph: all of it, and where it is found by valid time."""
        names, state = self._names, fact.state
        scope, _, name = names.categories[state.category - 1]
        row: Properties = {
            "space": self._space, "scope": names.scope_keys[scope - 1], "slot": names.slot_key(fact.slot),
            "name": name, "source_id": names.entity_names[state.a - 1][1],
            "valid_from_ns": fact.valid_from, "valid_to_ns": fact.valid_to,
            "recorded_at_ns": fact.recorded_at, "turn": fact.turn,
            "category": category_key(names.scope_keys[scope - 1], name if fact.slot < 0 else None),
        }  # fmt: skip
        if fact.slot > 0:
            row |= {
                "source": names.entity_key(state.a), "target": names.entity_key(state.b),
                "target_id": names.entity_names[state.b - 1][1],
            }  # fmt: skip
        if fact.state.digest:
            row |= {"digest": fact.state.digest, "body": self.body(fact)}
        if not fact.is_open:
            row["fork"] = fork(fact.valid_from, fact.valid_to)
        return row

    def assertion(self, claim: Claim) -> Properties:
        """What a claim asserts; of its state only what the slot leaves open (see the loader)."""
        return self.said(claim, claim.assertion) | {"space": self._space}

    def said(self, claim: Claim, assertion: Assertion) -> Properties:
        """An assertion of the claim's slot."""
        state = assertion.state
        row: Properties = {
            "slot": self._names.slot_key(claim.slot), "at_ns": assertion.at_ns, "op": assertion.op,
        }  # fmt: skip
        if claim.slot < 0 and assertion.op == UPSERT:
            row["name"] = self._names.category_name(state.category)
        if claim.matching == BY_SOURCE:
            row["end"] = self._names.entity_key(state.a)
        elif claim.matching == BY_TARGET:
            row["end"] = self._names.entity_key(state.b)
        if state.digest:
            row["digest"] = state.digest
        return row
