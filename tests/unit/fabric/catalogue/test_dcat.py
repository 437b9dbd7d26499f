"""The catalogue as DCAT: a reader of RDF finds in it what was catalogued."""

from __future__ import annotations

import json

import pytest

from ranvier.fabric.catalogue import dcat
from ranvier.fabric.catalogue.dataset import Dataset, Field
from ranvier.fabric.catalogue.port import Entry
from ranvier.fabric.catalogue.quality import DAY_NS, QualityState, quality

rdflib = pytest.importorskip("rdflib", reason="rdflib comes with the ontology extra")
BASE = "https://twin.example/v1/catalogue/"
STATE = QualityState(
    received=4320, timely=4000, accepted=4320, series=1, first_ns=0, last_ns=DAY_NS, lags={0: 4320}
)
ENTRY = Entry(
    Dataset(
        "measurements", "Measurements", "NOC", "CC-BY-4.0", fields=(Field("value", "double", "percent"),),
        period_s=10.0, derived_from=("raw",),
    ),
    quality({0: STATE}, 10.0), 3,
)  # fmt: skip


def ask(document: dict[str, object], query: str) -> list[tuple[str, ...]]:
    graph = rdflib.Graph().parse(data=json.dumps(document), format="json-ld")
    prefixes = "PREFIX rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#>\n"
    prefixes += "".join(f"PREFIX {name}: <{iri}>\n" for name, iri in dcat.CONTEXT.items())
    return sorted(tuple(str(term) for term in row) for row in graph.query(prefixes + query))


def test_a_dataset_says_whose_it_is_and_under_which_licence() -> None:
    found = ask(
        dcat.dataset(ENTRY, BASE),
        "SELECT ?d ?who ?licence { ?d a dcat:Dataset; dct:publisher/foaf:name ?who; dct:license ?licence }",
    )
    assert found == [(BASE + "measurements", "NOC", "https://spdx.org/licenses/CC-BY-4.0")]


def test_every_figure_is_a_quality_measurement_of_a_defined_metric() -> None:
    found = ask(
        dcat.catalogue([ENTRY], BASE, "default"),
        """SELECT ?name ?value { ?d dqv:hasQualityMeasurement ?m . ?m dqv:isMeasurementOf ?metric;
           dqv:value ?value . ?metric a dqv:Metric; rdfs:label ?name }""",
    )
    values = {name: float(value) for name, value in found}
    assert values == pytest.approx({"completeness": 0.5, "timeliness": 4000 / 4320, "validity": 1.0})


def test_a_figure_that_is_not_defined_is_left_out() -> None:
    bare = Entry(ENTRY.dataset, quality({}, 10.0), 0)
    assert ask(dcat.dataset(bare, BASE), "SELECT ?m { ?d dqv:hasQualityMeasurement ?m }") == []


def test_the_time_that_the_data_cover_and_their_period_are_typed() -> None:
    found = ask(
        dcat.dataset(ENTRY, BASE),
        """SELECT ?s ?e ?p (datatype(?p) AS ?t)
           { ?d dct:temporal [dcat:startDate ?s; dcat:endDate ?e]; dcat:temporalResolution ?p }""",
    )
    ((start, end, period, kind),) = found
    assert start.startswith("1970-01-01T00:00:00")
    assert end.startswith("1970-01-02T00:00:00")
    assert (period, kind) == ("PT10S", "http://www.w3.org/2001/XMLSchema#duration")


def test_the_distribution_carries_the_schema_in_order() -> None:
    found = ask(
        dcat.dataset(ENTRY, BASE),
        """SELECT ?name ?type ?unit { ?d dcat:distribution/csvw:tableSchema/csvw:column ?columns .
           ?columns rdf:rest*/rdf:first ?c . ?c csvw:name ?name; csvw:datatype ?type; rv:unit ?unit }""",
    )
    assert found == [("value", "double", "percent")]


def test_what_it_was_derived_from_is_linked_and_all_belong_to_one_catalogue() -> None:
    found = ask(
        dcat.catalogue([ENTRY], BASE, "default"),
        "SELECT ?from { ?c a dcat:Catalog; dcat:dataset/prov:wasDerivedFrom ?from }",
    )
    assert found == [(BASE + "raw",)]


def test_a_licence_that_spdx_does_not_have_stands_as_its_url() -> None:
    entry = Entry(Dataset("d", "D", "NOC", "https://example.org/licence"), ENTRY.quality, 0)
    assert dcat.dataset(entry, BASE)["dct:license"] == {"@id": "https://example.org/licence"}
