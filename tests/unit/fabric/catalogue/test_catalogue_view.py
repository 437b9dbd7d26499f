"""What the API and the command line show of the catalogue."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from ranvier.fabric.catalogue.own_datasets import own_datasets
from ranvier.fabric.catalogue.port import Observation
from ranvier.fabric.catalogue.quality import DAY_NS, QualityState
from ranvier.fabric.catalogue.run import Run, SourceFile
from ranvier.fabric.catalogue.sqlite import SqliteCatalogue
from ranvier.fabric.catalogue.view import CatalogueView
from ranvier.ontology.errors import NotFound

RUN_ID = "00000000-0000-0000-0000-000000000001"


@pytest.fixture
def view():
    catalogue = SqliteCatalogue(Path(":memory:"))
    for dataset in own_datasets("NOC", "CC-BY-4.0", 0, 10.0):
        catalogue.register(dataset)
    catalogue.record(Run(RUN_ID, "ingest", "RUNNING", DAY_NS, outputs=("measurements",)))
    state = QualityState(received=5, timely=4, accepted=5, refused=5, series=1, first_ns=0, last_ns=10**11)
    file = SourceFile("a.xml", "00", 9, "pm-file", DAY_NS, RUN_ID, 5, 5)
    catalogue.observe([Observation("measurements", {0: state}, file)])
    yield CatalogueView(catalogue)
    catalogue.close()


def test_the_list_has_the_figures_that_the_command_line_prints(view: CatalogueView) -> None:
    rows = {row["id"]: row for row in view.page("default", None, 10)}
    assert rows["measurements"]["completeness"] == 0.5
    assert rows["measurements"]["timeliness"] == 0.8
    assert rows["measurements"]["validity"] == 0.5
    assert rows["alarms"]["validity"] is None
    assert {"title", "owner", "licence"} <= rows["alarms"].keys()


def test_a_dataset_shows_its_schema_and_its_latest_files(view: CatalogueView) -> None:
    shown = view.dataset("default", "measurements")
    assert [file["name"] for file in shown["latest_files"]] == ["a.xml"]
    assert "quantity" in {field["name"] for field in shown["fields"]}


def test_lineage_holds_the_events_of_the_run_and_its_files(view: CatalogueView) -> None:
    shown = view.lineage("default", "measurements")
    assert [event["eventType"] for event in shown["events"]] == ["START", "RUNNING"]
    assert shown["events"][0]["inputs"][0]["name"] == "a.xml"
    assert shown["files_total"] == 1


def test_scores_lead_back_to_measurements(view: CatalogueView) -> None:
    edges = view.lineage("default", "scores")["edges"]
    assert {"source": f"run:{RUN_ID}", "target": "dataset:measurements"} in edges


def test_every_form_is_plain_json(view: CatalogueView) -> None:
    for shown in (
        view.page("default", None, 10), view.dataset("default", "measurements"),
        view.dcat("default", None), view.dcat("default", "scores"), view.lineage("default", "scores"),
    ):  # fmt: skip
        assert json.loads(msgspec.json.encode(shown)) == shown


def test_the_whole_catalogue_lists_every_dataset(view: CatalogueView) -> None:
    assert len(view.dcat("default", None)["dcat:dataset"]) == 6


def test_what_is_not_there_is_not_found(view: CatalogueView) -> None:
    with pytest.raises(NotFound):
        view.dcat("default", "nothing")
    with pytest.raises(NotFound):
        view.dataset("other", "measurements")
