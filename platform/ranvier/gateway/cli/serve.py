"""`ranvier serve`: forecasts of scenes by replicas of their own, which a running platform asks."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ranvier.gateway.cli.options import options_of
from ranvier.gateway.cli.output import complain, say

if TYPE_CHECKING:
    from ranvier.aiops.serving.ray_serve import RayServe
    from ranvier.gateway.settings import Settings

REPORT_EVERY_S = 10.0


def register(app: typer.Typer) -> None:
    """Add this command to the command line."""
    app.command()(serve)


def serve(
    context: typer.Context,
    model: Annotated[
        Path | None, typer.Option(help="Folder of the trained surrogate (surrogate.folder).")
    ] = None,
    replicas: Annotated[int | None, typer.Option(min=1, max=256, help="How many replicas.")] = None,
    gpus: Annotated[
        float | None, typer.Option(min=0.0, help="GPUs of each replica; 0.25: four share one.")
    ] = None,
    for_s: Annotated[float | None, typer.Option(help="Stop after so many seconds.")] = None,
) -> None:
    """Serve forecasts of scenes by replicas under Ray Serve, until Ctrl-C. They listen on loopback.

    A platform with serving.mode = ray on the same folder asks them, and answers by itself while they are away.
    """
    settings = options_of(context).settings(
        surrogate={"folder": model}, serving={"replicas": replicas, "gpus_per_replica": gpus}
    )
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    from ranvier.gateway.scene_serving import RUNFILE, model_folder
    from ranvier.gateway.scene_serving import replicas as begin

    model_folder(settings)
    from ranvier.aiops.serving.socket_service import ServiceSocket

    say("starting Ray and the replicas; this takes half a minute")
    service = begin(settings)
    # Ray takes the signals for itself when it starts.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    socket = ServiceSocket(service, settings.store.folder / RUNFILE)
    try:
        found = service.ping()
        say(
            f"Ranvier serves forecasts of scenes: {found.detail.get('model')} {found.detail.get('version')}, "
            f"{found.detail.get('replicas')} replicas  (Ctrl-C stops it)"
        )
        say(f"Ray listens at {service.address}, for this machine alone and who has its token")
        say(f"platforms on {settings.store.folder.resolve()} with serving.mode = ray ask them")
        _watch(settings, service, stop, for_s)
    finally:
        say("stopping")
        socket.close()
        service.close()
    say("stopped")


def _watch(settings: Settings, service: RayServe, stop: threading.Event, for_s: float | None) -> None:
    """Take promoted models, and say every now and then what was done, until told to stop."""
    from ranvier.aiops.serving.promotion import Promotions
    from ranvier.gateway.scene_serving import model_folder

    promotions, began, told = Promotions(model_folder(settings), service), time.monotonic(), time.monotonic()
    while not stop.is_set():
        now = time.monotonic()
        left_s = float("inf") if for_s is None else for_s - (now - began)
        if left_s <= 0:
            return
        stop.wait(min(settings.serving.look_s, left_s))
        if said := promotions.look_or_say():
            say(said)
        if now - told >= REPORT_EVERY_S:
            told = now
            _report(service)


def _report(service: RayServe) -> None:
    found = service.ping()
    if not found.ok:
        complain(f"the replicas do not answer: {found.error}")
        return
    detail = found.detail
    say(f"{time.strftime('%H:%M:%S')}  {detail['scenes']} scenes by {detail['replicas']} replicas, version "
        f"{detail['version']}")  # fmt: skip
