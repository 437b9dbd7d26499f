"""A whole platform on embedded stores, on a clock that the test moves: no threads, no waiting."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ranvier.fabric.ingest import Ingest, publish
from ranvier.fabric.sources.source import SourceContext
from ranvier.gateway.bootstrap import open_platform
from ranvier.gateway.emulator.city import EmulatorConfig
from ranvier.gateway.emulator.network import EmulatedNetwork
from ranvier.gateway.runtime.feed import EmulatedFeed
from ranvier.gateway.runtime.twin_platform import FeedName, TwinPlatform
from ranvier.gateway.settings import load_settings

SECOND_NS = 10**9
START_NS = 1_767_225_600 * SECOND_NS
PERIOD_S = 10


class Hand:
    """A clock that the test moves."""

    def __init__(self, now_ns: int) -> None:
        self.ns = now_ns

    def now_ns(self) -> int:
        return self.ns

    def wait_until(self, due_ns: int, stop: threading.Event, skip_after_s: float | None = None) -> bool:
        del stop, skip_after_s
        self.ns = max(self.ns, due_ns)
        return True


class Loop:
    """The emulated network, the platform and the clock, moved on together."""

    def __init__(self, platform: TwinPlatform, feed: EmulatedFeed, clock: Hand) -> None:
        self.platform, self.clock = platform, clock
        self._arrivals = feed.arrivals()
        self._held = next(self._arrivals)
        stores = platform.stores
        self.ingest = Ingest(stores.log, stores.series, stores.graph, stores.ontology, clock=clock.now_ns)

    def live_until(self, end_ns: int) -> None:
        """Let the network live until `end_ns`, a second at a time, and the twin after it."""
        while self.clock.ns < end_ns:
            self.clock.ns = min(self.clock.ns + SECOND_NS, end_ns)
            self._publish_due()
            if self.ingest.drain(self.clock.ns).changes:
                self.platform.follower.topology_changed()
            self.platform.follower.step(self.clock.ns)

    def take_in_the_past(self) -> None:
        """Ingest what the feed sends of its past, and let the twin catch up with it."""
        self._publish_due()
        self.ingest.drain(self.clock.ns)
        self.platform.follower.catch_up(self.clock.ns - self.platform.past_ns, self.clock.ns)

    def _publish_due(self) -> None:
        payloads = []
        while self._held.due_ns <= self.clock.ns:
            payloads += self._held.payloads
            self._held = next(self._arrivals)
        publish(self.platform.log, payloads, "emulated", self.clock.ns)


@contextmanager
def _running(folder: Path, now_ns: int, backfill_s: float, **given: Any) -> Iterator[Loop]:
    settings = load_settings(None, store={"folder": folder}, network="emulated", **given)
    clock = Hand(now_ns)
    with open_platform(settings, clock, FeedName("emulated network", True), PERIOD_S) as platform:
        network = EmulatedNetwork(EmulatorConfig(seed=3, sites=3, period_s=PERIOD_S))
        context = SourceContext("", platform.ontology, network="emulated")
        loop = Loop(platform, EmulatedFeed(network, context, now_ns, backfill_s), clock)
        try:
            yield loop
        finally:
            loop.ingest.close()


@pytest.fixture
def running() -> Callable[..., object]:
    """Opens a platform over a folder at a time: `with running(folder, now_ns, backfill_s) as loop`."""
    return _running
