"""`/healthz` and `/readyz`: do the stores answer, and can the platform be relied on now."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import APIRouter, Response

from ranvier.fabric.ports import Health
from ranvier.gateway.api.models import Healthz, Readyz, StoreHealth
from ranvier.gateway.api.platform import Platform
from ranvier.gateway.api.request import PlatformOf, SettingsOf
from ranvier.ontology.errors import RanvierError

router = APIRouter(tags=["health"])


@router.get("/healthz", operation_id="getHealth", responses={503: {"model": Healthz}})
def get_health(platform: PlatformOf, response: Response) -> Healthz:
    """The answer of each store to a ping; 503 when one does not answer."""
    stores = [_ping(name, platform) for name in ("log", "graph", "series", "ledger")]
    ok = all(store.ok for store in stores)
    response.status_code = 200 if ok else 503
    return Healthz(ok=ok, version=version("ranvier"), stores=stores)


@router.get("/readyz", operation_id="getReadiness", responses={503: {"model": Readyz}})
def get_readiness(platform: PlatformOf, settings: SettingsOf, response: Response) -> Readyz:
    """Ready when the stores answer, the sinks have caught up and the twin has a state; 503 with reasons."""
    reasons = [
        f"{name} does not answer: {health.error}"
        for name in ("log", "graph", "series", "ledger")
        if not (health := _ping(name, platform)).ok
    ]
    figures = platform.figures()
    reasons += [
        f"{sink} is {lag} records behind; the bound is {settings.max_lag_records}"
        for sink, lag in sorted(figures.sink_lag.items())
        if lag > settings.max_lag_records
    ]
    if figures.as_of_ns is None:
        reasons.append("the twin has no state yet: no measurements have come in")
    response.status_code = 503 if reasons else 200
    return Readyz(ready=not reasons, reasons=reasons)


def _ping(name: str, platform: Platform) -> StoreHealth:
    try:
        health: Health = getattr(platform, name).ping()
    except (RanvierError, OSError) as error:
        return StoreHealth(name=name, ok=False, error=str(error))
    return StoreHealth(name=name, ok=health.ok, detail=dict(health.detail), error=health.error)
