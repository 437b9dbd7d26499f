"""`/v1/catalogue`: each dataset with its owner, licence and quality, and where it came from."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse, Response

from ranvier.gateway.api.cursor import decode_cursor, encode_cursor
from ranvier.gateway.api.models import CataloguePage
from ranvier.gateway.api.platform import Catalogue, Platform
from ranvier.gateway.api.request import CursorText, Limit, PlatformOf, WhoseOf
from ranvier.ontology.errors import NotFound

router = APIRouter(prefix="/v1/catalogue", tags=["catalogue"])
JSON_LD = "application/ld+json"
DatasetId = Annotated[str, Path(min_length=1, max_length=1024)]
_LINKED: dict[int | str, dict[str, Any]] = {
    200: {"content": {JSON_LD: {"schema": {"type": "object"}}}, "description": "JSON, or DCAT 3 as JSON-LD"}
}


@router.get("", operation_id="listDatasets", response_model=CataloguePage, responses=_LINKED)
def list_datasets(
    request: Request, platform: PlatformOf, whose: WhoseOf, cursor: CursorText = None, limit: Limit = 100
) -> CataloguePage | Response:
    """Datasets by id; with `Accept: application/ld+json` the whole catalogue as DCAT 3."""
    catalogue = _catalogue(platform)
    if _wants_linked(request):
        return JSONResponse(dict(catalogue.dcat(whose.tenant, None)), media_type=JSON_LD)
    query = ["catalogue", whose.tenant]
    place = decode_cursor(cursor, query, tuple[str])
    found = list(catalogue.page(whose.tenant, place[0] if place else None, limit + 1))
    following = encode_cursor(query, [str(found[limit - 1]["id"])]) if len(found) > limit else None
    return CataloguePage(items=[dict(item) for item in found[:limit]], next=following)


@router.get("/{dataset_id:path}/lineage", operation_id="getLineage")
def get_lineage(platform: PlatformOf, whose: WhoseOf, dataset_id: DatasetId) -> dict[str, Any]:
    """Where a dataset came from, down to the source file and the run: OpenLineage events."""
    return dict(_catalogue(platform).lineage(whose.tenant, dataset_id))


@router.get("/{dataset_id:path}/dcat", operation_id="getDatasetDcat")
def get_dcat(platform: PlatformOf, whose: WhoseOf, dataset_id: DatasetId) -> dict[str, Any]:
    """One dataset as DCAT 3 in JSON-LD."""
    return dict(_catalogue(platform).dcat(whose.tenant, dataset_id))


@router.get("/{dataset_id:path}", operation_id="getDataset", response_model=dict[str, Any], responses=_LINKED)
def get_dataset(
    request: Request, platform: PlatformOf, whose: WhoseOf, dataset_id: DatasetId
) -> dict[str, Any] | Response:
    """One dataset; with `Accept: application/ld+json` as DCAT 3."""
    catalogue = _catalogue(platform)
    if _wants_linked(request):
        return JSONResponse(dict(catalogue.dcat(whose.tenant, dataset_id)), media_type=JSON_LD)
    return dict(catalogue.dataset(whose.tenant, dataset_id))


def _wants_linked(request: Request) -> bool:
    return JSON_LD in request.headers.get("accept", "").lower()


def _catalogue(platform: Platform) -> Catalogue:
    if platform.catalogue is None:
        raise NotFound("a platform with a catalogue", "one without", "start it with a catalogue")
    return platform.catalogue
