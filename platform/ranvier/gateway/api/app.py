"""`create_app`: the HTTP API over a running platform.

request ► headers, metrics ► host ► parameters checked ► router ► platform's ports ► models ► JSON
└───────── any error ─────────► problem+json
"""

from __future__ import annotations

import asyncio
import threading
from importlib.metadata import version
from pathlib import Path

from fastapi import Depends, FastAPI

from ranvier.gateway.api import (
    alarms,
    catalogue,
    dead_letters,
    events,
    fidelity,
    forecasts,
    health,
    live,
    metrics,
    scene_forecasts,
    series,
    topology,
    vocabulary,
)
from ranvier.gateway.api.bounded_body import Held
from ranvier.gateway.api.observed import Observed
from ranvier.gateway.api.openapi import install_openapi
from ranvier.gateway.api.page import STATIC, install_page
from ranvier.gateway.api.parameters import refuse_unknown_parameters
from ranvier.gateway.api.pings import Pings
from ranvier.gateway.api.platform import Platform
from ranvier.gateway.api.problem import install_problems
from ranvier.gateway.api.trusted_host import TrustedHost
from ranvier.gateway.settings import ApiSettings

_ROUTERS = (
    events, topology, series, scene_forecasts, forecasts, fidelity, alarms, dead_letters, catalogue, vocabulary,
    live, health, metrics,
)  # fmt: skip
_DELIVERIES_AT_ONCE = 8


def create_app(
    platform: Platform,
    settings: ApiSettings | None = None,
    *,
    live_interval_s: float = 1.0,
    static: Path = STATIC,
) -> FastAPI:
    """The API and the page over `platform`, which it neither starts nor stops.

    `app.state.closing` is a `threading.Event`: set it when the server goes, and live streams end at once.
    """
    app = FastAPI(
        title="Ranvier",
        version=version("ranvier"),
        summary="A digital twin of a mobile network that knows how wrong it is",
        # The interactive pages load scripts from another host.
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(refuse_unknown_parameters)],
    )
    app.state.platform = platform
    app.state.settings = settings or ApiSettings()
    app.state.live_interval_s = live_interval_s
    app.state.closing = threading.Event()
    # Bounds the disk that bodies on their way in may take.
    app.state.deliveries = asyncio.Semaphore(_DELIVERIES_AT_ONCE)
    app.state.held_bodies = Held()
    app.state.requests = metrics.Requests()
    app.state.pings = Pings(platform, app.state.settings.ping_timeout_s)
    app.add_middleware(TrustedHost, settings=app.state.settings)
    app.add_middleware(Observed, requests=app.state.requests)
    install_problems(app)
    for module in _ROUTERS:
        app.include_router(module.router)
    install_page(app, static)
    install_openapi(app)
    return app
