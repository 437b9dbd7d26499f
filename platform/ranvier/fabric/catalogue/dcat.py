"""The catalogue as DCAT 3 in JSON-LD (W3C Recommendation of 22 August 2024), with quality after DQV.

A hand-built document with its context inside it, so that reading it asks no other host for anything. What no
vocabulary has a term for stands under the project's own `rv:`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ranvier.fabric.catalogue.dataset import Dataset, Field
from ranvier.fabric.catalogue.iso_time import iso
from ranvier.fabric.catalogue.port import Entry
from ranvier.fabric.catalogue.quality import Quality

METRICS = {
    "completeness": "points received / points expected from granularity periods",
    "timeliness": "points recorded within the dataset's limit of their period's end / points received",
    "validity": "records accepted / records read",
}

CONTEXT: dict[str, Any] = {
    "csvw": "http://www.w3.org/ns/csvw#",
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "dqv": "http://www.w3.org/ns/dqv#",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "prov": "http://www.w3.org/ns/prov#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "rv": "urn:ranvier:catalogue:",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}


def catalogue(entries: Iterable[Entry], base: str, tenant: str) -> dict[str, Any]:
    """A dcat:Catalog of all entries. `base` is the IRI below which datasets have theirs; it ends in '/'."""
    return {
        "@context": CONTEXT,
        "@id": f"{base}catalogue",
        "@type": "dcat:Catalog",
        "dct:title": f"Ranvier catalogue of {tenant}",
        "dcat:dataset": [_dataset(entry, base) for entry in entries],
        "rv:metrics": [_metric(name, text) for name, text in METRICS.items()],
    }


def dataset(entry: Entry, base: str) -> dict[str, Any]:
    """One dcat:Dataset as a document of its own."""
    return {"@context": CONTEXT, **_dataset(entry, base)}


def _dataset(entry: Entry, base: str) -> dict[str, Any]:
    described, figures = entry.dataset, entry.quality
    document: dict[str, Any] = {
        "@id": base + described.dataset_id,
        "@type": "dcat:Dataset",
        "dct:identifier": described.dataset_id,
        "dct:title": described.title,
        "dct:publisher": {"@type": "foaf:Agent", "foaf:name": described.owner},
        "dct:issued": _time(described.registered_at_ns),
        "dcat:distribution": [_distribution(described, base)],
        "dqv:hasQualityMeasurement": _measurements(figures),
        "prov:wasDerivedFrom": [{"@id": base + other} for other in described.derived_from],
        "rv:sourceFiles": entry.files,
    }
    optional = {
        "dct:description": described.description or None,
        "dct:license": _licence(described.licence),
        "dct:temporal": _temporal(figures),
        "dct:modified": None if figures.recorded_ns is None else _time(figures.recorded_ns),
        "dcat:temporalResolution": _period(described.period_s),
    }
    return document | {term: value for term, value in optional.items() if value is not None}


def _distribution(described: Dataset, base: str) -> dict[str, Any]:
    fields = [_column(field) for field in described.fields]
    access = described.access or base + described.dataset_id
    return {
        "@type": "dcat:Distribution",
        "dct:title": described.title,
        "dcat:accessURL": {"@id": access if ":" in access else base + access.lstrip("/")},
        "dcat:mediaType": {"@id": f"https://www.iana.org/assignments/media-types/{described.media_type}"},
        "csvw:tableSchema": {"@type": "csvw:Schema", "csvw:column": {"@list": fields}},
    }


def _column(field: Field) -> dict[str, Any]:
    column = {"@type": "csvw:Column", "csvw:name": field.name, "csvw:datatype": field.type}
    extra = {"dct:description": field.description, "rv:unit": field.unit}
    return column | {term: text for term, text in extra.items() if text}


def _licence(licence: str) -> dict[str, str] | None:
    if not licence:
        return None
    return {"@id": licence if "://" in licence else f"https://spdx.org/licenses/{licence}"}


def _temporal(figures: Quality) -> dict[str, Any] | None:
    if figures.first_ns is None or figures.last_ns is None:
        return None
    return {
        "@type": "dct:PeriodOfTime",
        "dcat:startDate": _time(figures.first_ns),
        "dcat:endDate": _time(figures.last_ns),
    }


def _measurements(figures: Quality) -> list[dict[str, Any]]:
    """One dqv:QualityMeasurement for each figure that is defined: none stands for "cannot be said"."""
    return [
        {
            "@type": "dqv:QualityMeasurement",
            "dqv:isMeasurementOf": {"@id": f"rv:metric-{name}"},
            "dqv:value": {"@type": "xsd:double", "@value": repr(float(value))},
        }
        for name in METRICS
        if (value := getattr(figures, name)) is not None
    ]


def _metric(name: str, text: str) -> dict[str, Any]:
    return {
        "@id": f"rv:metric-{name}",
        "@type": "dqv:Metric",
        "rdfs:label": name,
        "dct:description": text,
        "dqv:expectedDataType": {"@id": "xsd:double"},
    }


def _time(time_ns: int) -> dict[str, str]:
    return {"@type": "xsd:dateTime", "@value": iso(time_ns)}


def _period(period_s: float | None) -> dict[str, str] | None:
    return None if period_s is None else {"@type": "xsd:duration", "@value": f"PT{period_s:g}S"}
