"""`ranvier serve`: forecasts of scenes by replicas of their own, which a running platform joins."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
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

    A platform with serving.mode = ray and the same folder joins them, and takes over by itself while they are away.
    """
    settings = options_of(context).settings(
        surrogate={"folder": model}, serving={"replicas": replicas, "gpus_per_replica": gpus}
    )
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    from ranvier.gateway.scene_serving import replicas as begin

    say("starting Ray and the replicas; this takes half a minute")
    service = begin(settings)
    # Ray takes the signals for itself when it starts.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        with _found_at(settings, service.address):
            found = service.ping()
            say(
                f"Ranvier serves forecasts of scenes: {found.detail.get('model')} "
                f"{found.detail.get('version')}, {found.detail.get('replicas')} replicas  (Ctrl-C stops it)"
            )
            say(f"Ray listens at {service.address}, for this machine alone and who has its token")
            say(f"platforms on {settings.store.folder.resolve()} with serving.mode = ray join it")
            _watch(settings, service, stop, for_s)
    finally:
        say("stopping")
        service.close()
    say("stopped")


@contextmanager
def _found_at(settings: Settings, address: str) -> Iterator[None]:
    """Tell platforms of this folder where to join."""
    from ranvier.gateway.scene_serving import RUNFILE

    runfile = settings.store.folder / RUNFILE
    runfile.parent.mkdir(parents=True, exist_ok=True)
    runfile.write_text(json.dumps({"pid": os.getpid(), "address": address}))
    try:
        yield
    finally:
        runfile.unlink(missing_ok=True)


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
