"""JSON Schemas (2020-12) of the events, with the ontology's classes, names, units and bounds in them.

They describe `data` of the CloudEvents that the fabric takes in: the measurement report, the change of a
node, the change of a relation, and the alarm. A producer can check its events before it sends them.
"""

from __future__ import annotations

import re
from typing import Any

from ranvier.ontology.graph_schema import graph_schema
from ranvier.ontology.ontology import Attribute, ObjectClass, Ontology, Quantity

Schema = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TEXT: Schema = {"type": "string"}
_NAME: Schema = {"type": "string", "minLength": 1}
_SCALAR: Schema = {"type": ["string", "number", "boolean", "null"]}
_TIME: Schema = {
    "type": "integer",
    "minimum": -(2**63),
    "maximum": 2**63 - 1,
    "description": "Nanoseconds since the Unix epoch, UTC.",
}
_WHOSE: Schema = {
    "tenant": {"type": "string", "minLength": 1, "default": "default"},
    "network": {"type": "string", "minLength": 1, "default": "default"},
    "source": {"type": "string", "description": "The file or feed that it came from."},
}
_OP: Schema = {"enum": ["upsert", "remove"], "default": "upsert"}


def event_schemas(ontology: Ontology) -> dict[str, Schema]:
    """The schema of `data` for each CloudEvents type that comes in, by that type."""
    return {
        "ranvier.measurement-report.v1": _measurement_report(ontology),
        "ranvier.node-change.v1": _node_change(ontology),
        "ranvier.relation-change.v1": _relation_change(ontology),
        "ranvier.alarm.v1": _alarm(ontology),
    }


def _schema(ontology: Ontology, name: str, title: str, body: Schema) -> Schema:
    return {
        "$schema": _DIALECT,
        "$id": f"urn:ranvier:schema:{name}:{ontology.version}",
        "title": title,
        "type": "object",
        **body,
    }


def _when(field: str, value: str, then: Schema) -> Schema:
    """`then` holds where `field` has `value`."""
    return {"if": {"properties": {field: {"const": value}}, "required": [field]}, "then": then}


# ---------------------------------------------------------------- measurements
def _measurement_report(ontology: Ontology) -> Schema:
    """Which quantities a class has, and their bounds; any other name is refused."""
    measured = {name: _of_class(ontology, name) for name in _concrete(ontology)}
    classes = [name for name, quantities in measured.items() if quantities]
    body: Schema = {
        "required": ["object_id", "object_class", "start_ns", "end_ns", "values"],
        "properties": {
            "object_id": {**_NAME, "description": "Distinguished name (TS 32.300)."},
            "object_class": {"enum": classes},
            "start_ns": _TIME,
            "end_ns": _TIME,
            "values": {"type": "object", "description": "Quantity to value, in the quantity's unit."},
            "suspect": {"type": "boolean", "default": False},
            "revision": {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1, "default": 0},
            "origin": {"type": "string", "pattern": "^(observed|run:.+)$", "default": "observed"},
            **_WHOSE,
        },
        "allOf": [
            _when("object_class", name, {"properties": {"values": _values(measured[name])}})
            for name in classes
        ],
        "$defs": {
            known.name: _value(known) for known in ontology.quantities.values() if known.object_classes
        },
    }
    return _schema(ontology, "measurement-report", "All measurements of one object over one period", body)


def _concrete(ontology: Ontology) -> list[str]:
    return [known.name for known in ontology.classes.values() if not known.abstract]


def _of_class(ontology: Ontology, name: str) -> list[Quantity]:
    line = {name, *ontology.ancestors(name)}
    return [known for known in ontology.quantities.values() if not line.isdisjoint(known.object_classes)]


def _values(quantities: list[Quantity]) -> Schema:
    """The values of one class: its quantities, and the subcounters of those that are split."""
    return {
        "properties": {known.name: {"$ref": f"#/$defs/{known.name}"} for known in quantities},
        "patternProperties": {
            f"^{re.escape(known.name)}[._].+$": {"$ref": f"#/$defs/{known.name}"}
            for known in quantities
            if known.split_by
        },
        "additionalProperties": False,
    }


