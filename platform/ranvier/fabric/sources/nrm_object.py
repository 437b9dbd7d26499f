"""`NrmObject`: one managed object of a configuration snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from ranvier.fabric.sources.distinguished_name import escaped, joined, parts
from ranvier.fabric.topology_change import Scalar
from ranvier.ontology.errors import OntologyError
from ranvier.ontology.ontology import Attribute, Ontology

_OWN = {"id", "attributes", "objectClass", "objectInstance", "dn"}


@dataclass(frozen=True, slots=True)
class NrmObject:
    """`attributes` as they came; `properties` the same as scalars; `below` may hold further objects."""

    node_id: str
    node_class: str
    parent: str
    attributes: dict[str, Any]
    properties: dict[str, Scalar]
    below: dict[str, Any]

    @staticmethod
    def of(value: Any, object_class: str, parent: str, ontology: Ontology) -> NrmObject:
        """The object that a JSON object describes. Raises ValueError or OntologyError where it is none."""
        if not isinstance(value, dict):
            raise ValueError(f"expected an object; got {type(value).__name__}; see docs/sources.md")
        name = value.get("objectInstance") or value.get("dn")
        identity = value.get("id")
        if isinstance(name, str) and name:
            node_id = name
            if object_class and identity is not None and parts(name)[-1].partition("=")[0] != object_class:
                node_id = joined(name, f"{object_class}={escaped(str(identity))}")
        elif isinstance(identity, str | int) and str(identity).strip():
            node_id = joined(parent, f"{object_class}={escaped(str(identity))}")
        else:
            raise ValueError("expected an id, or an objectInstance; got neither; name the object")
        node_class = ontology.class_of(node_id)
        given = value.get("attributes")
        attributes = given if isinstance(given, dict) else {
            key: item for key, item in value.items() if key not in _OWN and not _objects(item)
        }  # fmt: skip
        below = {key: item for key, item in value.items() if key not in _OWN and _objects(item)}
        properties = {key: _scalar(item) for key, item in attributes.items()}
        return NrmObject(node_id, node_class, ",".join(parts(node_id)[:-1]), attributes, properties, below)

    def alone(self) -> dict[str, Any]:
        """The object in JSON without what is below it."""
        return {
            "objectClass": self.node_class, "objectInstance": self.node_id, "attributes": self.attributes,
        }  # fmt: skip

    def check(self, ontology: Ontology) -> None:
        """Raises OntologyError where an attribute that the class has cannot hold this value."""
        known = ontology.classes[self.node_class].attributes
        for name, value in self.attributes.items():
            if name in known and name in ontology.attributes and value is not None:
                _check(ontology.attributes[name], value)


def _check(attribute: Attribute, value: Any) -> None:
    if attribute.datatype in {"integer", "number"}:
        good = isinstance(value, int | float) and not isinstance(value, bool)
        good = good and (attribute.minimum is None or value >= attribute.minimum)
        good = good and (attribute.maximum is None or value <= attribute.maximum)
        expected = f"{attribute.name} as {attribute.datatype} in [{attribute.minimum}, {attribute.maximum}]"
    elif attribute.one_of:
        good, expected = value in attribute.one_of, f"{attribute.name} among {', '.join(attribute.one_of)}"
    else:
        return
    if not good:
        raise OntologyError(expected, repr(value)[:200], "correct the configuration, or the ontology")


def _objects(value: Any) -> bool:
    """Whether it holds objects with names of their own."""
    listed = value if isinstance(value, list) else [value]
    return any(isinstance(item, dict) and ("id" in item or "objectInstance" in item) for item in listed)


def _scalar(value: Any) -> Scalar:
    """Lists and structures as JSON text."""
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return msgspec.json.encode(value).decode()
