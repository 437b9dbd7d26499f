"""`/v1/ontology` and `/v1/schemas`: what exists, and the shapes of the events."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path

from ranvier.fabric.event import TYPES
from ranvier.gateway.api.cursor import decode_cursor, encode_cursor
from ranvier.gateway.api.models import (
    ClassItem,
    OntologyItem,
    QuantityItem,
    QuantityPage,
    RelationTypeItem,
    SchemaPage,
)
from ranvier.gateway.api.request import CursorText, Limit, PlatformOf
from ranvier.ontology.errors import NotFound
from ranvier.ontology.ontology import Quantity

router = APIRouter(prefix="/v1", tags=["ontology"])


@router.get("/ontology", operation_id="getOntology")
def get_ontology(platform: PlatformOf) -> OntologyItem:
    """Every quantity, class and relation, each by its name."""
    known = platform.ontology
    return OntologyItem(
        version=known.version,
        quantities=[_quantity(q) for _, q in sorted(known.quantities.items())],
        classes=[
            ClassItem(
                name=c.name, label=c.label, parent=c.parent, domain=c.domain, source=c.source,
                attributes=c.attributes,
            )
            for _, c in sorted(known.classes.items())
        ],
        relations=[
            RelationTypeItem(
                name=r.name, label=r.label, sources=list(r.sources), targets=list(r.targets),
                functional=r.functional, source=r.source,
            )
            for _, r in sorted(known.relations.items())
        ],
    )  # fmt: skip


@router.get("/ontology/quantities", operation_id="listQuantities")
def list_quantities(platform: PlatformOf, cursor: CursorText = None, limit: Limit = 100) -> QuantityPage:
    """The quantities by name."""
    place = decode_cursor(cursor, ["quantities"], tuple[str])
    names = sorted(n for n in platform.ontology.quantities if place is None or n > place[0])
    return QuantityPage(
        items=[_quantity(platform.ontology.quantities[name]) for name in names[:limit]],
        next=encode_cursor(["quantities"], [names[limit - 1]]) if len(names) > limit else None,
    )


@router.get("/schemas", operation_id="listSchemas")
def list_schemas(cursor: CursorText = None, limit: Limit = 100) -> SchemaPage:
    """The types of event that `/v1/events` takes."""
    place = decode_cursor(cursor, ["schemas"], tuple[str])
    names = sorted(n for n in TYPES if place is None or n > place[0])
    following = encode_cursor(["schemas"], [names[limit - 1]]) if len(names) > limit else None
    return SchemaPage(items=names[:limit], next=following)


@router.get("/schemas/{event_type}", operation_id="getSchema")
def get_schema(
    event_type: Annotated[str, Path(max_length=256, examples=["ranvier.measurement-report.v1"])],
) -> dict[str, Any]:
    """The JSON Schema of the `data` of one type of event."""
    if event_type not in TYPES:
        raise NotFound(f"a type among {', '.join(TYPES)}", repr(event_type), "list them at /v1/schemas")
    return msgspec.json.schema(TYPES[event_type])


def _quantity(quantity: Quantity) -> QuantityItem:
    return QuantityItem(
        name=quantity.name,
        label=quantity.label,
        unit=quantity.unit,
        object_classes=list(quantity.object_classes),
        collection=quantity.collection,
        source=quantity.source,
        minimum=quantity.minimum,
        maximum=quantity.maximum,
        tolerance=quantity.tolerance,
        integer=quantity.integer,
    )
