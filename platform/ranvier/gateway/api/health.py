"""`/healthz` and `/readyz`: do the stores answer, and can the platform be relied on now."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Request, Response

from ranvier.gateway.api.figures import figures_item
from ranvier.gateway.api.models import Healthz, Readyz, StatusItem, StoreHealth
from ranvier.gateway.api.pings import Pings
from ranvier.gateway.api.platform import LiveFigures
from ranvier.gateway.api.request import PlatformOf, SettingsOf
from ranvier.gateway.api.times import format_time

router = APIRouter(tags=["health"])


def _pings_of(request: Request) -> Pings:
    return cast(Pings, request.app.state.pings)


PingsOf = Annotated[Pings, Depends(_pings_of)]


@router.get("/healthz", operation_id="getHealth", responses={503: {"model": Healthz}})
def get_health(pings: PingsOf, response: Response) -> Healthz:
    """The answer of each store to a ping; 503 when one does not answer."""
    stores = pings.all()
    ok = all(store.ok for store in stores)
    response.status_code = 200 if ok else 503
    return Healthz(ok=ok, version=version("ranvier"), stores=stores)


@router.get("/readyz", operation_id="getReadiness", responses={503: {"model": Readyz}})
def get_readiness(platform: PlatformOf, pings: PingsOf, settings: SettingsOf, response: Response) -> Readyz:
    """Ready when the stores answer, the sinks have caught up and the twin has a state; 503 with reasons."""
    reasons = _reasons(pings.all(), platform.figures(), settings.max_lag_records)
    response.status_code = 503 if reasons else 200
    return Readyz(ready=not reasons, reasons=reasons)


@router.get("/v1/status", operation_id="getStatus")
def get_status(platform: PlatformOf, pings: PingsOf, settings: SettingsOf) -> StatusItem:
    """The live figures, whether the platform is ready, and how each store does, in one answer."""
    stores, figures, now_ns = pings.all(), platform.figures(), platform.now_ns()
    reasons = _reasons(stores, figures, settings.max_lag_records)
    return StatusItem(
        at=format_time(now_ns),
        version=version("ranvier"),
        figures=figures_item(figures),
        ready=Readyz(ready=not reasons, reasons=reasons),
        stores=stores,
    )


def _reasons(stores: list[StoreHealth], figures: LiveFigures, max_lag_records: int) -> list[str]:
    """Why the platform cannot be relied on now; empty when it can."""
    reasons = [f"{store.name} does not answer: {store.error}" for store in stores if not store.ok]
    reasons += [
        f"{sink} is {lag} records behind; the bound is {max_lag_records}"
        for sink, lag in sorted(figures.sink_lag.items())
        if lag > max_lag_records
    ]
    reasons += [f"{worker} waits for a store: {why}" for worker, why in sorted(figures.waiting.items())]
    if figures.as_of_ns is None:
        reasons.append("the twin has no state yet: no measurements have come in")
    return reasons
