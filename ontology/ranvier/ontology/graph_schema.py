"""What a graph store must keep: keys, required properties and the ends of relations.

The embedded store checks changes against it as they come; for a server store the same rules become its
constraints (Neo4j: a node key, existence and type of properties).
"""

from __future__ import annotations

import msgspec

from ranvier.ontology.ontology import Attribute, Ontology

KEY = ("tenant", "network", "node_id")
"""What names one node: a distinguished name is unique in its tenant and network (TS 32.300)."""


class NodeRule(msgspec.Struct, frozen=True):
    """What holds for nodes of a class.

    labels      the class and its ancestors, from the class up: what a labelled graph calls the node
    required    properties that every such node has
    expected    properties that the standard makes mandatory; a partial view may lack them
    properties  known properties with type, unit and bounds; a node may have others
    """

    node_class: str
    key: tuple[str, ...]
    labels: tuple[str, ...]
    required: tuple[str, ...]
    expected: tuple[str, ...]
    properties: dict[str, Attribute]

    def missing(self, properties: dict[str, object]) -> tuple[str, ...]:
        """Which required properties a node lacks."""
        return tuple(name for name in self.required if properties.get(name) is None)

    def completeness(self, properties: dict[str, object]) -> float:
        """Share of the expected properties that are there, in [0, 1]; 1 where none is expected."""
        if not self.expected:
            return 1.0
        return sum(properties.get(name) is not None for name in self.expected) / len(self.expected)


class RelationRule(msgspec.Struct, frozen=True):
    """What holds for a relation: the pairs of classes it may join, and the end that takes part once only."""

    relation: str
    pairs: frozenset[tuple[str, str]]
    functional: str | None


class GraphSchema(msgspec.Struct, frozen=True):
    """The rules of all classes that nodes can have, and of all relations between them."""

    nodes: dict[str, NodeRule]
    relations: dict[str, RelationRule]


def graph_schema(ontology: Ontology) -> GraphSchema:
    """The rules that the ontology makes. Abstract classes have no nodes of their own, so no rule either."""
    concrete = [known.name for known in ontology.classes.values() if not known.abstract]
    nodes = {
        name: NodeRule(
            name,
            KEY,
            (name, *ontology.ancestors(name)),
            ontology.classes[name].required,
            ontology.classes[name].expected,
            {key: ontology.attributes[key] for key in ontology.classes[name].attributes},
        )
        for name in concrete
    }
    relations = {
        known.name: RelationRule(
            known.name,
            frozenset(
                (source, target)
                for source in descendants(ontology, known.sources)
                for target in descendants(ontology, known.targets)
            ),
            known.functional,
        )
        for known in ontology.relations.values()
    }
    return GraphSchema(nodes, relations)


def descendants(ontology: Ontology, names: tuple[str, ...]) -> tuple[str, ...]:
    """The classes that nodes can have among `names` and all below them."""
    return tuple(
        known.name
        for known in ontology.classes.values()
        if not known.abstract and {known.name, *ontology.ancestors(known.name)} & set(names)
    )
