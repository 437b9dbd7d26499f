"""`Workers`: the threads of a running platform. Each does one thing in a loop, until told to stop.

    feed ► publish ► log      log ► ingest ► stores      stores ► follower ► forecasts, scores

A worker that fails stops the platform with its reason: a twin that silently does half its work is worse.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from ranvier.fabric.event import ALARMS, DEAD_LETTERS, FEEDBACK, MEASUREMENTS, TOPOLOGY, Payload
from ranvier.fabric.ingest import Ingest, publish
from ranvier.gateway.runtime.feed import Feed
from ranvier.gateway.runtime.twin_platform import TwinPlatform
from ranvier.ontology.errors import StoreError

IDLE_S = 0.2
LONGEST_SILENCE_S = 60.0
PUBLISHED_AT_ONCE = 2_000
MAX_BEHIND_RECORDS = 20_000
STORE_TRIES = 5
TIDY_EVERY_S = 300.0
CATALOGUE_KEPT_S = 30 * 86_400.0
TOPICS = (MEASUREMENTS, FEEDBACK, TOPOLOGY, ALARMS, DEAD_LETTERS)
log = structlog.get_logger("ranvier.workers")


class Workers:
    """The three loops over one platform."""

    def __init__(self, platform: TwinPlatform, feed: Feed) -> None:
        self._platform, self._feed = platform, feed
        self._ingest = _ingest(platform)
        self.stop = threading.Event()
        self._past_in = threading.Event()
        self._feed_done = threading.Event()
        self.failure: BaseException | None = None
        loops = {"feed": self._run_feed, "ingest": self._run_ingest, "twin": self._run_twin}
        self._threads = [
            threading.Thread(target=self._guarded, args=(name, loop), name=f"ranvier-{name}")
            for name, loop in loops.items()
        ]

    def start(self) -> None:
        """Start all loops."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop all loops, wait for them, and leave the consumer groups."""
        self.stop.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        self._ingest.close()

    @property
    def feed_done(self) -> bool:
        """Whether the feed has ended (the user's files have all been replayed)."""
        return self._feed_done.is_set()

    def _guarded(self, name: str, loop: Callable[[], None]) -> None:
        try:
            loop()
        except BaseException as error:
            log.error("a worker failed, so the platform stops", worker=name, error=str(error), exc_info=True)
            self.failure = self.failure or error
            self.stop.set()

    # ------------------------------------------------------------ feed
    def _run_feed(self) -> None:
        clock, batch = self._platform.clock, list[Payload]()
        begun_ns = clock.now_ns()
        for arrival in self._feed.arrivals():
            if arrival.due_ns > clock.now_ns():
                self._publish(batch)
                if not self._past_in.is_set() and arrival.due_ns > begun_ns:
                    self._past_in.set()
                if not clock.wait_until(arrival.due_ns, self.stop, LONGEST_SILENCE_S):
                    return
            batch += arrival.payloads
            if len(batch) >= PUBLISHED_AT_ONCE:
                self._publish(batch)
            if self.stop.is_set():
                return
        self._publish(batch)
        self._past_in.set()
        self._feed_done.set()

    def _publish(self, batch: list[Payload]) -> None:
        """Append a batch to the log, once the sinks are not too far behind: back-pressure."""
        while self._behind() > MAX_BEHIND_RECORDS and not self.stop.wait(IDLE_S):
            pass
        if batch:
            done = publish(self._platform.log, batch, self._feed.name, self._platform.now_ns())
            self._platform.counts.refused += done.dead_letters
            batch.clear()

    def _behind(self) -> int:
        return max(self._platform.figures().sink_lag.values(), default=0)

    # ------------------------------------------------------------ ingest
    def _run_ingest(self) -> None:
        failures, tidied_at_ns = 0, 0
        while not self.stop.is_set():
            try:
                result = self._ingest.step(self._platform.now_ns(), IDLE_S)
            except StoreError as error:
                failures += 1
                if failures >= STORE_TRIES:
                    raise
                log.warning("a store failed; the same records come again", error=str(error), tries=failures)
                self.stop.wait(IDLE_S * 2**failures)
                continue
            failures = 0
            tidied_at_ns = self._tidy(tidied_at_ns)
            self._platform.counts.ingested(result)
            self._platform.counts.refused += result.refused
            if result.changes:
                self._platform.follower.topology_changed()

    def _tidy(self, tidied_at_ns: int) -> int:
        """Forget what the settings say is old, every few minutes; when that was done last."""
        now_ns, store = self._platform.now_ns(), self._platform.settings.store
        if now_ns - tidied_at_ns < TIDY_EVERY_S * 1e9:
            return tidied_at_ns
        if store.log_retention_s is not None:
            for topic in TOPICS:
                self._platform.log.truncate(topic, now_ns - round(store.log_retention_s * 1e9))
        if store.series_retention_s is not None:
            self._platform.series.forget(now_ns - round(store.series_retention_s * 1e9))
        self._platform.stores.catalogue.forget(now_ns - round(CATALOGUE_KEPT_S * 1e9))
        return now_ns

    # ------------------------------------------------------------ twin
    def _run_twin(self) -> None:
        while not (self._past_in.is_set() and self._behind() == 0):
            if self.stop.wait(IDLE_S):
                return
        follower, platform = self._platform.follower, self._platform
        now_ns = platform.now_ns()
        follower.catch_up(now_ns - platform.past_ns, now_ns)
        pause_s = min(IDLE_S, follower.pace.step_ns / 1e9 / 20)
        while not self.stop.is_set():
            if not follower.step(platform.now_ns(), platform.now_ns):
                self.stop.wait(pause_s)


def drain(platform: TwinPlatform) -> None:
    """Take all that the log holds into the stores, for a command that opened them itself."""
    ingest = _ingest(platform)
    try:
        ingest.drain(platform.now_ns())
    finally:
        ingest.close()


def _ingest(platform: TwinPlatform) -> Ingest:
    stores = platform.stores
    return Ingest(
        stores.log, stores.series, stores.graph, stores.ontology,
        platform.settings.ingest.batch_records, platform.now_ns,
    )  # fmt: skip
