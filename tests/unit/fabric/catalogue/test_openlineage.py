"""Run events, held to what the OpenLineage object model 2-0-2 demands."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator, FormatChecker

from ranvier.fabric.catalogue import openlineage
from ranvier.fabric.catalogue.dataset import Dataset, Field
from ranvier.fabric.catalogue.lineage_folder import LineageFolder
from ranvier.fabric.catalogue.port import Entry
from ranvier.fabric.catalogue.quality import DAY_NS, QualityState, quality
from ranvier.fabric.catalogue.run import Run, SourceFile

TEXT = {"type": "string"}
URI = {"type": "string", "format": "uri", "pattern": "^[a-z]+:"}
FACETS = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "properties": {"_producer": URI, "_schemaURL": URI},
        "required": ["_producer", "_schemaURL"],
    },
}
# The facets of the standard that are used, with what their schemas demand.
FACETS_OF_DATASETS = {
    **FACETS,
    "properties": {
        "schema": {"properties": {"fields": {"type": "array", "items": {"required": ["name"]}}}},
        "ownership": {"properties": {"owners": {"type": "array", "items": {"required": ["name"]}}}},
        "documentation": {"required": ["description"]},
    },
}
FACETS_OF_INPUTS = {
    **FACETS,
    "properties": {
        "dataQualityMetrics": {
            "required": ["columnMetrics"],
            "properties": {"rowCount": {"type": "integer"}, "bytes": {"type": "integer"}},
        }
    },
}
FACETS_OF_OUTPUTS = {**FACETS, "properties": {"outputStatistics": {"required": ["rowCount"]}}}
FACETS_OF_RUNS = {
    **FACETS,
    "properties": {
        "errorMessage": {"required": ["message", "programmingLanguage"]},
        "processing_engine": {"required": ["version"]},
    },
}


def _dataset(kind: str, facets: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"namespace": TEXT, "name": TEXT, "facets": FACETS_OF_DATASETS, kind: facets},
        "required": ["namespace", "name"],
        "additionalProperties": False,
    }


RUN_EVENT = {
    "type": "object",
    "properties": {
        "eventType": {"enum": ["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"]},
        "eventTime": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"},
        "producer": URI,
        "schemaURL": {"const": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"},
        "run": {
            "type": "object",
            "properties": {"runId": {"type": "string", "format": "uuid"}, "facets": FACETS_OF_RUNS},
            "required": ["runId"],
        },
        "job": {
            "type": "object",
            "properties": {"namespace": TEXT, "name": TEXT, "facets": FACETS},
            "required": ["namespace", "name"],
        },
        "inputs": {"type": "array", "items": _dataset("inputFacets", FACETS_OF_INPUTS)},
        "outputs": {"type": "array", "items": _dataset("outputFacets", FACETS_OF_OUTPUTS)},
    },
    "required": ["eventTime", "producer", "schemaURL", "run", "job"],
    "additionalProperties": False,
}
VALIDATOR = Draft202012Validator(RUN_EVENT, format_checker=FormatChecker())

RUN = Run(
    str(uuid.UUID(int=7)), "ingest", "COMPLETE", DAY_NS, (), ("measurements",), 2 * DAY_NS,
    description="Reads PM files", network="emulated",
)  # fmt: skip
ENTRY = Entry(
    Dataset("measurements", "KPIs", "NOC", "CC-BY-4.0", "By cell", (Field("value", "double", "dBm"),)),
    quality({0: QualityState(received=8, accepted=2, refused=2)}, None), 1,
)  # fmt: skip
FILE = SourceFile("a.xml", "00ff", 1234, "pm-file", DAY_NS, RUN.run_id, 2, 1, 0, DAY_NS)


@pytest.mark.parametrize("state", ["START", "RUNNING", "COMPLETE", "ABORT", "FAIL"])
def test_an_event_of_every_state_is_a_run_event(state: str) -> None:
    run = msgspec.structs.replace(RUN, state=state)
    event = msgspec.to_builtins(openlineage.run_event(run, [ENTRY], [ENTRY], [FILE]))
    assert [error.message for error in VALIDATOR.iter_errors(event)] == []


def test_the_check_refuses_an_event_without_its_run() -> None:
    event = openlineage.run_event(RUN, [], [])
    del event["run"]
    assert list(VALIDATOR.iter_errors(event))


def test_a_source_file_is_an_input_with_its_hash_and_its_rows() -> None:
    (source,) = openlineage.run_event(RUN, [], [ENTRY], [FILE])["inputs"]
    assert source["name"] == "a.xml"
    assert source["facets"]["ranvier_sourceFile"]["sha256"] == "00ff"
    assert source["inputFacets"]["dataQualityMetrics"]["rowCount"] == 3


def test_an_event_takes_place_when_its_run_got_there() -> None:
    began = msgspec.structs.replace(RUN, state="START", ended_at_ns=0)
    assert openlineage.run_event(began, [], [])["eventTime"].startswith("1970-01-02")
    assert openlineage.run_event(RUN, [], [])["eventTime"].startswith("1970-01-03")


def test_a_failed_run_says_why() -> None:
    failed = msgspec.structs.replace(RUN, state="FAIL", error="disk full")
    assert openlineage.run_event(failed, [], [])["run"]["facets"]["errorMessage"]["message"] == "disk full"


def test_tenants_and_networks_have_namespaces_of_their_own() -> None:
    assert openlineage.run_event(RUN, [], [])["job"]["namespace"] == "ranvier://default/emulated"


def test_a_folder_keeps_one_file_a_day_of_one_event_a_line(tmp_path: Path) -> None:
    folder = LineageFolder(tmp_path / "lineage")
    event = openlineage.run_event(RUN, [], [ENTRY])
    path = folder.emit(event, DAY_NS)
    assert folder.emit(event, DAY_NS + 5) == path
    assert folder.emit(event, 2 * DAY_NS) != path
    lines = path.read_bytes().splitlines()
    assert [msgspec.json.decode(line) for line in lines] == [event, event]


def test_a_folder_forgets_files_older_than_it_is_told_to_keep(tmp_path: Path) -> None:
    folder = LineageFolder(tmp_path, keep_days=2)
    old = folder.emit({}, DAY_NS)
    kept = folder.emit({}, 2 * DAY_NS)
    folder.emit({}, 4 * DAY_NS)
    assert (old.exists(), kept.exists()) == (False, True)
