"""Faults, drawn from a seed: which, when, on whom, and at which moment of the victim's work.

A kind is a function of the run that strikes and says what it hit; what it broke it also mends, some seconds
later. `weights` of a profile say how often each kind is drawn.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.faults.processes import Process, wait_until

if TYPE_CHECKING:
    from tests.faults.harness import Run

HOUR_NS = 3600 * 10**9
AIMS = ("storing series", "storing graph", "sending letters", "committing", "polling")
STORING = ("storing series", "storing graph")
AIM_S = 4.0
HELD_TENTHS_S = 100
RECOVERY_S = 90.0


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault that was done. `at_s` since the run began; `hit` is what the victim was doing."""

    number: int
    at_s: float
    kind: str
    target: str
    hit: str
    lasted_s: float


class NotRun(Exception):
    """A fault that cannot be done here, with the reason."""


Strike = Callable[["Run", random.Random], tuple[str, str]]
"""Does a fault; the target and what it hit."""


def kill_ingest(run: Run, rng: random.Random) -> tuple[str, str]:
    """`kill -9` of an ingest process: before or after a step of its work, or at any moment."""
    worker, how = rng.choice(run.workers), rng.random()
    if how < 0.6 and worker.watched:
        hit = trapped(worker, rng)
    elif how < 0.9:
        time.sleep(rng.random() * 0.5)
        hit = worker.board.phase
    else:  # while it starts, or joins
        worker.kill()
        worker.restart()
        time.sleep(rng.random() * 4)
        hit = worker.board.phase
    worker.kill()
    time.sleep(rng.choice([0.0, 0.0, rng.random() * 2]))
    worker.restart()
    return worker.name, hit


def trapped(
    worker: Process, rng: random.Random, tenths_s: int = HELD_TENTHS_S, aims: Sequence[str] = AIMS
) -> str:
    """Hold the process right before or after a call; where, or what it is doing if it does not come by."""
    phase, after, held = rng.choice(aims), rng.random() < 0.5, worker.board.held
    worker.board.set_trap(phase, after, tenths_s)
    if wait_until(lambda: worker.board.held > held or not worker.running, AIM_S, 0.002) and worker.running:
        return f"{'after' if after else 'before'} {phase}"
    worker.board.take_trap_away()
    return worker.board.phase


def kill_producer(run: Run, rng: random.Random) -> tuple[str, str]:
    """`kill -9` of the producer; it goes on from its journal."""
    hit = run.producer.kill()
    run.producer.restart()
    return "producer", hit


def pause_ingest(run: Run, rng: random.Random) -> tuple[str, str]:
    """SIGSTOP of an ingest process, half the times within a call of a store, and for a drawn time.

    On Kafka the longest is longer than a session: others take its partitions over, and it does not know that
    when it wakes and flushes what it held.
    """
    worker, seconds = rng.choice(run.workers), rng.choice(run.pauses_s)
    if not worker.watched:
        time.sleep(rng.random())
    elif rng.random() < 0.5:
        trapped(worker, rng, 5, STORING)
    else:
        wait_until(lambda: worker.board.phase in STORING, AIM_S, 0.0005)
    hit = worker.pause()
    time.sleep(seconds)
    worker.resume()
    return worker.name, f"{hit}, for {seconds:g} s"


def jump_clock(run: Run, rng: random.Random) -> tuple[str, str]:
    """The clock of all our processes jumps, by seconds or hours, forwards or backwards."""
    before = run.clock.offset_ns
    by_ns = round(rng.choice([rng.uniform(-30, 30) * 1e9, rng.uniform(-4, 4) * HOUR_NS]))
    lowest, highest = run.clock_floor_ns, run.clock_floor_ns + 5 * HOUR_NS
    by_ns = by_ns if lowest < before + by_ns < highest else -by_ns
    after = min(max(before + by_ns, lowest), highest)
    run.clock.set_offset_ns(after)
    return "clock", f"jumped by {(after - before) / 1e9:+.1f} s"


def fill_disk(run: Run, rng: random.Random) -> tuple[str, str]:
    """The file system under a server's data, or the embedded stores', fills up; some seconds later it is freed."""
    name = rng.choice(sorted(run.disks))
    disk = run.disks[name]
    if not disk.mounted:
        raise NotRun(f"no small file system could be mounted: {disk.reason}")
    size = disk.fill()
    time.sleep(rng.uniform(2.0, 6.0))
    disk.free()
    restarted = run.backend.mend(name)
    return name, f"{size / 2**20:.0f} MiB of ballast" + (", restarted" if restarted else "")


EMBEDDED_WEIGHTS: dict[Strike, float] = {
    kill_ingest: 12, kill_producer: 2, pause_ingest: 1, jump_clock: 3, fill_disk: 1,
}  # fmt: skip


def chosen(weights: dict[Strike, float], names: Sequence[str]) -> dict[Strike, float]:
    """The kinds of those names; all of them where there are no names."""
    found = {kind: weight for kind, weight in weights.items() if not names or _name(kind) in names}
    if not found:
        raise SystemExit(f"expected some of {', '.join(map(_name, weights))}; got {', '.join(names)}")
    return found


SERVER_KILLS = frozenset({"kill broker", "kill neo4j", "kill influx"})


class Injector:
    """Draws and does faults, one after the other, and writes them down."""

    def __init__(self, run: Run, seed: int, weights: dict[Strike, float], first: int = 0) -> None:
        """The first so many faults are every kind once, in a drawn order, among kills of ingest."""
        self._run, self._rng, self._weights = run, random.Random(f"faults {seed}"), weights
        self._first = [*weights, *[kill_ingest] * (first - len(weights))] if first else []
        self._rng.shuffle(self._first)
        self._begun_s = time.monotonic()
        self.done: list[Fault] = []
        self.not_run: Counter[str] = Counter()

    def strike(self) -> Fault | None:
        """Do one fault; None where what was drawn cannot be done here."""
        weights = {kind: w for kind, w in self._weights.items() if _name(kind) not in self._too_many()}
        (kind,) = self._rng.choices(list(weights or self._weights), list((weights or self._weights).values()))
        kind = self._first.pop() if self._first else kind
        begun_s = time.monotonic()
        try:
            target, hit = kind(self._run, self._rng)
        except NotRun as reason:
            self.not_run[f"{_name(kind)}: {reason}"] += 1
            self._weights = {each: weight for each, weight in self._weights.items() if each is not kind}
            return None
        fault = Fault(
            len(self.done) + 1, round(begun_s - self._begun_s, 3), _name(kind), target, hit,
            round(time.monotonic() - begun_s, 3),
        )  # fmt: skip
        self.done.append(fault)
        return fault

    def _too_many(self) -> frozenset[str]:
        """Kills of servers, where one more would be over a fifth of the faults (or over the first three)."""
        kills = 1 + sum(fault.kind in SERVER_KILLS for fault in self.done)
        return SERVER_KILLS if kills > max(3, (len(self.done) + 1) / 5) else frozenset()

    def pause(self, gap_s: float) -> None:
        """Wait until the next one is due: mostly after work has gone on, sometimes in the middle of recovery."""
        if self._rng.random() < 0.75:
            self._run.wait_for_progress(RECOVERY_S)
        time.sleep(self._rng.uniform(0, 2 * gap_s))


def _name(kind: Strike) -> str:
    return kind.__name__.replace("_", " ")
