"""A network's graph as RDF, and its validation against the shapes made from the ontology."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import quote

from rdflib import RDF, RDFS, Graph, Literal, Namespace, URIRef

from ranvier.ontology.compile.shapes import validate
from ranvier.ontology.compile.turtle import ATTR, RV
from ranvier.ontology.finding import Finding
from ranvier.ontology.instance_shapes import instance_shapes
from ranvier.ontology.ontology import Ontology

NODE = Namespace("urn:ranvier:node:")

NodeRow = tuple[str, str, Mapping[str, str | int | float | bool | None]]
"""Id, class and properties of a node."""

RelationRow = tuple[str, str, str]
"""Relation, source id and target id."""


def to_rdf(nodes: Iterable[NodeRow], relations: Iterable[RelationRow]) -> Graph:
    """The graph in the ontology's words; a property that is None is left out."""
    graph = Graph()
    graph.bind("rv", RV)
    graph.bind("attr", ATTR)
    for node_id, node_class, properties in nodes:
        subject = iri(node_id)
        graph.add((subject, RDF.type, RV[node_class]))
        graph.add((subject, RV.id, Literal(node_id)))
        for name, value in properties.items():
            if value is not None:
                graph.add((subject, ATTR[quote(name)], Literal(value)))
    for relation, source, target in relations:
        graph.add((iri(source), RV[relation], iri(target)))
    return graph


def iri(node_id: str) -> URIRef:
    """The IRI of a node: its distinguished name, percent-encoded."""
    return NODE[quote(node_id, safe="=,._-")]


def check_graph(ontology: Ontology, graph: Graph) -> list[Finding]:
    """What a network's graph breaks of the ontology: errors, and warnings of what the standard expects."""
    shapes = Graph().parse(data=instance_shapes(ontology), format="turtle")
    parents = Graph()
    for known in ontology.classes.values():
        if known.parent is not None:
            parents.add((RV[known.name], RDFS.subClassOf, RV[known.parent]))
    strangers = [
        Finding("error", str(subject), f"expected a class of the ontology; got {str(found)[len(str(RV)) :]}")
        for subject, found in graph.subject_objects(RDF.type)
        if str(found).startswith(str(RV)) and str(found)[len(str(RV)) :] not in ontology.classes
    ]
    return strangers + validate(graph, shapes, parents)
