"""The Turtle files as one graph, and the words they are written in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rdflib import OWL, RDF, Graph, Literal, Namespace, URIRef
from rdflib.term import Node

from ranvier.ontology.errors import InputError

DATA = Path(__file__).resolve().parent.parent / "data"

RV = Namespace("urn:ranvier:ontology:")
Q = Namespace("urn:ranvier:quantity:")
UNIT = Namespace("urn:ranvier:unit:")
ATTR = Namespace("urn:ranvier:attribute:")
DOMAIN = Namespace("urn:ranvier:domain:")
ROOT = str(DOMAIN["ranvier"])


def read(path: Path) -> Graph:
    """One Turtle file. Raises InputError with the file and what the parser says."""
    try:
        return Graph().parse(path, format="turtle")
    except Exception as error:
        raise InputError(
            f"Turtle in {path.name}", " ".join(str(error).split()), "correct the file"
        ) from error


def domains(folder: Path = DATA, more: Sequence[Path] = ()) -> dict[str, Graph]:
    """Each domain's own graph, by the domain's name, in order of name; `more`: files from elsewhere."""
    return {
        path.stem: read(path) for path in sorted([*folder.glob("*.ttl"), *more], key=lambda path: path.stem)
    }


def union(parts: dict[str, Graph]) -> Graph:
    """All domains as one graph."""
    whole = Graph()
    for part in parts.values():
        for triple in part:
            whole.add(triple)
    return whole


def missing_imports(parts: dict[str, Graph]) -> list[str]:
    """Headers and imports that do not fit together, as sentences; empty when they do."""
    known = {str(DOMAIN[name]) for name in parts}
    found = [
        f"{name}.ttl has no owl:Ontology header <{DOMAIN[name]}>"
        for name, part in parts.items()
        if (DOMAIN[name], RDF.type, OWL.Ontology) not in part
    ]
    for name, part in parts.items():
        imports = {str(one) for one in part.objects(DOMAIN[name], OWL.imports)}
        found += [f"{name}.ttl imports <{wanted}>, which is not here" for wanted in sorted(imports - known)]
    return found


def left_out(parts: dict[str, Graph], more: Sequence[Path] = ()) -> list[str]:
    """Domains that neither ranvier.ttl nor a file of `more` imports, directly or not, as sentences."""
    reached: set[str] = set()
    ahead = [ROOT, *(str(DOMAIN[path.stem]) for path in more)]
    while ahead:
        one = ahead.pop()
        if one not in reached and local(URIRef(one)) in parts:
            reached.add(one)
            ahead += [str(wanted) for wanted in parts[local(URIRef(one))].objects(URIRef(one), OWL.imports)]
    return [
        f"{name}.ttl is not imported by ranvier.ttl" for name in parts if str(DOMAIN[name]) not in reached
    ]


def local(term: Node) -> str:
    """The name at the end of one of our IRIs."""
    return str(term).rsplit(":", 1)[-1]


def text(graph: Graph, subject: Node, predicate: URIRef, default: str = "") -> str:
    """One literal as text."""
    value = graph.value(subject, predicate)
    return default if value is None else str(value)


def number(graph: Graph, subject: Node, predicate: URIRef) -> float | None:
    """One literal as a number, or None."""
    value = graph.value(subject, predicate)
    return float(value) if isinstance(value, Literal) else None


def names(graph: Graph, subject: Node, predicate: URIRef) -> tuple[str, ...]:
    """The names of all the terms a subject points to, sorted."""
    return tuple(sorted(local(found) for found in graph.objects(subject, predicate)))


def texts(graph: Graph, subject: Node, predicate: URIRef) -> tuple[str, ...]:
    """All literals as text, sorted."""
    return tuple(sorted(str(found) for found in graph.objects(subject, predicate)))
