"""`/v1/events`: telemetry in. Durable when answered; what cannot be used becomes a dead letter.

body ► within bounds ► source adapter ─┬─► event log          (accepted)
└─► dead letters       (refused, with position and reason)
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from ranvier.gateway.api.body import receive, unpacked
from ranvier.gateway.api.models import IngestReceipt
from ranvier.gateway.api.platform import Platform, Whose
from ranvier.gateway.api.problem import Refused
from ranvier.gateway.api.receipt import receipt
from ranvier.gateway.api.request import PlatformOf, SettingsOf, WhoseOf
from ranvier.gateway.settings import ApiSettings
from ranvier.ontology.errors import InputError, StoreBusy

router = APIRouter(prefix="/v1/events", tags=["events"])
CLOUD_EVENTS = (
    "application/cloudevents+json",
    "application/cloudevents-batch+json",
    "application/x-ndjson",
    "application/json",
)
_VES = ("application/json",)
_PM = ("application/xml", "text/xml", "application/gzip", "application/octet-stream")
_RETRY_S = "2"
SourceName = Annotated[
    str | None,
    Query(max_length=1024, description="Name of the file or feed, kept with every record"),
]


def _body(*kinds: str, text: str, example: Any = None) -> dict[str, Any]:
    """The OpenAPI description of a body that is read as a stream."""
    content: dict[str, Any] = {}
    for kind in kinds:
        content[kind] = {"schema": {"description": text}}
        if example is not None and kind == kinds[0]:
            content[kind]["example"] = example
    return {"requestBody": {"required": True, "content": content}}


_EXAMPLE = {
    "specversion": "1.0",
    "id": "a-17",
    "type": "ranvier.measurement-report.v1",
    "source": "probe-3",
    "data": {
        "object_id": "ManagedElement=1,GNBDUFunction=1,NRCellDU=3",
        "object_class": "NRCellDU",
        "start_ns": 1769860800000000000,
        "end_ns": 1769860860000000000,
        "values": {"DRB.UEThpDl": 24100.0},
    },
}


@router.post(
    "",
    operation_id="sendEvents",
    status_code=202,
    openapi_extra=_body(
        *CLOUD_EVENTS, text="One CloudEvent, an array of them, or one a line", example=_EXAMPLE
    ),
)
async def send_events(
    request: Request,
    platform: PlatformOf,
    settings: SettingsOf,
    whose: WhoseOf,
    source: SourceName = None,
) -> IngestReceipt:
    """CloudEvents in JSON: one, a batch (an array), or one a line (NDJSON). May be gzipped."""
    _require(request, CLOUD_EVENTS)
    return await _deliver(request, (platform, settings), "cloudevents", source or "http", whose)


@router.post(
    "/ves/eventListener/v7/eventBatch", include_in_schema=False, status_code=202, operation_id="sendVesBatch"
)
@router.post("/ves/eventListener/v7", include_in_schema=False, status_code=202, operation_id="sendVesEvent")
@router.post(
    "/ves",
    operation_id="sendVesEvents",
    status_code=202,
    openapi_extra=_body(*_VES, text="A VES 7 `event` or `eventList`", example={"event": {}}),
)
async def send_ves(
    request: Request,
    response: Response,
    platform: PlatformOf,
    settings: SettingsOf,
    whose: WhoseOf,
    source: SourceName = None,
) -> IngestReceipt:
    """VES 7 events. A VES client takes `…/v1/events/ves` as its base and finds `eventListener/v7` below."""
    _require(request, _VES)
    response.headers.update({"X-MinorVersion": "2", "X-PatchVersion": "1", "X-LatestVersion": "7.2.1"})
    return await _deliver(request, (platform, settings), "ves", source or "ves", whose)


@router.post(
    "/pm",
    operation_id="sendPmFile",
    status_code=202,
    openapi_extra=_body(*_PM, text="A measCollecFile of TS 32.435, gzipped or not"),
)
async def send_pm(
    request: Request,
    platform: PlatformOf,
    settings: SettingsOf,
    whose: WhoseOf,
    source: SourceName = None,
) -> IngestReceipt:
    """A 3GPP PM file (measCollecFile XML of TS 32.435), gzipped or not."""
    _require(request, _PM)
    return await _deliver(request, (platform, settings), "pm", source or "pm", whose)


@router.post(
    "/file",
    operation_id="sendFile",
    status_code=202,
    openapi_extra=_body("application/octet-stream", text="A file of any format that the platform reads"),
)
async def send_file(
    request: Request,
    platform: PlatformOf,
    settings: SettingsOf,
    whose: WhoseOf,
    source: Annotated[str, Query(min_length=1, max_length=1024, description="The file's name")],
) -> IngestReceipt:
    """A file of any format that the platform reads, told by its content: drive test, configuration, PM."""
    return await _deliver(request, (platform, settings), None, source, whose)


async def _deliver(
    request: Request,
    at: tuple[Platform, ApiSettings],
    adapter: str | None,
    source: str,
    whose: Whose,
) -> IngestReceipt:
    platform, settings = at
    await run_in_threadpool(_hold_back, platform, settings)
    deliveries: asyncio.Semaphore = request.app.state.deliveries
    if deliveries.locked():
        raise _busy("fewer deliveries at a time", "as many as the platform takes at once")
    async with deliveries:
        file = await receive(request, settings.max_event_bytes)

        def ingest() -> IngestReceipt:
            with unpacked(file, settings.max_event_bytes) as plain:
                return receipt(platform.ingest_raw(adapter, plain, source, whose))

        try:
            return await run_in_threadpool(ingest)
        finally:
            file.close()


def _hold_back(platform: Platform, settings: ApiSettings) -> None:
    """Refuse deliveries while a sink is too far behind: what a sender must hear before it fills the log."""
    for sink, lag in platform.figures().sink_lag.items():
        if lag > settings.max_lag_records:
            raise _busy(f"sinks at most {settings.max_lag_records} records behind", f"{sink} {lag} behind")


def _busy(expected: str, got: str) -> Refused:
    reason = StoreBusy(expected, got, f"send it again after {_RETRY_S} s")
    return Refused(503, reason, {"Retry-After": _RETRY_S})


def _require(request: Request, kinds: tuple[str, ...]) -> None:
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind not in kinds:
        remedy = "name it in Content-Type; see docs/api.md"
        raise Refused(415, InputError(f"a body of {' or '.join(kinds)}", kind or "no Content-Type", remedy))
