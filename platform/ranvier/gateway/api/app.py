"""`create_app`: the HTTP API over a running platform.

request ► headers, metrics ► parameters checked ► router ► platform's ports ► models ► JSON
└───────── any error ─────────► problem+json
"""

from __future__ import annotations

import threading
from importlib.metadata import version

from fastapi import FastAPI

from ranvier.gateway.api import (
    dead_letters,
    fidelity,
    forecasts,
    health,
    live,
    series,
    topology,
)
from ranvier.gateway.api.platform import Platform
from ranvier.gateway.api.problem import install_problems
from ranvier.gateway.settings import ApiSettings

_ROUTERS = (health, topology, series, forecasts, fidelity, dead_letters, live)


def create_app(
    platform: Platform, settings: ApiSettings | None = None, live_interval_s: float = 1.0
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
    )
    app.state.platform = platform
    app.state.settings = settings or ApiSettings()
    app.state.live_interval_s = live_interval_s
    app.state.closing = threading.Event()
    install_problems(app)
    for module in _ROUTERS:
        app.include_router(module.router)
    return app
