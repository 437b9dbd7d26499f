"""SHACL: the Turtle files against their shapes, and a network's graph against the shapes of the ontology."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

import pyshacl
from rdflib import RDF, SH, Graph, URIRef
from rdflib.term import Node

from ranvier.ontology.compile.turtle import DATA, local, read
from ranvier.ontology.finding import Finding

ONTOLOGY_SHAPES = DATA / "shapes" / "ontology.ttl"
INSTANCE_SHAPES = DATA / "shapes" / "instances.ttl"


def validate(data: Graph, shapes: Path | Graph, ontology: Graph | None = None) -> list[Finding]:
    """What `data` breaks of `shapes`, sorted. `ontology` states the subclasses, where the data does not."""
    shapes_graph = read(shapes) if isinstance(shapes, Path) else shapes
    _, report, _ = pyshacl.validate(
        data, shacl_graph=shapes_graph, ont_graph=ontology, inference="none", allow_warnings=True
    )
    return sorted(
        (_finding(report, result) for result in report.subjects(RDF.type, SH.ValidationResult)),
        key=lambda finding: (finding.severity, finding.term, finding.problem),
    )


def _finding(report: Graph, result: Node) -> Finding:
    """One result as a finding."""
    node, value = report.value(result, SH.focusNode), report.value(result, SH.value)
    path, message = report.value(result, SH.resultPath), report.value(result, SH.resultMessage)
    violated = report.value(result, SH.resultSeverity) == SH.Violation
    at = f" ({local(path)})" if isinstance(path, URIRef) else ""
    got = f"; got {local(value)}" if value is not None and value != node else ""
    return Finding(
        "error" if violated else "warning", _name(node), f"expected {message or 'something else'}{at}{got}"
    )


def _name(node: Node | None) -> str:
    """The id of a node of a network's graph; the name of a term."""
    return "" if node is None else unquote(local(node))
