"""From the graph of the Turtle files to the `Ontology` that the platform loads."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
from rdflib import DCTERMS, OWL, RDF, RDFS, Graph
from rdflib.term import Node

from ranvier.ontology.compile.turtle import (
    DOMAIN,
    RV,
    local,
    names,
    number,
    text,
    texts,
    union,
)
from ranvier.ontology.ontology import (
    Attribute,
    ObjectClass,
    Ontology,
    Quantity,
    RelationType,
    Unit,
)


def lower(parts: dict[str, Graph]) -> Ontology:
    """The ontology of all domains. `parts` has passed the shapes; every term is sorted by name."""
    whole = union(parts)
    origin = {subject: name for name, part in parts.items() for subject in part.subjects(RDF.type)}
    units = {unit.symbol: unit for unit in (_unit(whole, one) for one in whole.subjects(RDF.type, RV.Unit))}
    found = Ontology(
        version="",
        classes=_classes(whole, origin),
        relations=_sorted(_relation(whole, one, origin) for one in whole.subjects(RDF.type, RV.Relation)),
        quantities=_sorted(_quantity(whole, one, origin) for one in whole.subjects(RDF.type, RV.Quantity)),
        attributes=_sorted(_attribute(whole, one) for one in whole.subjects(RDF.type, RV.Attribute)),
        units=dict(sorted(units.items())),
        spellings=dict(sorted((word, one.symbol) for one in units.values() for word in one.synonyms)),
        aliases=dict(sorted((a, local(c)) for c, a in _pairs(whole, RV.alias))),
        domains={name: text(whole, DOMAIN[name], RDFS.label) for name in parts},
    )
    return msgspec.structs.replace(found, version=_digest(found))


def to_json(ontology: Ontology) -> bytes:
    """The compiled form, one term a line so that a change can be read in a diff."""
    sections = []
    for section in ontology.__struct_fields__:
        value = getattr(ontology, section)
        if isinstance(value, dict):
            lines = ",\n".join(f"{_json(name)}:{_json(term)}" for name, term in value.items())
            sections.append(f'"{section}":{{\n{lines}\n}}')
        else:
            sections.append(f'"{section}":{_json(value)}')
    return ("{\n" + ",\n".join(sections) + "\n}\n").encode()


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _digest(ontology: Ontology) -> str:
    """A version that changes with any term."""
    return hashlib.sha256(to_json(ontology)).hexdigest()[:12]


def _sorted(terms: Any) -> dict[str, Any]:
    return {term.name: term for term in sorted(terms, key=lambda term: str(term.name))}


def _pairs(graph: Graph, predicate: Any) -> list[tuple[Node, str]]:
    return [(subject, str(found)) for subject, found in graph.subject_objects(predicate)]


def _symbol(graph: Graph, subject: Node) -> str:
    unit = graph.value(subject, RV.unit)
    return "" if unit is None else text(graph, unit, RV.symbol)


def _flag(graph: Graph, subject: Node, predicate: Any) -> bool:
    return text(graph, subject, predicate) == "true"


def _unit(graph: Graph, one: Node) -> Unit:
    return Unit(
        symbol=text(graph, one, RV.symbol),
        label=text(graph, one, RDFS.label),
        synonyms=texts(graph, one, RV.synonym),
        dimension=text(graph, one, RV.dimension),
        numerator=int(text(graph, one, RV.numerator, "1")),
        denominator=int(text(graph, one, RV.denominator, "1")),
    )


def _quantity(graph: Graph, one: Node, origin: dict[Node, str]) -> Quantity:
    weight = graph.value(one, RV.weight)
    aggregate = text(graph, one, RV.aggregate)
    return Quantity(
        name=local(one),
        label=text(graph, one, RDFS.label),
        unit=_symbol(graph, one),
        object_classes=names(graph, one, RV.measuredOn) + names(graph, one, RV.alsoMeasuredOn),
        collection=local(graph.value(one, RV.collection) or RV.GAUGE),  # type: ignore[arg-type]
        source="; ".join(texts(graph, one, DCTERMS.source)),
        weight=None if weight is None else local(weight),
        minimum=number(graph, one, RV.minimum),
        maximum=number(graph, one, RV.maximum),
        sentinels=tuple(sorted(float(value) for value in texts(graph, one, RV.sentinel))),
        integer=_flag(graph, one, RV.integer),
        tolerance=number(graph, one, RV.tolerance),
        aggregate=aggregate or None,  # type: ignore[arg-type]
        split_by=texts(graph, one, RV.splitBy),
        normalisation=text(graph, one, RV.normalisation) or _scale(_symbol(graph, one)),
        domain=origin[one],
    )


def _scale(unit: str) -> str:
    """How a feature in this unit is brought to scale where the Turtle file does not say."""
    if unit == "%":
        return "minmax"
    return "standard" if unit in {"dB", "dBm", "dBi", "Cel", "deg", "V", "A", "km/h"} else "log1p"


def _attribute(graph: Graph, one: Node) -> Attribute:
    return Attribute(
        name=local(one),
        label=text(graph, one, RDFS.label),
        datatype=text(graph, one, RV.datatype),  # type: ignore[arg-type]
        unit=_symbol(graph, one),
        source="; ".join(texts(graph, one, DCTERMS.source)),
        minimum=number(graph, one, RV.minimum),
        maximum=number(graph, one, RV.maximum),
        one_of=tuple(sorted(texts(graph, one, RV.oneOf), key=_in_order)),
        normalisation=text(graph, one, RV.normalisation, "none"),
    )


def _in_order(value: str) -> tuple[float, str]:
    """Numbers by their value, words by their letters."""
    return (float(value), value) if value.isdigit() else (0.0, value)


def _relation(graph: Graph, one: Node, origin: dict[Node, str]) -> RelationType:
    return RelationType(
        name=local(one),
        label=text(graph, one, RDFS.label),
        sources=names(graph, one, RV["from"]),
        targets=names(graph, one, RV.to),
        functional=text(graph, one, RV.functionalAt) or None,  # type: ignore[arg-type]
        source="; ".join(texts(graph, one, DCTERMS.source)),
        tensor=_flag(graph, one, RV.tensorEdge),
        domain=origin[one],
    )


def _classes(graph: Graph, origin: dict[Node, str]) -> dict[str, ObjectClass]:
    """Classes of nodes: every owl:Class but those of the vocabulary itself."""
    ours = [one for one in graph.subjects(RDF.type, OWL.Class) if origin.get(one) != "vocabulary"]
    return _sorted(_class(graph, one, origin) for one in ours)


def _class(graph: Graph, one: Node, origin: dict[Node, str]) -> ObjectClass:
    line = _line(graph, one)
    parent = graph.value(one, RDFS.subClassOf)
    return ObjectClass(
        name=local(one),
        label=text(graph, one, RDFS.label),
        parent=None if parent is None else local(parent),
        domain=origin[one],
        source="; ".join(texts(graph, one, DCTERMS.source)),
        attributes={
            local(attribute): _symbol(graph, attribute) for attribute in _of(graph, line, RV.attributeOf)
        },
        required=tuple(local(attribute) for attribute in _of(graph, line, RV.requiredOf)),
        expected=tuple(local(attribute) for attribute in _of(graph, line, RV.expectedOf)),
        abstract=_flag(graph, one, RV.abstract),
        aliases=texts(graph, one, RV.alias),
        tensor=text(graph, one, RV.tensorNode),
    )


def _line(graph: Graph, one: Node) -> list[Node]:
    """The class and its ancestors."""
    line = [one]
    while (parent := graph.value(line[-1], RDFS.subClassOf)) is not None and parent not in line:
        line.append(parent)
    return line


def _of(graph: Graph, line: list[Node], predicate: Any) -> list[Node]:
    """Attributes that point to any class of the line, sorted by name."""
    return sorted({found for one in line for found in graph.subjects(predicate, one)}, key=str)
