"""Every error as problem+json (RFC 9457), with what was expected, what came and what to do."""

from __future__ import annotations

import traceback
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from ranvier.ontology.errors import (
    InputError,
    LeakError,
    NotFound,
    OntologyError,
    RanvierError,
    StoreBusy,
    StoreError,
    Unavailable,
)

MEDIA_TYPE = "application/problem+json"
_LOG = structlog.get_logger("ranvier.api")
# The most specific class comes first.
_STATUS: tuple[tuple[type[RanvierError], int, str], ...] = (
    (NotFound, 404, "not-found"),
    (LeakError, 409, "leak"),
    (StoreBusy, 503, "store-busy"),
    (StoreError, 503, "store"),
    (Unavailable, 503, "unavailable"),
    (OntologyError, 422, "ontology"),
    (InputError, 400, "input"),
)


class Refused(Exception):
    """A refusal that belongs to HTTP alone: too large, wrong media type, too busy."""

    def __init__(self, status: int, reason: RanvierError, headers: dict[str, str] | None = None) -> None:
        super().__init__(str(reason))
        self.status, self.reason, self.headers = status, reason, headers


def install_problems(app: FastAPI) -> None:
    """Answer every error of `app` with problem+json."""
    app.add_exception_handler(RanvierError, _ranvier)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unhandled)


def problem(
    request: Request, status: int, kind: str, detail: str, headers: dict[str, str] | None = None, **more: Any
) -> JSONResponse:
    """One problem; `more` are its extension members."""
    content = {
        "type": f"urn:ranvier:problem:{kind}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": request.url.path,
        **more,
    }
    return JSONResponse(content, status, headers, media_type=MEDIA_TYPE)


def _members(error: RanvierError) -> dict[str, str]:
    return {"expected": error.expected, "got": error.got, "remedy": error.remedy}


def _ranvier(request: Request, error: Exception) -> Response:
    assert isinstance(error, RanvierError)
    for kind, status, name in _STATUS:
        if isinstance(error, kind):
            headers = {"Retry-After": "1"} if status == 503 else None
            return problem(request, status, name, str(error), headers, **_members(error))
    return problem(request, 500, "internal", str(error), None, **_members(error))


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    name = HTTPStatus(error.status).phrase.lower().replace(" ", "-")
    return problem(request, error.status, name, str(error.reason), error.headers, **_members(error.reason))


def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    # The value itself stays out: it may be large, secret, or no valid JSON (NaN).
    errors = [
        {"where": ".".join(str(part) for part in e["loc"]), "message": e["msg"], "type": e["type"]}
        for e in error.errors()
    ]
    detail = "; ".join(f"{e['where']}: {e['message']}" for e in errors)
    return problem(
        request, 422, "validation", detail, None, errors=errors,
        remedy="see /openapi.json for each parameter",
    )  # fmt: skip


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers) if error.headers else None
    name = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
    return problem(request, error.status_code, name, str(error.detail), headers)


def _unhandled(request: Request, error: Exception) -> Response:
    # As text: a renderer that shows locals takes seconds here, and may show what is nobody's business.
    trace = "".join(traceback.format_exception(error))
    _LOG.error("unhandled", path=request.url.path, method=request.method, trace=trace)
    return problem(request, 500, "internal", "the platform failed at this request; its log says more")
