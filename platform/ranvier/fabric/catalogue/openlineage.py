"""Lineage as OpenLineage run events (object model 2-0-2): who read which files and wrote which datasets.

    Run, its datasets and files ► run_event ► NDJSON

Facets of the standard are used where there is one (schema, ownership, documentation, dataQualityMetrics,
outputStatistics, errorMessage, processing_engine); what it has none for are facets of our own, `ranvier_…`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ranvier.fabric.catalogue.dataset import Dataset
from ranvier.fabric.catalogue.iso_time import iso
from ranvier.fabric.catalogue.port import Entry
from ranvier.fabric.catalogue.quality import Quality
from ranvier.fabric.catalogue.run import Run, SourceFile

PRODUCER = "urn:ranvier:platform"
SPEC = "https://openlineage.io/spec"
SCHEMA_URL = f"{SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"
OWN_FACETS = "urn:ranvier:openlineage:facets:1"


def run_event(
    run: Run, inputs: Sequence[Entry], outputs: Sequence[Entry], files: Sequence[SourceFile] = ()
) -> dict[str, Any]:
    """The event of the state that the run is in. `files` are what it read, as inputs of their own.

    A run needs one event with START and one with COMPLETE, ABORT or FAIL; its time is when it got there.
    """
    return {
        "eventType": run.state,
        "eventTime": iso(run.ended_at_ns or run.started_at_ns),
        "producer": PRODUCER,
        "schemaURL": SCHEMA_URL,
        "run": {"runId": run.run_id, "facets": _run_facets(run)},
        "job": {"namespace": namespace(run.tenant, run.network), "name": run.job, "facets": _job_facets(run)},
        "inputs": [_input(entry) for entry in inputs] + [source(file, run) for file in files],
        "outputs": [_output(entry) for entry in outputs],
    }


def namespace(tenant: str, network: str) -> str:
    """The namespace of a tenant's jobs and datasets."""
    return f"ranvier://{tenant}/{network}"


def source(file: SourceFile, run: Run) -> dict[str, Any]:
    """A source file as an input dataset, with what was made of its records."""
    quality = _facet(
        "facets/1-0-2/DataQualityMetricsInputDatasetFacet.json#/$defs/DataQualityMetricsInputDatasetFacet",
        rowCount=file.accepted + file.refused, bytes=file.size_bytes, fileCount=1, columnMetrics={},
    )  # fmt: skip
    about = _own(
        "SourceFile", sha256=file.sha256, sizeBytes=file.size_bytes, adapter=file.adapter,
        accepted=file.accepted, refused=file.refused, receivedAt=iso(file.received_at_ns),
        **({"firstEvent": iso(file.first_ns), "lastEvent": iso(file.last_ns)} if file.last_ns else {}),
    )  # fmt: skip
    return {
        "namespace": f"{namespace(run.tenant, run.network)}/files",
        "name": file.name,
        "facets": {"ranvier_sourceFile": about},
        "inputFacets": {"dataQualityMetrics": quality},
    }


def _facet(place: str, **fields: Any) -> dict[str, Any]:
    return {"_producer": PRODUCER, "_schemaURL": f"{SPEC}/{place}", **fields}


def _own(name: str, **fields: Any) -> dict[str, Any]:
    return {"_producer": PRODUCER, "_schemaURL": f"{OWN_FACETS}#/$defs/{name}", **fields}


def _run_facets(run: Run) -> dict[str, Any]:
    engine = _facet(
        "facets/1-1-1/ProcessingEngineRunFacet.json#/$defs/ProcessingEngineRunFacet",
        name="ranvier", version="0",
    )  # fmt: skip
    if run.state != "FAIL":
        return {"processing_engine": engine}
    error = _facet(
        "facets/1-0-0/ErrorMessageRunFacet.json#/$defs/ErrorMessageRunFacet",
        message=run.error or "no reason was recorded", programmingLanguage="Python",
    )  # fmt: skip
    return {"processing_engine": engine, "errorMessage": error}


def _job_facets(run: Run) -> dict[str, Any]:
    if not run.description:
        return {}
    place = "facets/1-0-0/DocumentationJobFacet.json#/$defs/DocumentationJobFacet"
    return {"documentation": _facet(place, description=run.description)}


def _named(entry: Entry) -> dict[str, Any]:
    described = entry.dataset
    return {
        "namespace": namespace(described.tenant, described.network),
        "name": described.dataset_id,
        "facets": {**_dataset_facets(described), "ranvier_quality": _quality(entry.quality)},
    }


def _input(entry: Entry) -> dict[str, Any]:
    metrics = _facet(
        "facets/1-0-2/DataQualityMetricsInputDatasetFacet.json#/$defs/DataQualityMetricsInputDatasetFacet",
        rowCount=entry.quality.accepted, fileCount=entry.files, columnMetrics={},
    )  # fmt: skip
    return {**_named(entry), "inputFacets": {"dataQualityMetrics": metrics}}


def _output(entry: Entry) -> dict[str, Any]:
    statistics = _facet(
        "facets/1-0-2/OutputStatisticsOutputDatasetFacet.json#/$defs/OutputStatisticsOutputDatasetFacet",
        rowCount=entry.quality.accepted,
    )  # fmt: skip
    return {**_named(entry), "outputFacets": {"outputStatistics": statistics}}


def _dataset_facets(described: Dataset) -> dict[str, Any]:
    fields = [
        {
            "name": f.name,
            "type": f.type,
            **({"description": text} if (text := _about(f.unit, f.description)) else {}),
        }
        for f in described.fields
    ]
    facets: dict[str, Any] = {
        "schema": _facet("facets/1-1-1/SchemaDatasetFacet.json#/$defs/SchemaDatasetFacet", fields=fields),
        "ownership": _facet(
            "facets/1-0-1/OwnershipDatasetFacet.json#/$defs/OwnershipDatasetFacet",
            owners=[{"name": described.owner, "type": "OWNER"}],
        ),
    }
    if described.description:
        facets["documentation"] = _facet(
            "facets/1-0-1/DocumentationDatasetFacet.json#/$defs/DocumentationDatasetFacet",
            description=described.description,
        )
    if described.licence:
        facets["ranvier_licence"] = _own("Licence", licence=described.licence)
    return facets


def _about(unit: str, description: str) -> str:
    return f"{description} [{unit}]".strip() if unit else description


def _quality(figures: Quality) -> dict[str, Any]:
    values: Mapping[str, float | None] = {
        "completeness": figures.completeness,
        "timeliness": figures.timeliness,
        "validity": figures.validity,
        "lagP50Seconds": figures.lag_p50_s,
        "lagP99Seconds": figures.lag_p99_s,
    }
    return _own("Quality", **{name: value for name, value in values.items() if value is not None})
