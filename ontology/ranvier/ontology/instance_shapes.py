"""SHACL shapes for a network's graph, made from the ontology: what a node and a relation must be.

The graph is RDF in the ontology's own words: `node a rv:NRCellDU ; rv:id "…" ; attr:nRPCI 7 ; rv:uses other`.
What a class requires is a violation where it is missing; what the standard expects of it, only a warning, for
a partial view of a network is still a view.
"""

from __future__ import annotations

from ranvier.ontology.ontology import Attribute, ObjectClass, Ontology, RelationType

_HEAD = """@prefix rv: <urn:ranvier:ontology:> .
@prefix attr: <urn:ranvier:attribute:> .
@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix shape: <urn:ranvier:shape:> .

# Made from the ontology by python -m ranvier.ontology.compile; do not edit.
"""

_TYPES = {
    "string": "sh:datatype xsd:string",
    "integer": "sh:datatype xsd:integer",
    "number": "sh:or ( [ sh:datatype xsd:integer ] [ sh:datatype xsd:decimal ] [ sh:datatype xsd:double ] )",
    "boolean": "sh:datatype xsd:boolean",
}


def instance_shapes(ontology: Ontology) -> str:
    """The shapes as Turtle, in order of name; the same text for the same ontology."""
    parts = [_HEAD]
    parts += [_class_shape(ontology, known) for known in ontology.classes.values()]
    parts += [_relation_shape(known) for known in ontology.relations.values()]
    return "\n".join(parts)


def _class_shape(ontology: Ontology, known: ObjectClass) -> str:
    """A node of the class has one id, what the class adds to its parent, and no abstract class as its own."""
    inherited = ontology.classes[known.parent] if known.parent else None
    lines = (
        [] if inherited else ['[ sh:path rv:id ; sh:minCount 1 ; sh:maxCount 1 ; sh:message "one rv:id" ]']
    )
    old = set(inherited.attributes) if inherited else set()
    lines += [
        f"[ sh:path attr:{name} ; sh:maxCount 1 ; {_value(ontology.attributes[name])} ]"
        for name in known.attributes
        if name not in old
    ]
    needed = set(known.required) - set(inherited.required if inherited else ())
    lines += [f'[ sh:path attr:{n} ; sh:minCount 1 ; sh:message "{n}" ]' for n in sorted(needed)]
    hoped = set(known.expected) - set(inherited.expected if inherited else ())
    lines += [
        f'[ sh:path attr:{n} ; sh:minCount 1 ; sh:severity sh:Warning ; sh:message "{n}" ]'
        for n in sorted(hoped)
    ]
    body = f" ;\n  sh:property {_joined(lines)}" if lines else ""
    return f"shape:{known.name} a sh:NodeShape ; sh:targetClass rv:{known.name}{body} .\n"


def _value(attribute: Attribute) -> str:
    """The constraint on the value of an attribute."""
    found = [_TYPES[attribute.datatype]]
    if attribute.minimum is not None:
        found.append(f"sh:minInclusive {_number(attribute.minimum)}")
    if attribute.maximum is not None:
        found.append(f"sh:maxInclusive {_number(attribute.maximum)}")
    if attribute.one_of:
        quote = "" if attribute.datatype == "integer" else '"'
        found.append("sh:in ( " + " ".join(f"{quote}{value}{quote}" for value in attribute.one_of) + " )")
    return " ; ".join(found)


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)


def _relation_shape(known: RelationType) -> str:
    """A relation starts and ends where it may, and once only at an end that is functional."""
    once = " ; sh:maxCount 1" if known.functional == "source" else ""
    sources, targets = " or ".join(known.sources), " or ".join(known.targets)
    shape = (
        f"shape:{known.name} a sh:NodeShape ; sh:targetSubjectsOf rv:{known.name} ;\n"
        f'  sh:or ( {_classes(known.sources)} ) ; sh:message "{known.name} from {sources}" ;\n'
        f"  sh:property [ sh:path rv:{known.name} ; sh:or ( {_classes(known.targets)} ){once} ;\n"
        f'    sh:message "{known.name} to {_one(known, "source")}{targets}" ] .\n'
    )
    if known.functional == "target":
        shape += (
            f"shape:{known.name}Once a sh:NodeShape ; sh:targetObjectsOf rv:{known.name} ;\n"
            f"  sh:property [ sh:path [ sh:inversePath rv:{known.name} ] ; sh:maxCount 1 ;\n"
            f'    sh:message "{known.name} from one node only" ] .\n'
        )
    return shape


def _one(known: RelationType, end: str) -> str:
    return "one " if known.functional == end else ""


def _classes(names: tuple[str, ...]) -> str:
    return " ".join(f"[ sh:class rv:{name} ]" for name in names)


def _joined(lines: list[str]) -> str:
    return ",\n    ".join(lines)
