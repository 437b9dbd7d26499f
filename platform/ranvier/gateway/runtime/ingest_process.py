"""`ranvier ingest` without files: a process that takes records from the log into the stores, beside others.

    Kafka ► consumer groups, shared by partitions ─┬─ ingest process 1 ─┐
                                                   ├─ ingest process 2 ─┼─► Neo4j, InfluxDB
                                                   └─ ingest in the main job ─┘

Each process joins the same two groups. When one goes, the others take its partitions over and go on where the
stores say, so nothing is lost or taken twice. Only servers can be shared so: an embedded store has one writing
process.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
import time
from multiprocessing.context import SpawnProcess

import structlog

from ranvier.fabric.ingest import Ingest
from ranvier.fabric.sinks import StepResult
from ranvier.gateway import logs
from ranvier.gateway.bootstrap import open_ports
from ranvier.gateway.clock import SystemClock
from ranvier.gateway.runtime import long_lived
from ranvier.gateway.runtime.patience import Patience, Troubles
from ranvier.gateway.runtime.sink_lag import SinkLag
from ranvier.gateway.runtime.stores import Ports
from ranvier.gateway.runtime.workers import IDLE_S, give_up_after_s
from ranvier.gateway.settings import Settings
from ranvier.ontology.errors import InputError, RanvierError, StoreError
from ranvier.ontology.ontology import Ontology, load

TELL_EVERY_S = 10.0
RESTART_S = 2.0
LAG_WAIT_S = 2.0
SHORT_LIFE_S, SHORT_LIVES = 20.0, 5
"""A process that ends so soon after its start, so many times running, has a reason that does not pass."""
STOP_S = 60.0
log = structlog.get_logger("ranvier.ingest")


def check_shareable(settings: Settings) -> None:
    """Raises InputError where the stores cannot be shared by processes."""
    if settings.profile != "servers":
        raise InputError(
            "files to take in, or the profile servers", f"neither, with the profile {settings.profile}",
            "name files, or give --profile servers: embedded stores have one writing process",
        )  # fmt: skip


def ingest_until(stop: threading.Event, settings: Settings) -> StepResult:
    """Take records in until told to stop; what was taken. The batch under way is finished first.

    Raises StoreError once a store has failed for longer than `ingest.give_up_after_s`.
    """
    check_shareable(settings)
    ontology, troubles = load(), Troubles()
    with open_ports(settings, ontology, settings.servers.start_wait_s) as ports:
        patience = Patience("ingest", give_up_after_s(settings), stop, troubles)
        ingest = patience.insist(lambda: _ingest(ports, settings, ontology))
        if ingest is None:
            return StepResult()
        long_lived.keep()
        try:
            _take(ingest, ports, patience, stop)
        finally:
            long_lived.let_go()
            _leave(ingest)
    return ingest.total


def _ingest(ports: Ports, settings: Settings, ontology: Ontology) -> Ingest:
    batch, clock = settings.ingest.batch_records, SystemClock()
    return Ingest(ports.log, ports.series, ports.graph, ontology, batch, clock.now_ns, overlap=True)


def _take(ingest: Ingest, ports: Ports, patience: Patience, stop: threading.Event) -> None:
    clock, told_s = SystemClock(), time.monotonic()
    lag = SinkLag(ports.log, 0.0, LAG_WAIT_S)
    log.info("ingest goes on")
    while not stop.is_set():
        patience.attempt(lambda: ingest.step(clock.now_ns(), IDLE_S))
        if time.monotonic() - told_s >= TELL_EVERY_S:
            told_s = time.monotonic()
            log.info("ingest is well", **_told(ingest.total), behind=lag.shown() or "unknown")


def _told(total: StepResult) -> dict[str, int]:
    return {
        "records": total.records, "points": total.points, "changes": total.changes, "refused": total.refused,
    }  # fmt: skip


def _leave(ingest: Ingest) -> None:
    try:
        ingest.close()
        log.info("ingest has left its groups", **_told(ingest.total))
    except StoreError as error:  # the group sees this member out by itself, after a while
        log.warning("left the consumer groups without telling the log", error=str(error))


# ---------------------------------------------------------------- several
def ingest_in_processes(stop: threading.Event, settings: Settings, count: int) -> None:
    """Keep `count` ingest processes running until told to stop; one that ends is started again.

    Raises StoreError where a process keeps ending soon after its start.
    """
    check_shareable(settings)
    with open_ports(settings, load(), settings.servers.start_wait_s):
        pass  # one clear error here, rather than the same from each process
    children = [_Child(settings, number) for number in range(count)]
    try:
        while not stop.wait(0.2):
            for child in children:
                child.look_after()
    finally:
        for child in children:
            child.tell_to_stop()
        for child in children:
            child.wait()


class _Child:
    """One ingest process, and how it has fared."""

    def __init__(self, settings: Settings, number: int) -> None:
        self._settings, self._number = settings, number
        self._process: SpawnProcess | None = None
        self._started_s = self._ended_s = float("-inf")
        self._short_lives = 0

    def look_after(self) -> None:
        """Start it where it does not run, a moment after it ended."""
        now_s = time.monotonic()
        if self._process is not None and not self._process.is_alive():
            self._ended(now_s)
        if self._process is None and now_s - self._ended_s >= RESTART_S:
            context = multiprocessing.get_context("spawn")
            self._process = context.Process(
                target=_child_main, args=(self._settings,), name=f"ranvier-ingest-{self._number}"
            )
            self._process.start()
            self._started_s = now_s
            log.info("started an ingest process", number=self._number, pid=self._process.pid)

    def _ended(self, now_s: float) -> None:
        assert self._process is not None
        status = self._process.exitcode
        self._process.close()
        self._process, self._ended_s = None, now_s
        self._short_lives = self._short_lives + 1 if now_s - self._started_s < SHORT_LIFE_S else 0
        log.error("an ingest process ended; starting another", number=self._number, status=status)
        if self._short_lives >= SHORT_LIVES:
            raise StoreError(
                "ingest processes that go on", f"{self._short_lives} that ended soon, the last with {status}",
                "see what they logged",
            )  # fmt: skip

    def tell_to_stop(self) -> None:
        """Ask it to finish its batch and leave."""
        if self._process is not None and self._process.is_alive():
            self._process.terminate()

    def wait(self) -> None:
        """Until it has ended; it is killed where it takes too long, which loses nothing."""
        if self._process is None:
            return
        self._process.join(STOP_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process.close()
        self._process = None


def _child_main(settings: Settings) -> None:
    """What a child runs: until it is told to stop, or its parent is gone."""
    logs.configure()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    threading.Thread(target=_follow_parent, args=(stop,), name="ranvier-parent", daemon=True).start()
    try:
        ingest_until(stop, settings)
    except RanvierError as error:
        log.error("ingest failed", error=str(error))
        raise SystemExit(1) from None


def _follow_parent(stop: threading.Event) -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        stop.set()
