"""`Workers`: the threads of a running platform. Each does one thing in a loop, until told to stop.

    feed ► publish ► log      log ► ingest ► stores      stores ► follower ► forecasts, scores
    housekeeping: what the settings say is old is forgotten

A store that fails is tried again for a time, since a server may be away; all that needs it waits meanwhile. A
worker that fails for another reason, or for too long, stops the platform with its reason: a twin that silently
does half its work is worse.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

import structlog

from ranvier.fabric.event import ALARMS, DEAD_LETTERS, FEEDBACK, MEASUREMENTS, TOPOLOGY, Payload
from ranvier.fabric.ingest import Ingest, publish
from ranvier.fabric.ports import Entry, EventLog, Offsets
from ranvier.gateway.runtime import long_lived
from ranvier.gateway.runtime.feed import Feed
from ranvier.gateway.runtime.patience import Patience
from ranvier.gateway.runtime.sink_lag import SINKS, Backlog
from ranvier.gateway.runtime.twin_platform import TwinPlatform
from ranvier.gateway.settings import Settings
from ranvier.ontology.errors import StoreError

IDLE_S = 0.2
LONGEST_SILENCE_S = 60.0
PUBLISHED_AT_ONCE = 2_000
MAX_BEHIND_RECORDS = 20_000
TIDY_EVERY_S = 300.0
TOPOLOGY_LOOK_S = 1.0
CATALOGUE_KEPT_S = 30 * 86_400.0
GIVE_UP_AFTER_S = {"servers": 600.0, "embedded": 10.0}
SINK_TOPICS = (MEASUREMENTS, FEEDBACK, TOPOLOGY)
TOPICS = (*SINK_TOPICS, ALARMS, DEAD_LETTERS)
log = structlog.get_logger("ranvier.workers")


class Workers:
    """The loops over one platform."""

    def __init__(self, platform: TwinPlatform, feed: Feed) -> None:
        self._platform, self._feed = platform, feed
        self._ingest = _ingest(platform) if platform.settings.ingest.in_main_job else None
        self.stop = threading.Event()
        self._past_in = threading.Event()
        self._feed_done = threading.Event()
        self._backlog = Backlog(platform.sink_lag, IDLE_S)
        self.failure: BaseException | None = None
        loops = {"feed": self._run_feed, "twin": self._run_twin, "housekeeping": self._run_housekeeping}
        if self._ingest is not None:
            loops["ingest"] = self._run_ingest
        self._threads = [
            threading.Thread(target=self._guarded, args=(name, loop), name=f"ranvier-{name}")
            for name, loop in loops.items()
        ]

    def start(self) -> None:
        """Start all loops."""
        long_lived.keep()
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop all loops, wait for them, and leave the consumer groups."""
        self.stop.set()
        long_lived.let_go()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        if self._ingest is None:
            return
        try:
            self._ingest.close()
        except StoreError as error:  # the group sees this member out by itself, after a while
            log.warning("left the consumer groups without telling the log", error=str(error))

    @property
    def feed_done(self) -> bool:
        """Whether the feed has ended (the user's files have all been replayed)."""
        return self._feed_done.is_set()

    @property
    def caught_up(self) -> bool:
        """Whether the stores hold all that the log does; False while the log does not answer."""
        try:
            return not any(self._platform.sink_lag.now().values())
        except StoreError:
            return False

    def _guarded(self, name: str, loop: Callable[[], None]) -> None:
        try:
            loop()
        except BaseException as error:
            log.error("a worker failed, so the platform stops", worker=name, error=str(error), exc_info=True)
            self.failure = self.failure or error
            self.stop.set()

    def _patience(self, worker: str) -> Patience:
        bound_s = give_up_after_s(self._platform.settings)
        return Patience(worker, bound_s, self.stop, self._platform.troubles)

    # ------------------------------------------------------------ feed
    def _run_feed(self) -> None:
        clock, batch, patience = self._platform.clock, list[Payload](), self._patience("feed")
        begun_ns = clock.now_ns()
        for arrival in self._feed.arrivals():
            if arrival.due_ns > clock.now_ns():
                self._publish(batch, patience)
                if not self._past_in.is_set() and arrival.due_ns > begun_ns:
                    self._past_in.set()
                if not clock.wait_until(arrival.due_ns, self.stop, LONGEST_SILENCE_S):
                    return
            batch += arrival.payloads
            if len(batch) >= PUBLISHED_AT_ONCE:
                self._publish(batch, patience)
            if self.stop.is_set():
                return
        self._publish(batch, patience)
        self._past_in.set()
        self._feed_done.set()

    def _publish(self, batch: list[Payload], patience: Patience) -> None:
        """Append a batch to the log, once the sinks are not too far behind: back-pressure."""
        if not batch:
            return
        while not self.stop.is_set() and (patience.insist(self._backlog.records) or 0) > MAX_BEHIND_RECORDS:
            self.stop.wait(IDLE_S)
        # The same log and time for each attempt: what was appended is not appended again.
        to, now_ns = _ResumedLog(self._platform.log), self._platform.now_ns()
        done = patience.insist(lambda: publish(to.again(), batch, self._feed.name, now_ns))
        if done is not None:
            self._backlog.grew(len(batch))
            self._platform.counts.refused += done.dead_letters
            batch.clear()

    # ------------------------------------------------------------ ingest
    def _run_ingest(self) -> None:
        assert self._ingest is not None
        ingest, patience = self._ingest, self._patience("ingest")
        while not self.stop.is_set():
            result = patience.attempt(lambda: ingest.step(self._platform.now_ns(), IDLE_S))
            if result is None:
                continue  # the same records come again
            self._platform.counts.ingested(result)
            self._platform.counts.refused += result.refused
            if result.changes:
                self._platform.follower.topology_changed()

    # ------------------------------------------------------------ housekeeping
    def _run_housekeeping(self) -> None:
        """Forget what the settings say is old, every few minutes on the platform's clock."""
        tidied_at_ns = 0
        while not self.stop.wait(IDLE_S):
            now_ns = self._platform.now_ns()
            if now_ns - tidied_at_ns < TIDY_EVERY_S * 1e9:
                continue
            try:
                self._tidy(now_ns)
            except StoreError as error:  # nothing is lost by keeping things for longer
                log.warning("what is old could not be forgotten; trying again later", error=str(error))
            tidied_at_ns = now_ns

    def _tidy(self, now_ns: int) -> None:
        store = self._platform.settings.store
        if store.log_retention_s is not None:
            for topic in TOPICS:
                self._platform.log.truncate(topic, now_ns - round(store.log_retention_s * 1e9))
        if store.series_retention_s is not None:
            self._platform.series.forget(now_ns - round(store.series_retention_s * 1e9))
        self._platform.stores.catalogue.forget(now_ns - round(CATALOGUE_KEPT_S * 1e9))

    # ------------------------------------------------------------ twin
    def _run_twin(self) -> None:
        patience = self._patience("twin")
        past = _Past(self._platform.log)
        while not (self._past_in.is_set() and patience.insist(past.is_stored)):
            if self.stop.wait(IDLE_S):
                return
        follower, platform = self._platform.follower, self._platform
        patience.insist(self._catch_up)
        pause_s = min(IDLE_S, follower.pace.step_ns / 1e9 / 20)
        watch = _TopologyWatch(platform)
        while not self.stop.is_set():
            watch.look()
            if not patience.attempt(lambda: follower.step(platform.now_ns(), platform.now_ns)):
                self.stop.wait(pause_s)

    def _catch_up(self) -> None:
        """Take in the past; after a failure from where the twin had come to."""
        follower, now_ns = self._platform.follower, self._platform.now_ns()
        from_ns = now_ns - self._platform.past_ns
        if follower.state is not None:
            from_ns = max(from_ns, follower.state.as_of_ns)
        follower.catch_up(from_ns, now_ns)


