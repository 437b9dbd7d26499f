"""What the ontology and the store admit of a change; all else is refused with its reason."""

from __future__ import annotations

import math
from collections.abc import Callable

from ranvier.fabric.graph.names import Cache
from ranvier.fabric.ports import FOREVER_NS
from ranvier.fabric.topology_change import NodeChange, RelationChange, TopologyChange
from ranvier.ontology.errors import InputError, OntologyError
from ranvier.ontology.ontology import Ontology

Key = tuple[str, str, str]
ClassOf = Callable[[Key], str | None]
"""The class of a node that the store knows, by tenant, network and id; None where it knows none."""


class Admission:
    """Checks changes. A relation whose end is not known yet is judged by the end's distinguished name."""

    def __init__(self, ontology: Ontology, known_class: ClassOf) -> None:
        self._ontology = ontology
        self._known_class = known_class
        self._named: Cache[str, str] = Cache(50_000)
        self._allowed: Cache[tuple[str, str, str], bool] = Cache(10_000)

    def check(self, change: TopologyChange, declared: dict[Key, str] | None = None) -> None:
        """Raises OntologyError or InputError, naming the change. `declared`: classes that come with it."""
        _check_shape(change)
        if isinstance(change, NodeChange):
            self._check_node(change)
        else:
            self._check_relation(change, declared or {})

    def _check_node(self, change: NodeChange) -> None:
        if change.node_class not in self._ontology.classes:
            raise OntologyError(
                "a class of the ontology",
                f"{change.node_class!r} in {_name(change)}",
                "see `ranvier ontology show`",
            )

    def _check_relation(self, change: RelationChange, declared: dict[Key, str]) -> None:
        relation = self._ontology.relations.get(change.relation)
        if relation is None:
            raise OntologyError(
                "a relation of the ontology",
                f"{change.relation!r} in {_name(change)}",
                "see `ranvier ontology show`",
            )
        source = self._class_of((change.tenant, change.network, change.source_id), declared)
        target = self._class_of((change.tenant, change.network, change.target_id), declared)
        if source and target and not self._allows(change.relation, source, target):
            raise OntologyError(
                f"{change.relation} from {' or '.join(relation.sources)} to {' or '.join(relation.targets)}",
                f"{source} to {target} in {_name(change)}",
                "correct the relation or its ends",
            )

    def _class_of(self, key: Key, declared: dict[Key, str]) -> str:
        """The class of an end, "" where neither the store nor the name tells."""
        known = declared.get(key) or self._known_class(key)
        if known:
            return known
        name = key[2]
        named = self._named[name]
        if named is None:
            try:
                named = self._ontology.class_of(name)
            except OntologyError:
                named = ""
            self._named.put(name, named)
        return named

    def _allows(self, relation: str, source: str, target: str) -> bool:
        key = (relation, source, target)
        allowed = self._allowed[key]
        if allowed is None:
            allowed = self._ontology.allows(relation, source, target)
            self._allowed.put(key, allowed)
        return allowed


def _name(change: TopologyChange) -> str:
    if isinstance(change, NodeChange):
        return f"{change.op} of node {change.node_id!r} at {change.valid_from_ns}"
    ends = f"{change.source_id!r} {change.relation} {change.target_id!r}"
    return f"{change.op} of {ends} at {change.valid_from_ns}"


def _check_shape(change: TopologyChange) -> None:
    ids = (change.node_id,) if isinstance(change, NodeChange) else (change.source_id, change.target_id)
    if "" in ids:
        raise InputError("ids that are not empty", _name(change), "give the distinguished name")
    if not -(2**63) < change.valid_from_ns < FOREVER_NS:
        raise InputError(
            "valid_from_ns within 64 bits", _name(change), "give nanoseconds since the Unix epoch"
        )
    for text in (*ids, change.tenant, change.network):
        if not text.isascii():
            _check_text(text, change)
    for name, value in change.properties.items():
        if not name.isascii():
            _check_text(name, change)
        if isinstance(value, str):
            _check_text(value, change)
        elif value is not None and not _storable(value):
            raise InputError(
                "properties that are text, true or false, finite, and within 64 bits",
                f"{name} = {value!r} in {_name(change)}",
                "leave a missing value out",
            )


def _check_text(text: str, change: TopologyChange) -> None:
    if not text.isascii() and not _encodable(text):
        raise InputError("text that UTF-8 can hold", f"{text!r} in {change.op}", "decode the source again")


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _storable(value: int | float) -> bool:
    return math.isfinite(value) if isinstance(value, float) else -(2**63) <= value < 2**63
