"""A network's graph in RDF against the shapes made from the ontology."""

from __future__ import annotations

import pytest

from ranvier.ontology.ontology import load

pytest.importorskip("pyshacl", reason="the extra `ontology` (rdflib, pyshacl) is not installed")

from ranvier.ontology.compile.instances import check_graph, to_rdf
from ranvier.ontology.finding import Finding

ONTOLOGY = load()
CELL = {"cellLocalId": 1, "nRPCI": 7, "arfcnDL": 632628, "ssbFrequency": 632628, "bSChannelBwDL": 40.0}
NODES = [
    ("SubNetwork=a", "SubNetwork", {}),
    ("SubNetwork=a,NRCellDU=1", "NRCellDU", CELL),
    ("SubNetwork=a,NRCellDU=2", "NRCellDU", {**CELL, "userLabel": None}),
    ("Site=1", "Site", {"latitude": 51.9, "longitude": -8}),
    ("UE=1", "UE", {}),
    ("UEBin=1", "UEBin", {"latitude": 51.9, "longitude": -8.4}),
]
RELATIONS = [
    ("contains", "SubNetwork=a", "SubNetwork=a,NRCellDU=1"),
    ("serves", "SubNetwork=a,NRCellDU=1", "UE=1"),
    ("interferes", "SubNetwork=a,NRCellDU=2", "UE=1"),
    ("adjacent", "SubNetwork=a,NRCellDU=1", "SubNetwork=a,NRCellDU=2"),
    ("locatedAt", "SubNetwork=a,NRCellDU=1", "Site=1"),
]


def _found(nodes=NODES, relations=RELATIONS) -> list[Finding]:
    return check_graph(ONTOLOGY, to_rdf(nodes, relations))


def _of(found: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.severity, finding.term) for finding in found]


def test_a_graph_that_keeps_to_the_ontology_has_no_findings() -> None:
    assert _found() == []


def test_a_partial_view_gets_warnings_only() -> None:
    found = _found([*NODES, ("NRCellDU=9", "NRCellDU", {"technology": "5G"})])
    assert {finding.severity for finding in found} == {"warning"}
    assert len(found) == len(ONTOLOGY.classes["NRCellDU"].expected)


@pytest.mark.parametrize(
    ("node", "relation", "term"),
    [
        (("x", "NRCellDU", {**CELL, "nRPCI": 1008}), None, "x"),
        (("x", "NRCellDU", {**CELL, "nRPCI": "7"}), None, "x"),
        (("x", "NRCellDU", {**CELL, "administrativeState": "ON"}), None, "x"),
        (("x", "UEBin", {"latitude": 1.0}), None, "x"),
        (("x", "UE", {}), ("serves", "x", "UE=1"), "x"),
        (("x", "NRCellDU", CELL), ("serves", "x", "UE=1"), "UE=1"),
        (("x", "Site", {"latitude": 1, "longitude": 1}), ("locatedAt", "SubNetwork=a,NRCellDU=1", "x"), None),
    ],
    ids=["bound", "type", "legal value", "required", "wrong end", "served twice", "two sites"],
)
def test_a_fault_is_found_at_its_node(node, relation, term) -> None:
    found = _found([*NODES, node], [*RELATIONS, *([relation] if relation else [])])
    assert ("error", term or "SubNetwork=a,NRCellDU=1") in _of(found)


def test_a_class_that_is_not_known_is_found() -> None:
    assert any("Gadget" in finding.problem for finding in _found([*NODES, ("x", "Gadget", {})]))