class _Past:
    """What the log held when the past was in. The stores may never hold all: more comes in all the time."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._goal: Offsets | None = None

    def is_stored(self) -> bool:
        """Whether the sinks have come that far. The first call sets the goal."""
        ends = {place: end for topic in SINK_TOPICS for place, end in self._log.offsets(topic).items()}
        if self._goal is None:
            self._goal = ends
        behind = {place: count for sink in SINKS for place, count in self._log.lag(sink).items()}
        return all(ends[place] - behind.get(place, 0) >= goal for place, goal in self._goal.items())


class _TopologyWatch:
    """Tells the twin of changes that other processes wrote: with servers, any ingest process may have."""

    def __init__(self, platform: TwinPlatform) -> None:
        self._platform = platform
        self._shared = platform.settings.profile == "servers"
        self._seen: Offsets | None = None
        self._looked_s = float("-inf")

    def look(self) -> None:
        """Compare how far the graph has come, now and then. What it cannot read now it reads the next time."""
        if not self._shared or time.monotonic() - self._looked_s < TOPOLOGY_LOOK_S:
            return
        self._looked_s = time.monotonic()
        try:
            offsets = self._platform.graph.offsets()
        except StoreError:
            return
        if self._seen is not None and offsets != self._seen:
            self._platform.follower.topology_changed()
        self._seen = offsets


class _ResumedLog:
    """A log that lets the same batch be appended again after a failure, from where it failed on."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._done = self._asked = 0

    def again(self) -> EventLog:
        """From the beginning of the batch."""
        self._asked = 0
        return self  # type: ignore[return-value]  # only `append` is asked of it

    def append(self, topic: str, entries: Sequence[Entry], recorded_at_ns: int) -> None:
        """Append, unless this call of the sequence has succeeded before."""
        self._asked += 1
        if self._asked > self._done:
            self._log.append(topic, entries, recorded_at_ns)
            self._done = self._asked


def give_up_after_s(settings: Settings) -> float:
    """How long a failing store is tried again."""
    return settings.ingest.give_up_after_s or GIVE_UP_AFTER_S[settings.profile]


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
        platform.settings.ingest.batch_records, platform.now_ns, platform.settings.profile == "servers",
    )  # fmt: skip
