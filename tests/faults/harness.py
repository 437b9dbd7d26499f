"""One run: processes up, the stream flows, faults strike; then all drains, and every record is accounted for."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults import profiles
from tests.faults.account import Account
from tests.faults.backends import Backend, backend_for
from tests.faults.disk import SmallDisk
from tests.faults.folder import Folder, Plan
from tests.faults.injector import HOUR_NS, Fault, Injector, chosen
from tests.faults.processes import PlatformIngest, Process, wait_until
from tests.faults.producer import Journal
from tests.faults.stream import Stream
from tests.faults.verify import Era, Stores, verify

DRAIN_S = 300.0
START_S = 300.0
IDLE_STEPS = 4


@dataclass(frozen=True, slots=True)
class Order:
    """What to run.

    servers   which of the three the profile "servers" has; embedded stores stand in for the others
    faults    how many to do; minutes: stop earlier after that long (None: no limit)
    eras      stretches at whose end all is drained, so that later reads can look back at what was known then
    workers   ingest processes that share the work; one of them is the platform's own command where
              `platform` says so and the stores can be shared
    rate_per_s  items of the stream each second
    every_kind  of the first so many faults each kind is one, and the others are kills of ingest
    only      the kinds of faults to draw from, by name; all where it is empty
    oversize  whether some are nearly as large as an event may be, and some larger
    """

    profile: str = profiles.EMBEDDED
    servers: tuple[str, ...] = profiles.ALL
    faults: int = 200
    seed: int = 7
    minutes: float | None = None
    eras: int = 3
    workers: int = 3
    platform: bool = True
    rate_per_s: float = 150.0
    gap_s: float = 0.5
    sabotage: str = ""
    oversize: bool = True
    only: tuple[str, ...] = ()
    every_kind: int = 0


@dataclass(slots=True)
class Outcome:
    """What came of it."""

    order: Order
    account: Account
    faults: list[Fault]
    not_run: dict[str, int]
    seconds: dict[str, float] = field(default_factory=dict)


class Run:
    """The processes and what the faults need of them."""

    def __init__(self, order: Order, folder: Folder, backend: Backend) -> None:
        self.order, self.folder, self.backend = order, folder, backend
        self.clock = folder.clock
        self.clock_floor_ns = 0
        self.pauses_s = backend.pauses_s
        count = order.workers if backend.shared else 1
        self.producer = Process(folder, "producer", "tests.faults.producer", str(folder.path))
        self.workers = [self._worker(number) for number in range(count)]
        self.guests: list[Process] = []
        self._guests = 0
        self.eras: list[Era] = []

    def _worker(self, number: int) -> Process:
        if self.backend.shared and number == self.order.workers - 1 and self.order.platform:
            return PlatformIngest(self.folder, "ranvier-ingest")
        return self._watched(f"ingest-{number}")

    def _watched(self, name: str) -> Process:
        return Process(self.folder, name, "tests.faults.worker", str(self.folder.path), name)

    def guest(self) -> Process:
        """One more ingest process, which the caller stops again."""
        self._guests += 1
        name = f"guest-{self._guests}"
        guest = self._watched(name)
        self.guests.append(guest)
        return guest

    @property
    def disks(self) -> dict[str, SmallDisk]:
        """What can be filled."""
        return self.backend.disks

    def look_after(self) -> None:
        """Start again what ended by itself, and remember that it did."""
        for process in (self.producer, *self.workers):
            process.look_after()

    def steps(self) -> int:
        """How many steps all ingest processes have done."""
        return sum(worker.board.steps for worker in self.workers)

    def wait_for_progress(self, timeout_s: float) -> bool:
        """Whether some ingest process made a step after now."""
        before = self.steps()

        def moved() -> bool:
            self.look_after()
            return self.steps() > before + 1

        return wait_until(moved, timeout_s)

    # ------------------------------------------------------------ the ends of eras
    def end_era(self) -> bool:
        """Hold the producer, let all drain, and move the clock past all that was recorded."""
        self.folder.hold_producing.touch()
        drained = wait_until(lambda: self.producer.board.phase == "idle", DRAIN_S) and self.drain()
        known_at_ns = time.time_ns() + self.clock_floor_ns + 6 * HOUR_NS
        self.eras.append(Era(known_at_ns, self.backend.topology_ends()))
        self.clock_floor_ns += 7 * HOUR_NS
        self.clock.set_offset_ns(self.clock_floor_ns + 2 * HOUR_NS)
        self.folder.hold_producing.unlink()
        return drained

    def drain(self) -> bool:
        """Whether everything in the log came into the stores in time."""

        def done() -> bool:
            self.look_after()
            watched = [worker for worker in self.workers if worker.watched]
            return all(each.board.idle_steps >= IDLE_STEPS for each in watched) and self.backend.drained()

        for worker in self.workers:
            worker.board.idle_steps = 0
        return wait_until(done, DRAIN_S)

    def stop(self) -> None:
        """The producer ends after its batch, the ingest processes after all has drained."""
        self.folder.stop_producing.touch()
        wait_until(lambda: not self.producer.running, DRAIN_S)
        self.producer.wanted = False

    def close(self) -> None:
        """End all processes, whatever happened."""
        for process in (self.producer, *self.workers, *self.guests):
            process.stop()


def perform(order: Order, tell: Callable[[str], None]) -> Outcome:
    """Do the whole of it."""
    begun_s = time.monotonic()
    with ExitStack() as stack:
        path = Path(
            stack.enter_context(
                tempfile.TemporaryDirectory(prefix="ranvier-faults-", ignore_cleanup_errors=True)
            )
        )
        folder = Folder(path)
        backend = stack.enter_context(backend_for(order.profile, order.servers, folder))
        folder.write_plan(
            Plan(
                order.seed,
                order.rate_per_s,
                oversize=order.oversize,
                sabotage=order.sabotage,
                servers=dict(backend.addresses),
            )  # type: ignore[arg-type]
        )
        folder.clock.set_offset_ns(2 * HOUR_NS)
        up_s = time.monotonic()
        run = Run(order, folder, backend)
        stack.callback(run.close)
        faults = _strike_all(run, order, tell)
        flown_s = time.monotonic()
        run.stop()
        drained = run.drain()
        drained_s = time.monotonic()
        tell("all faults done; the processes stop, and every record is looked for")
        run.close()
        account = _account(run, order, drained)
        seconds = {
            "servers up": up_s - begun_s, "faults": flown_s - up_s, "drain": drained_s - flown_s,
            "verification": time.monotonic() - drained_s,
        }  # fmt: skip
        return Outcome(order, account, faults.done, dict(faults.not_run), seconds)


def _strike_all(run: Run, order: Order, tell: Callable[[str], None]) -> Injector:
    faults = Injector(run, order.seed, chosen(run.backend.weights, order.only), order.every_kind)
    end_s = time.monotonic() + (order.minutes * 60 if order.minutes else float("inf"))
    if not run.wait_for_progress(START_S):
        raise SystemExit(f"ingest does not work even without faults: {run.workers[0].complaint()}")
    era = 1
    while len(faults.done) < order.faults and time.monotonic() < end_s:
        run.look_after()
        fault = faults.strike()
        if fault:
            tell(
                f"{fault.number}/{order.faults} at {fault.at_s:.1f} s: {fault.kind} · {fault.target} · {fault.hit}"
            )
        faults.pause(order.gap_s)
        if len(faults.done) >= era * order.faults / order.eras and len(faults.done) < order.faults:
            drained = run.end_era()
            tell(f"era {era} of {order.eras} {'drained' if drained else 'did NOT drain in time'}")
            era += 1
    return faults


def _account(run: Run, order: Order, drained: bool) -> Account:
    stream = Stream(order.seed, order.oversize)
    items = [stream.next() for _ in range(Journal(run.folder.journal).acknowledged())]
    with run.backend.opened() as stores:
        account = verify(
            Stores(*stores), items, run.eras, run.backend.rows(stores[2]), run.backend.letters_once
        )
    if not drained:
        account.differ("did not drain", f"not idle {DRAIN_S:g} s after the last fault")
    for process in (run.producer, *run.workers, *run.guests):
        for end in process.ended_by_itself:
            account.differ("process that ended by itself", f"{process.name}: {end}")
    account.count("errors that ingest met and retried", sum(worker.board.errors for worker in run.workers))
    return account
