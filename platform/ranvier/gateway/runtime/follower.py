"""`Follower`: the twin, kept in step with the network, forecasting, and scored as outcomes arrive.

    a step of the grid closes ► read what became known ► Synchroniser ► issue, seal ► score what has come

A step closes when every object that reported in the step before has reported in this one, or when the grace
is over. What comes later still reaches the twin with the next step, and its forecasts are scored again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np

from ranvier.dtops.forecast import Forecast
from ranvier.dtops.issue import issue
from ranvier.dtops.ports import Predictor, Synchroniser
from ranvier.dtops.twin import Twin
from ranvier.dtops.twin_state import TwinState
from ranvier.fabric.ports import GraphStore, Ledger, SeriesFrame, SeriesQuery, SeriesStore
from ranvier.fabric.snapshot import Snapshot
from ranvier.gateway.api.platform import Whose
from ranvier.gateway.runtime.figures import Lags

CATCH_UP_STEPS = 30
Clock = Callable[[], int]


class Scorer(Protocol):
    """What scores the twin's forecasts."""

    def enter(self, forecasts: Sequence[Forecast]) -> None:
        """Have the forecasts of one issue wait for their outcomes."""
        ...

    def score(self, measured: SeriesFrame, as_of_ns: int, now_ns: int) -> int:
        """Score what `measured` settles or revises; how many points were scored for the first time."""
        ...


@dataclass(frozen=True, slots=True)
class Pace:
    """When the twin moves, and how far it looks ahead; all but the grace in whole steps."""

    step_ns: int
    issue_every_ns: int
    grace_ns: int
    horizons_s: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class TwinStores:
    """What the twin reads, and where it seals."""

    series: SeriesStore
    graph: GraphStore
    ledger: Ledger