def _value(known: Quantity) -> Schema:
    """A value of one quantity. Sentinels lie out of its bounds, so the bounds refuse them too."""
    found: Schema = {
        "type": "number",
        "title": known.label,
        "description": f"{known.source}; {known.collection}",
        "x-unit": known.unit,
    }
    return {**found, **_bounds(known)}


def _bounds(known: Quantity | Attribute) -> Schema:
    found: Schema = {}
    if known.minimum is not None:
        found["minimum"] = known.minimum
    if known.maximum is not None:
        found["maximum"] = known.maximum
    return found


# ---------------------------------------------------------------- topology
def _node_change(ontology: Ontology) -> Schema:
    rules = graph_schema(ontology).nodes
    body: Schema = {
        "required": ["kind", "node_id", "node_class", "valid_from_ns"],
        "properties": {
            "kind": {"const": "node"},
            "node_id": {**_NAME, "description": "Distinguished name (TS 32.300)."},
            "node_class": {"enum": list(rules)},
            "valid_from_ns": _TIME,
            "properties": {"type": "object", "additionalProperties": _SCALAR},
            "op": _OP,
            **_WHOSE,
        },
        "allOf": [_when("node_class", name, _properties(ontology.classes[name])) for name in rules],
        "$defs": {known.name: _property(known) for known in ontology.attributes.values()},
    }
    return _schema(ontology, "node-change", "A managed object that came, changed or went", body)


def _properties(known: ObjectClass) -> Schema:
    """What the properties of a class are; where it requires some, an upsert must bring them."""
    shape: Schema = {
        "properties": {
            "properties": {"properties": {name: {"$ref": f"#/$defs/{name}"} for name in known.attributes}}
        }
    }
    if not known.required:
        return shape
    gone = {"properties": {"op": {"const": "remove"}}, "required": ["op"]}
    whole = {"required": ["properties"], "properties": {"properties": {"required": list(known.required)}}}
    return {**shape, "anyOf": [gone, whole]}


def _property(known: Attribute) -> Schema:
    """One property; null says that it is not known."""
    found: Schema = {"type": [known.datatype, "null"], "title": known.label, **_bounds(known)}
    if known.unit:
        found["x-unit"] = known.unit
    if known.one_of:
        legal: list[Any] = [int(value) if known.datatype == "integer" else value for value in known.one_of]
        found["enum"] = [*legal, None]
    return found


def _relation_change(ontology: Ontology) -> Schema:
    """Relations by name. The classes of the ends are not in the event: the graph store knows them."""
    body: Schema = {
        "required": ["kind", "relation", "source_id", "target_id", "valid_from_ns"],
        "properties": {
            "kind": {"const": "relation"},
            "relation": {
                "oneOf": [
                    {
                        "const": known.name,
                        "title": known.label,
                        "description": f"{' or '.join(known.sources)} to {' or '.join(known.targets)}",
                    }
                    for known in ontology.relations.values()
                ]
            },
            "source_id": _NAME,
            "target_id": _NAME,
            "valid_from_ns": _TIME,
            "properties": {"type": "object", "additionalProperties": _SCALAR},
            "op": _OP,
            **_WHOSE,
        },
    }
    return _schema(ontology, "relation-change", "A relation that came, changed or went", body)


# ---------------------------------------------------------------- alarms
def _alarm(ontology: Ontology) -> Schema:
    body: Schema = {
        "required": [
            "alarm_id", "object_id", "object_class", "event_time_ns",
            "perceived_severity", "alarm_type", "probable_cause",
        ],
        "properties": {
            "alarm_id": _NAME,
            "object_id": _NAME,
            "object_class": {"enum": _concrete(ontology)},
            "event_time_ns": _TIME,
            "perceived_severity": {"enum": list(ontology.attributes["perceivedSeverity"].one_of)},
            "alarm_type": {"enum": list(ontology.attributes["alarmType"].one_of)},
            "probable_cause": _TEXT,
            "specific_problem": _TEXT,
            "additional_text": _TEXT,
            **_WHOSE,
        },
    }  # fmt: skip
    return _schema(ontology, "alarm", "An alarm raised, changed or cleared (TS 28.111)", body)
