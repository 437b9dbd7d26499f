"""The graph as a neural network takes it: node types, edge types, and features with units and scaling.

Classes are gathered into few node types (every cell of any technology is a `cell`, a UE and a UE bin are a
`ue`), so that one model serves networks of several technologies. A feature is an attribute of the
configuration or a quantity that is measured; a missing value is told by a mask, never by a number.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from ranvier.ontology.graph_schema import descendants
from ranvier.ontology.ontology import Attribute, Ontology, Quantity, RelationType


class Feature(msgspec.Struct, frozen=True):
    """One column of a node type's features.

    origin         attribute (configuration) or quantity (measured)
    normalisation  standard: subtract the mean, divide by the deviation; log1p first, for what is never
                   negative and skewed; minmax between the bounds; circular: sine and cosine of an angle
    atoms          the source reports whole numbers only, so that its distribution has atoms
    classes        the object classes, among those of the node type, that have it
    """

    name: str
    origin: Literal["attribute", "quantity"]
    unit: str
    normalisation: str
    minimum: float | None
    maximum: float | None
    atoms: bool
    classes: tuple[str, ...]

    @property
    def width(self) -> int:
        """How many columns it takes: an angle takes two, its sine and cosine."""
        return 2 if self.normalisation == "circular" else 1


class NodeType(msgspec.Struct, frozen=True):
    """A node type: the classes it gathers and its features in order, configuration first."""

    name: str
    classes: tuple[str, ...]
    features: tuple[Feature, ...]


class TensorSchema(msgspec.Struct, frozen=True):
    """Node types by name, and edge types as (source, relation, target)."""

    version: str
    node_types: dict[str, NodeType]
    edge_types: tuple[tuple[str, str, str], ...]


def tensor_schema(ontology: Ontology) -> TensorSchema:
    """The schema for the classes and relations that the ontology marks as part of the tensor graph."""
    gathered: dict[str, list[str]] = {}
    for known in ontology.classes.values():
        if known.tensor and not known.abstract:
            gathered.setdefault(known.tensor, []).append(known.name)
    types = {name: _node_type(ontology, name, tuple(gathered[name])) for name in sorted(gathered)}
    edges = {
        edge
        for relation in ontology.relations.values()
        if relation.tensor
        for edge in _edges(ontology, relation)
    }
    return TensorSchema(ontology.version, types, tuple(sorted(edges)))


def _edges(ontology: Ontology, relation: RelationType) -> set[tuple[str, str, str]]:
    sources = {ontology.classes[name].tensor for name in descendants(ontology, relation.sources)}
    targets = {ontology.classes[name].tensor for name in descendants(ontology, relation.targets)}
    return {(source, relation.name, target) for source in sources - {""} for target in targets - {""}}


def _node_type(ontology: Ontology, name: str, classes: tuple[str, ...]) -> NodeType:
    attributes = [
        _of_attribute(known, tuple(c for c in classes if known.name in ontology.classes[c].attributes))
        for known in ontology.attributes.values()
        if known.normalisation != "none"
    ]
    quantities = [
        _of_quantity(known, tuple(c for c in classes if _measured_on(ontology, known, c)))
        for known in ontology.quantities.values()
        if known.normalisation != "none" and "bin" not in known.split_by
    ]
    found = tuple(feature for feature in (*attributes, *quantities) if feature.classes)
    return NodeType(name, classes, found)


def _measured_on(ontology: Ontology, quantity: Quantity, object_class: str) -> bool:
    line = {object_class, *ontology.ancestors(object_class)}
    return not line.isdisjoint(quantity.object_classes)


def _of_attribute(known: Attribute, classes: tuple[str, ...]) -> Feature:
    return Feature(
        known.name,
        "attribute",
        known.unit,
        known.normalisation,
        known.minimum,
        known.maximum,
        known.datatype == "integer",
        classes,
    )


def _of_quantity(known: Quantity, classes: tuple[str, ...]) -> Feature:
    return Feature(
        known.name,
        "quantity",
        known.unit,
        known.normalisation,
        known.minimum,
        known.maximum,
        known.integer,
        classes,
    )
