"""An ingest process: the platform's own `Ingest`, retried as the platform does, until SIGTERM.

What stands between it and the stores only tells the harness what the process is doing, and can be asked to
hold a call of a store while others join or leave the group. A sabotage, where the plan names one, breaks it
on purpose: it shows that the verifier notices.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from ranvier.fabric.event import DEAD_LETTERS
from ranvier.fabric.ingest import Ingest
from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.ports import Consumer, Entry, EventLog, GraphStore, Offsets, Record, SeriesStore
from ranvier.fabric.topology_change import TopologyChange
from ranvier.ontology.errors import StoreError
from tests.faults import sabotage
from tests.faults.folder import Board, Folder
from tests.faults.profiles import ontology, open_graph, open_log, open_series, patiently

WAIT_S = 0.2
BATCH = 200
LONGEST_PAUSE_S = 2.0


class Doing:
    """What the threads of ingest are doing: the board has room for one, and shows what tells most of a fault."""

    def __init__(self, board: Board) -> None:
        self.board, self._lock = board, threading.Lock()
        self._under_way: list[str] = []
        self._before = "idle"

    @contextlib.contextmanager
    def phase(self, phase: str) -> Iterator[None]:
        """It is under way inside the context."""
        with self._lock:
            if not self._under_way:
                self._before = self.board.phase
            self._under_way.append(phase)
            self._show()
        try:
            yield
        finally:
            with self._lock:
                self._under_way.remove(phase)
                self._show()

    def _show(self) -> None:
        """A poll goes on beside all else, so it comes last."""
        shown = [phase for phase in self._under_way if phase != "polling"] or self._under_way
        self.board.enter(shown[-1] if shown else self._before)


class Watched:
    """What does not matter to the harness goes to the store unchanged."""

    def __init__(self, inner: Any, doing: Doing) -> None:
        self._inner, self._doing = inner, doing

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    @contextlib.contextmanager
    def _phase(self, phase: str) -> Iterator[None]:
        with self._doing.phase(phase):
            self._come_by(phase, after=False)
            yield
            self._come_by(phase, after=True)

    def _come_by(self, phase: str, after: bool) -> None:
        """Wait where the harness has set a trap: a call that takes long, or a victim that is to be killed here."""
        board = self._doing.board
        seconds = board.spring(phase, after)
        if seconds:
            board.held += 1
            time.sleep(seconds)


class WatchedSeries(Watched):
    """A SeriesStore whose writes are seen."""

    def write(
        self, reports: Sequence[MeasurementReport], recorded_at_ns: int | Sequence[int],
        offsets: Offsets | None = None,
    ) -> int:  # fmt: skip
        with self._phase("storing series"):
            written: int = self._inner.write(reports, recorded_at_ns, offsets)
            return written


class WatchedGraph(Watched):
    """A GraphStore whose writes are seen."""

    def apply(
        self, changes: Sequence[TopologyChange], recorded_at_ns: int | Sequence[int],
        offsets: Offsets | None = None,
    ) -> int:  # fmt: skip
        with self._phase("storing graph"):
            altered: int = self._inner.apply(changes, recorded_at_ns, offsets)
            return altered


class WatchedConsumer(Watched):
    """A consumer whose polls and commits are seen."""

    def poll(self, max_records: int, timeout_s: float = 0.0) -> list[Record]:
        with self._phase("polling"):
            found: list[Record] = self._inner.poll(max_records, timeout_s)
            return found

    def commit(self, offsets: Mapping[tuple[str, int], int]) -> None:
        with self._phase("committing"):
            self._inner.commit(offsets)


class WatchedLog(Watched):
    """An EventLog whose dead letters and consumers are seen."""

    def append(self, topic: str, entries: Sequence[Entry], recorded_at_ns: int) -> None:
        with self._phase("sending letters" if topic == DEAD_LETTERS else "publishing"):
            self._inner.append(topic, entries, recorded_at_ns)

    def consumer(self, group: str, topics: Sequence[str]) -> Consumer:
        made: Any = WatchedConsumer(self._inner.consumer(group, topics), self._doing)
        return made  # type: ignore[no-any-return]


class Worker:
    """Opens the stores, and steps until told to stop."""

    def __init__(self, folder: Folder, name: str) -> None:
        self._folder, self._board = folder, folder.board(name)
        self._board.enter("starting")
        self._board.idle_steps = 0
        self._clock, self._stopped = folder.clock, False
        signal.signal(signal.SIGTERM, self._stop)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopped = True

    def run(self) -> None:
        """Until SIGTERM."""
        board, broken = self._board, self._folder.plan.sabotage
        log: EventLog = patiently(lambda: open_log(self._folder), board)
        graph: GraphStore = patiently(lambda: open_graph(self._folder), board)
        series: SeriesStore = patiently(lambda: open_series(self._folder), board)
        log, graph, series = sabotage.apply(broken, log, graph, series)
        doing = Doing(board)
        watched: tuple[Any, ...] = (
            WatchedLog(log, doing),
            WatchedSeries(series, doing),
            WatchedGraph(graph, doing),
        )

        def join() -> Ingest:
            overlap = bool(self._folder.plan.servers)
            return Ingest(*watched, ontology(), BATCH, self._clock.now_ns, overlap)

        ingest = patiently(join, board)
        self._loop(ingest)
        for each in (ingest, log, graph, series):
            with contextlib.suppress(StoreError):
                each.close()
        board.enter("ended")

    def _loop(self, ingest: Ingest) -> None:
        failures = 0
        while not self._stopped:
            self._board.enter("idle")
            try:
                result = ingest.step(self._clock.now_ns(), WAIT_S)
            except StoreError as error:
                failures += 1
                self._board.errors += 1
                self._board.idle_steps = 0
                self._board.enter("waiting after an error")
                print(f"again ({failures}): {error}", file=sys.stderr, flush=True)
                time.sleep(min(WAIT_S * 2**failures, LONGEST_PAUSE_S))
                continue
            failures = 0
            self._board.steps += 1
            self._board.idle_steps = 0 if result.records else self._board.idle_steps + 1


def main() -> None:
    """`python -m tests.faults.worker FOLDER NAME`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("name")
    options = parser.parse_args()
    Worker(Folder(options.folder), options.name).run()


if __name__ == "__main__":
    main()
