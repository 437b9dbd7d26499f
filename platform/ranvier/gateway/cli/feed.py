"""Commands that bring telemetry in: run, ingest."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ranvier.gateway.cli.connection import Connection, connect
from ranvier.gateway.cli.options import AsJson, Network, Profile, options_of
from ranvier.gateway.cli.output import complain, field, say, show
from ranvier.ontology.errors import InputError

if TYPE_CHECKING:
    from ranvier.fabric.sources.archive import Member
    from ranvier.gateway.runtime.main_job import MainJob
    from ranvier.gateway.settings import Settings

REPORT_EVERY_S = 10.0
NO_FEED = "the API"


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(run)
    app.command()(ingest)


def run(
    context: typer.Context,
    feed: Annotated[
        Path | None, typer.Option(help="Your files to replay; the built-in emulated network if not given.")
    ] = None,
    no_feed: Annotated[
        bool, typer.Option("--no-feed", help="No feed: your network sends its telemetry to the API.")
    ] = False,
    port: Annotated[
        int | None, typer.Option(help="Port of the page and the API; 0 takes a free one.")
    ] = None,
    speed: Annotated[float | None, typer.Option(help="Replay so many times faster than recorded.")] = None,
    for_s: Annotated[float | None, typer.Option(help="Stop after so many seconds.")] = None,
    model: Annotated[
        str | None,
        typer.Option(help="The twin's model: statistical, simulator or surrogate (docs/surrogate.md)."),
    ] = None,
    surrogate: Annotated[
        Path | None, typer.Option(help="Folder of a trained surrogate, for --model surrogate.")
    ] = None,
    profile: Profile = None,
) -> None:
    """Run the platform: a live feed flows in, the twin follows, forecasts and is scored. Ctrl-C stops it."""
    given = {"path": feed, "replay_speed": speed, "emulate": False if no_feed else None}
    settings = options_of(context).settings(
        feed=given, api={"port": port}, twin={"model": model, "surrogate_folder": surrogate}, profile=profile
    )
    stop = _stop_on_signals()
    from ranvier.gateway import logs
    from ranvier.gateway.runtime.main_job import main_job

    logs.configure()
    with main_job(settings, say) as job:
        say(f"Ranvier runs at {job.url}  (Ctrl-C stops it)")
        name = job.platform.feed
        say(f"feed: {name.name}" + " (no real network stands behind it)" * name.emulated)
        say(f"stores: {settings.store.folder.resolve()}")
        _watch(job, stop, for_s)
        say("stopping")
    if job.workers.failure is not None:
        complain(f"ranvier: stopped because {job.workers.failure}")
        raise typer.Exit(1)
    say("stopped")


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _watch(job: MainJob, stop: threading.Event, for_s: float | None) -> None:
    """Say what is going on every now and then, until told to stop."""
    began, told = time.monotonic(), job.platform.feed.name == NO_FEED
    while not stop.is_set() and not job.workers.stop.is_set():
        left_s = float("inf") if for_s is None else for_s - (time.monotonic() - began)
        if left_s <= 0:
            return
        stop.wait(min(REPORT_EVERY_S, left_s))
        say(_progress(job))
        if job.workers.feed_done and not told:
            told = True
            say("the feed has ended; the page stays up until Ctrl-C")


def _progress(job: MainJob) -> str:
    from ranvier.gateway.clock import ReplayClock

    figures = job.platform.figures()
    lag = figures.twin_lag_p50_s
    waits = "waits for its first measurements" if lag is None else f"{lag:.1f} s behind"
    if lag is not None and isinstance(job.platform.clock, ReplayClock):
        waits += " in the recording"
    return (
        f"{time.strftime('%H:%M:%S')}  {figures.points_accepted} points, {figures.events_refused} refused, "
        f"{figures.points_per_s:.0f} points/s; twin {waits}; "
        f"{figures.forecasts_issued} forecasts issued, {figures.forecasts_scored} scored"
    )


def ingest(
    context: typer.Context,
    path: Annotated[
        Path | None, typer.Argument(help="File, folder or zip of what your network writes.")
    ] = None,
    replay_speed: Annotated[
        float | None,
        typer.Option(help="Replay it as it happened, so many times faster; at once if not given."),
    ] = None,
    processes: Annotated[
        int | None, typer.Option(min=1, max=64, help="Without files: run so many ingest processes.")
    ] = None,
    network: Network = None,
    as_json: AsJson = False,
) -> None:
    """Take files in. Every record is stored once, or becomes a dead letter with its reason.

    Without files, and with the profile servers: be an ingest process, which takes records from the log into
    the stores and shares that work with all others like it, until Ctrl-C.
    """
    options = options_of(context)
    if path is None:
        _take_in(options.settings(), processes)
        return
    if processes is not None:
        raise InputError("files, or a number of processes", "both", "run them as two commands")
    if replay_speed is not None:
        named = {"network": network} if network else {}
        _replay(options.settings(feed={"path": path, "replay_speed": replay_speed}, **named))
        return
    with connect(options.settings()) as platform:
        rows = [_sent(platform, member, network) for member in _members(path)]
        platform.settle()
    total = {"file": "total", **{key: sum(row[key] for row in rows) for key in ("accepted", "refused")}}
    columns = [(name, field(name)) for name in ("file", "accepted", "refused")]
    show([*rows, total], as_json, columns)


def _take_in(settings: Settings, processes: int | None) -> None:
    """Run as an ingest process, or as several."""
    from ranvier.gateway import logs
    from ranvier.gateway.runtime.ingest_process import (
        check_shareable,
        ingest_in_processes,
        ingest_until,
    )

    check_shareable(settings)
    stop = _stop_on_signals()
    logs.configure()
    say(f"taking records from {settings.servers.kafka.bootstrap} into the stores  (Ctrl-C stops it)")
    if processes is None or processes == 1:
        total = ingest_until(stop, settings)
        say(f"stopped: {total.records} records, {total.points} points, {total.changes} changes")
    else:
        ingest_in_processes(stop, settings, processes)
        say("stopped")


def _members(path: Path) -> Iterator[Member]:
    from ranvier.fabric.sources.archive import open_archive
    from ranvier.fabric.sources.source import SourceContext
    from ranvier.ontology.ontology import load

    return open_archive(path, SourceContext(path.name, load()))


def _sent(platform: Connection, member: Member, network: str | None) -> dict[str, Any]:
    given = {"source": member.name, **({"network": network} if network else {})}
    try:
        receipt = platform.send("/v1/events/file", member.stream, "application/octet-stream", **given)
    except InputError as error:
        complain(f"{member.name}: {error}")
        return {"file": member.name, "accepted": 0, "refused": 1}
    for refusal in receipt["refusals"][:3]:
        complain(f"{member.name}, {refusal['position']}: {refusal['reason']}")
    return {"file": member.name, "accepted": receipt["accepted"], "refused": receipt["refused"]}


def _replay(settings: Settings) -> None:
    from ranvier.gateway.runtime.main_job import main_job

    stop = _stop_on_signals()
    with main_job(settings, say) as job:
        while not (job.workers.feed_done and job.workers.caught_up):
            if stop.wait(1.0) or job.workers.stop.is_set():
                break
        say(_progress(job))