class Follower:
    """Follows the network of `whose`. `step` is called from one thread; the figures are read from any."""

    def __init__(
        self, stores: TwinStores, synchroniser: Synchroniser, predictors: Sequence[Predictor],
        pace: Pace, whose: Whose, kpis: tuple[str, ...], scorer: Scorer | None = None,
    ) -> None:  # fmt: skip
        self._stores, self._synchroniser, self._predictors = stores, synchroniser, tuple(predictors)
        self.whose, self._kpis, self._scorer = whose, kpis, scorer
        self.pace = pace
        self.state: TwinState | None = None
        self.lags = Lags()
        self.issued = self.scored = 0
        self._known_at_ns = -1
        self._reporting: frozenset[str] = frozenset()
        self._snapshot: Snapshot | None = None
        self._settled_ns: int | None = None
        self._catching_up = False

    def apart(self, whose: Whose) -> Follower:
        """Another follower of the same kind, at its beginning; it scores nothing."""
        return Follower(
            self._stores, self._synchroniser, self._predictors, self.pace, whose, self._kpis
        )  # fmt: skip

    def topology_changed(self) -> None:
        """Have the graph read again, with each step up to the first that ends after what changed."""
        self._snapshot = self._settled_ns = None

    def catch_up(self, from_ns: int, now_ns: int) -> None:
        """Take in the past from `from_ns` that the stores hold already; nothing is forecast of it."""
        step_ns = self.pace.step_ns
        self._catching_up = True  # one reading of the graph does for the past
        as_of_ns, end_ns = max(from_ns, 0) // step_ns * step_ns, now_ns // step_ns * step_ns
        while as_of_ns < end_ns:
            before_ns, as_of_ns = as_of_ns, min(as_of_ns + CATCH_UP_STEPS * step_ns, end_ns)
            frame = self._read(before_ns, as_of_ns, now_ns, recorded_after_ns=-1)
            self._update(frame, as_of_ns, now_ns)
            if self._scorer is not None:
                self.scored += self._scorer.score(frame, as_of_ns, now_ns)
        self._known_at_ns = now_ns
        self._catching_up = False
        self.topology_changed()

    def step(self, now_ns: int, clock_ns: Clock | None = None) -> bool:
        """Move on if a step closes at `now_ns`; whether it did.

        `clock_ns` tells the time when the new state stands, for the twin lag, and when forecasts are sealed;
        None: no time passes.
        """
        step_ns = self.pace.step_ns
        newest_ns = now_ns // step_ns * step_ns
        current_ns = self.state.as_of_ns if self.state is not None else newest_ns - step_ns
        as_of_ns = max(current_ns + step_ns, (now_ns - self.pace.grace_ns) // step_ns * step_ns)
        if now_ns < as_of_ns:
            return False
        reach_ns = CATCH_UP_STEPS * step_ns
        late = self._read(current_ns - reach_ns, current_ns, now_ns, self._known_at_ns)
        # What is about the new step may have been recorded before the step in front of it closed.
        frame = _joined(late, self._read(current_ns, as_of_ns, now_ns, recorded_after_ns=-1))
        reporting = _reporting(frame, as_of_ns - step_ns)
        complete = bool(self._reporting) and reporting >= self._reporting
        if not complete and now_ns < as_of_ns + self.pace.grace_ns:
            return False
        self._close(frame, as_of_ns, now_ns, clock_ns or (lambda: now_ns))
        self._reporting = reporting
        return True

    def _close(self, frame: SeriesFrame, as_of_ns: int, now_ns: int, clock_ns: Clock) -> None:
        self._update(frame, as_of_ns, now_ns)
        self._known_at_ns = now_ns
        if len(frame):
            self.lags.add((clock_ns() - int(frame.end_ns.max())) / 1e9)
        if self._scorer is not None:
            self.scored += self._scorer.score(frame, as_of_ns, now_ns)
        if as_of_ns // self.pace.step_ns % (self.pace.issue_every_ns // self.pace.step_ns) == 0:
            self._issue(now_ns, clock_ns)

    def _issue(self, now_ns: int, clock_ns: Clock) -> None:
        if self.state is None or not self.state.targets:
            return
        ledger = self._stores.ledger
        forecasts = issue(
            self._predictors, self.state, self.pace.horizons_s, ledger, now_ns, Twin(*self.whose), clock_ns()
        )  # fmt: skip
        if self._scorer is not None:
            self._scorer.enter(forecasts)
        self.issued += sum(int(np.isfinite(each.values[:, :, 0]).sum()) for each in forecasts)

    def _update(self, frame: SeriesFrame, as_of_ns: int, now_ns: int) -> None:
        if self._snapshot is None:
            self._snapshot = self._stores.graph.snapshot(*self.whose, as_of_ns, now_ns)
            self._settled_ns = now_ns if self._settled_ns is None else self._settled_ns
        self.state = self._synchroniser.update(self.state, frame, self._snapshot, as_of_ns, now_ns)
        if self._settled_ns is not None and as_of_ns >= self._settled_ns:
            self._settled_ns = None  # nothing known then is valid only later
        elif self._settled_ns is not None and not self._catching_up:
            self._snapshot = None

    def _read(self, from_ns: int, to_ns: int, now_ns: int, recorded_after_ns: int) -> SeriesFrame:
        query = SeriesQuery(
            *self.whose, quantities=self._kpis, from_ns=from_ns, to_ns=to_ns, known_at_ns=now_ns,
            recorded_after_ns=recorded_after_ns,
        )  # fmt: skip
        return self._stores.series.read(query)


def _joined(*frames: SeriesFrame) -> SeriesFrame:
    """The rows of all frames."""
    columns = [[getattr(frame, each.name) for frame in frames] for each in fields(SeriesFrame)]
    return SeriesFrame(*(np.concatenate(column) for column in columns))


def _reporting(frame: SeriesFrame, after_ns: int) -> frozenset[str]:
    """The objects that have a Measurement whose period ends after `after_ns`."""
    return frozenset(frame.object_ids[frame.end_ns > after_ns].tolist())
