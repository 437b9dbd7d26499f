"""The main job: a platform with its workers and its API, up until it is told to stop.

settings ► feed, clock ► open_platform ► Workers + ApiServer ► running.json ► … ► all closed in order
"""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from ranvier.fabric.sources.source import SourceContext
from ranvier.gateway.api.app import create_app
from ranvier.gateway.api.platform import ForecastQuery, Whose
from ranvier.gateway.api.server import ApiServer
from ranvier.gateway.bootstrap import (
    DEFAULT_STEP_S,
    SECOND_NS,
    mappings_of,
    open_books,
    open_stores,
    platform_over,
    remembered,
)
from ranvier.gateway.clock import Clock, ReplayClock, SystemClock
from ranvier.gateway.runtime.bookkeeping import Watch
from ranvier.gateway.runtime.feed import ArchiveFeed, EmulatedFeed, Feed, NoFeed
from ranvier.gateway.runtime.forecast_book import ForecastBook
from ranvier.gateway.runtime.stores import Stores
from ranvier.gateway.runtime.twin_platform import FeedName, TwinPlatform
from ranvier.gateway.runtime.workers import Workers
from ranvier.gateway.settings import ApiSettings, Settings
from ranvier.ontology.errors import StoreError
from ranvier.ontology.ontology import load

RUNFILE = "running.json"
START_S = 20.0
RESENT_S = 60.0
"""What the emulated network sends again after a restart: what may have been on its way when it stopped."""
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class MainJob:
    """A running main job: where it listens, and how to stop it."""

    platform: TwinPlatform
    workers: Workers
    url: str


@contextmanager
def main_job(settings: Settings, tell: Tell = lambda _: None) -> Iterator[MainJob]:
    """Everything up and running inside the context, and closed cleanly after it."""
    settings = settings if settings.network else settings.model_copy(update={"network": network_of(settings)})
    with ExitStack() as opened:
        stores = opened.enter_context(open_stores(settings, settings.servers.start_wait_s))
        books = opened.enter_context(open_books(stores, settings))
        listening = opened.enter_context(_listening(settings.api))
        plan = _plan(settings, books.watch, tell, _last_issue_ns(stores, settings))
        opened.callback(plan.feed.close)
        remembered(settings, plan.step_s)
        named = FeedName(plan.feed.name, plan.feed.emulated)
        platform = platform_over(stores, books, settings, plan.clock, named, plan.step_s)
        opened.callback(platform.close)
        workers = Workers(platform, plan.feed)
        server = ApiServer(create_app(platform, settings.api), settings.api.host, settings.api.port)
        serving = threading.Thread(target=server.run, args=([listening],), name="ranvier-api")
        serving.start()
        runfile = settings.store.folder / RUNFILE
        try:
            _wait_until_up(server, serving)
            url = f"http://{settings.api.host}:{server.bound_port}"
            runfile.write_text(json.dumps({"pid": os.getpid(), "url": url}))
            workers.start()
            platform.scenes.warm()
            yield MainJob(platform, workers, url)
        finally:
            workers.close()
            server.should_exit = True
            serving.join()
            runfile.unlink(missing_ok=True)


def network_of(settings: Settings) -> str:
    """The name of the network that a feed belongs to when nobody has named it."""
    if settings.feed.path is not None:
        return settings.feed.path.stem
    return "emulated" if settings.feed.emulate else "default"


@dataclass(frozen=True, slots=True)
class _Plan:
    feed: Feed
    clock: Clock
    step_s: float


def _last_issue_ns(stores: Stores, settings: Settings) -> int:
    """When the twin last forecast, on its own clock; 0 where it never did."""
    query = ForecastQuery(Whose(settings.tenant, settings.network), limit=1)
    newest = ForecastBook(stores.ledger, stores.series).forecasts(query, SystemClock().now_ns())
    return newest[0].issued_at_ns if newest else 0


def _plan(settings: Settings, watch: Watch, tell: Tell, resume_ns: int) -> _Plan:
    """The feed, the clock that it runs by and the grid that suits it; both go on from `resume_ns`."""
    context = SourceContext("", load(), settings.tenant, settings.network, mappings_of(settings))
    if settings.feed.path is None and not settings.feed.emulate:
        return _Plan(NoFeed(), SystemClock(), settings.twin.step_s or DEFAULT_STEP_S)
    if settings.feed.path is None:
        return _emulated(settings, context, watch, resume_ns)
    feed = ArchiveFeed(settings.feed.path, context, tell, watch)
    span = feed.scan()
    step_s = settings.twin.step_s or span.step_s
    speed = settings.feed.replay_speed or max(10.0, step_s)
    tell(f"replaying {feed.name} at {speed:g} times its speed")
    if resume_ns > span.first_ns:
        tell(f"going on from {datetime.fromtimestamp(resume_ns // SECOND_NS, UTC):%Y-%m-%d %H:%M:%S} UTC")
        feed.after_ns = resume_ns - SECOND_NS
    return _Plan(feed, ReplayClock(max(span.first_ns - SECOND_NS, resume_ns), speed), step_s)


def _emulated(settings: Settings, context: SourceContext, watch: Watch, resume_ns: int) -> _Plan:
    from ranvier.gateway.emulator.city import EmulatorConfig
    from ranvier.gateway.emulator.network import EmulatedNetwork

    clock, feed = SystemClock(), settings.feed
    config = EmulatorConfig(seed=feed.emulated_seed, sites=feed.emulated_sites, period_s=feed.period_s)
    network = EmulatedNetwork(config)
    past_ns = resume_ns - round(RESENT_S * SECOND_NS)
    emulated = EmulatedFeed(network, context, clock.now_ns(), feed.backfill_s, watch, past_ns)
    return _Plan(emulated, clock, feed.period_s)


def _listening(api: ApiSettings) -> socket.socket:
    """The socket of the API and the page. Raises StoreError where it cannot be had."""
    family = socket.AF_INET6 if ":" in api.host else socket.AF_INET
    try:
        return socket.create_server((api.host, api.port), family=family)
    except OSError as error:
        raise StoreError(
            f"a free port {api.port} on {api.host}", str(error),
            "stop what listens there, or choose another with --port",
        ) from None  # fmt: skip


def _wait_until_up(server: ApiServer, serving: threading.Thread) -> None:
    waited = threading.Event()
    for _ in range(int(START_S / 0.05)):
        if server.started:
            return
        if not serving.is_alive():
            break
        waited.wait(0.05)
    server.should_exit = True
    raise StoreError(f"the API to be up within {START_S:g} s", "no answer", "see what was logged before this")
