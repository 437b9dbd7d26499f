"""The replay: an archive as it would have been lived through, and nothing of what came after.

    Cursor.take(t) ► Synchroniser.update ► issue (copies, sealed) ► Scoreboard.enter
                 └────────────────────────► Scoreboard.observe ► score what is settled

Leak-free by construction: the cursor has not read beyond t when the predictors are asked, they are handed
copies, and what they say is sealed before the cursor moves on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ranvier.dtops.forecast import Target
from ranvier.dtops.issue import issue
from ranvier.dtops.ports import Predictor, Synchroniser
from ranvier.dtops.referee.chronicle import Chronicle, Cursor, Points
from ranvier.dtops.referee.graph_fold import GraphFold
from ranvier.dtops.referee.scoreboard import Scoreboard
from ranvier.dtops.twin_state import TwinState
from ranvier.fabric.ports import Ledger

SECOND_NS = 10**9
Progress = Callable[[str, float], None]
"""Called with what is being done and the share of it that is done."""


def silent(what: str, share: float) -> None:
    """Progress that nobody watches."""
    del what, share


@dataclass(frozen=True, slots=True)
class Schedule:
    """When forecasts are issued, and which blocks of time they fall in.

    every_ns   between two issues; none is made while nothing becomes known
    extra_ns   further issue times, rising: those of a third party's forecasts
    block_ns   length of a block of the bootstrap; a silence of `gap_ns` also ends a block
    settle_ns  how long after its valid time an outcome may still come
    """

    every_ns: int
    block_ns: int
    gap_ns: int
    settle_ns: int
    extra_ns: tuple[int, ...] = ()


@dataclass(slots=True)
class _Blocks:
    """Numbers the blocks as time goes on."""

    schedule: Schedule
    number: int = -1
    started_ns: int = 0
    last_ns: int = 0
    silences: int = 0

    def of(self, now_ns: int) -> int:
        silent = now_ns - self.last_ns > self.schedule.gap_ns
        if self.number < 0 or silent or now_ns - self.started_ns >= self.schedule.block_ns:
            self.number += 1
            self.started_ns = now_ns
            self.silences += silent
        self.last_ns = now_ns
        return self.number


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay leaves beside the scoreboard."""

    issues: int
    blocks: int
    stretches: int
    points: int
    seals: int


def replay(
    chronicle: Chronicle, predictors: Sequence[Predictor], synchroniser: Synchroniser, board: Scoreboard,
    schedule: Schedule, ledger: Ledger, progress: Progress = silent,
) -> Replayed:  # fmt: skip
    """Live through the chronicle once. The board holds the scores afterwards."""
    cursor, graph, blocks = (
        Cursor(chronicle, board.quantities),
        GraphFold(chronicle.changes()),
        _Blocks(schedule),
    )
    state: TwinState | None = None
    now, issues, extra = 0, 0, list(reversed(schedule.extra_ns))
    total = max(1, chronicle.census.values)
    while (known := cursor.next_known_ns()) is not None:
        now = _next_issue(known, now, schedule.every_ns, extra, board.step_ns)
        points = cursor.take(now)
        _observe(board, chronicle, points)
        state = synchroniser.update(state, chronicle.frame(points), graph.at(now), now, now)
        forecasts = issue(predictors, state, board.horizons_s, ledger, now)
        if forecasts and forecasts[0].targets:
            board.enter(forecasts, now, blocks.of(now))
            issues += 1
        if board.waiting >= 256:
            board.score((now - schedule.settle_ns) // board.step_ns)
        if issues % 64 == 0:
            progress("replaying", cursor.taken / total)
    board.score(2**40)
    progress("replaying", 1.0)
    return Replayed(issues, blocks.number + 1, blocks.silences, cursor.taken, issues)


def _next_issue(known_ns: int, last_ns: int, every_ns: int, extra: list[int], step_ns: int) -> int:
    """The first time on the schedule, or among the extra ones, at which something new is known."""
    while extra and extra[-1] <= last_ns:
        extra.pop()
    regular = -(-max(known_ns, last_ns + 1) // every_ns) * every_ns
    if extra and known_ns <= extra[-1] < regular:
        return extra.pop() // step_ns * step_ns
    return regular


def _observe(board: Scoreboard, chronicle: Chronicle, points: Points) -> None:
    if not len(points):
        return
    objects, kinds = chronicle.objects.names, chronicle.kinds.names
    both = points["who"].astype(np.int64) << 32 | points["what"]
    unique, inverse = np.unique(both, return_inverse=True)
    numbers = [board.pair(Target(objects[key >> 32], kinds[key & 0xFFFFFFFF])) for key in unique.tolist()]
    board.observe(np.array(numbers, dtype=np.int64)[inverse], points["end"], points["value"])
