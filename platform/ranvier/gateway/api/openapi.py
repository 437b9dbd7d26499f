"""The OpenAPI document, with problem+json as the answer to every error."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from ranvier.gateway.api.models import Problem
from ranvier.gateway.api.problem import MEDIA_TYPE

_PROBLEMS = {
    "400": "A parameter or the body cannot be used as it is",
    "404": "Nothing goes by that name at that time",
    "409": "It would read what was not known at its time",
    "422": "A parameter or the body has another shape, or the ontology does not allow it",
    "503": "A store is busy, or what should answer is away; try again after Retry-After",
    "default": "Any other error",
}
_INGEST = {"413": "The body is too large", "415": "The body is of another media type"}
_LARGE = {"413": "The body is larger than api.max_scene_bytes"}
_TAGS = {
    "events": "Telemetry in",
    "topology": "The graph, as of a time, as known at a time",
    "series": "Measurements",
    "forecasts": "Sealed distributions, fresh ones, and what came of them",
    "fidelity": "How right each model has been",
    "alarms": "What managed objects complain of",
    "dead letters": "Records that could not be used",
    "catalogue": "Datasets and where they came from",
    "ontology": "What exists",
    "live": "What the platform is doing now",
    "health": "For those who operate it",
}


def install_openapi(app: FastAPI) -> None:
    """Let `app` describe itself in this way."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    found = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description="Manual: docs/api.md. Times are RFC 3339; lists have cursors; errors are problem+json.",
        routes=app.routes,
        tags=[{"name": name, "description": text} for name, text in _TAGS.items()],
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = Problem.model_json_schema()
    for operations in found["paths"].values():
        for operation in operations.values():
            _declare_problems(operation)
    return found


def _declare_problems(operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    large = "requestBody" in operation and "forecasts" in operation["tags"]
    declared = _PROBLEMS | (_INGEST if "events" in operation["tags"] else _LARGE if large else {})
    for status, text in declared.items():
        schema = {"$ref": "#/components/schemas/Problem"}
        answer = {"description": text, "content": {MEDIA_TYPE: {"schema": schema}}}
        # What a route declares itself stays beside it (the reasons of /readyz); FastAPI's own 422 goes.
        own = responses.get(status) if status != "422" else None
        responses[status] = answer if own is None else {**own, "content": own["content"] | answer["content"]}
