"""`Scorekeeper`: scores the live twin's forecasts as outcomes arrive, and again when an outcome is revised.

    enter (a sealed issue) ► due, by the step that it is about
    score (what became known) ► the due points it settles ► rows of the ledger ► BlockSums

A point is scored on the common ground: where every model has a forecast and the outcome is known. A model that
has no word at all on a quantity (no scene is known, or it is of another kind) takes no points from the others:
it has no score there. A revised outcome takes the old score back and adds the new one, as long as the forecast
is within `reach_steps`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ranvier.dtops.block_sums import Axes, BlockSums
from ranvier.dtops.forecast import Forecast, Target
from ranvier.dtops.forecast_rows import forecasts_of
from ranvier.dtops.issue import FORECAST_KIND
from ranvier.dtops.score_rows import Scored, rows_of
from ranvier.dtops.scoring import counter_stream
from ranvier.dtops.scoring.metrics import ScoredPoints, statistics
from ranvier.fabric.ports import Ledger, SeriesFrame

SCORE_KIND, FIDELITY_KIND = "score", "fidelity"
SLICES = 8
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ScoringPlan:
    """Whose forecasts are scored, on which grid, and for how long an outcome may be revised.

    tolerances   quantity to what counts as a hit, in its unit; missing: a tenth of the outcome
    reach_steps  how many steps after the fact an outcome still changes a score
    kept_blocks  how many blocks of sums stay in memory
    """

    whose: tuple[str, str]
    step_ns: int
    axes: Axes
    tolerances: dict[str, float]
    reach_steps: int = 30
    kept_blocks: int = 2_000
    seed: int = 0


@dataclass(slots=True)
class _Due:
    """One issue at one horizon: n targets that wait, or have been scored with `outcome` (n,), NaN before."""

    forecasts: Sequence[Forecast]
    column: int
    outcome: Floats
    ended_ns: Ints
    place: dict[Target, int]

    @property
    def horizon_s(self) -> float:
        return self.forecasts[0].horizons_s[self.column]

    @property
    def given(self) -> NDArray[np.bool_]:
        """(models, n) where each has a forecast, and every other that has one of anything of the quantity."""
        given = np.stack([~np.isnan(f.values[:, self.column, 0]) for f in self.forecasts])
        _, kind = np.unique([target.quantity for target in self.place], return_inverse=True)
        speaks = np.stack([np.bincount(kind, each, kind.max() + 1) > 0 for each in given])[:, kind]
        return np.asarray(given & np.all(given | ~speaks, axis=0))


@dataclass(slots=True)
class Scorekeeper:
    """Used by one thread; `sums` may be read by others. `version` changes when more has been scored."""

    ledger: Ledger
    plan: ScoringPlan
    sums: BlockSums = field(init=False)
    version: int = 0
    _due: dict[int, list[_Due]] = field(default_factory=dict)
    _placed: tuple[Sequence[Target], dict[Target, int]] = field(default_factory=lambda: ((), {}))

    def __post_init__(self) -> None:
        self.sums = BlockSums(self.plan.axes, self.plan.kept_blocks)

    def enter(self, forecasts: Sequence[Forecast]) -> None:
        """Have the forecasts of one issue wait for their outcomes; all have the same targets and horizons."""
        if not forecasts or not forecasts[0].targets:
            return
        first, step_ns = forecasts[0], self.plan.step_ns
        if first.targets is not self._placed[0]:
            self._placed = first.targets, {target: row for row, target in enumerate(first.targets)}
        place = self._placed[1]
        for column, horizon_s in enumerate(first.horizons_s):
            step = first.issued_at_ns // step_ns + round(horizon_s * 1e9 / step_ns)
            n = len(first.targets)
            due = _Due(forecasts, column, np.full(n, np.nan), np.zeros(n, dtype=np.int64), place)
            self._due.setdefault(step, []).append(due)

    def score(self, measured: SeriesFrame, as_of_ns: int, now_ns: int) -> int:
        """Score what `measured` settles or revises; how many points were scored for the first time."""
        scored: list[Scored] = []
        fresh = 0
        for step, values in self._by_step(measured).items():
            for due in self._due.get(step, ()):
                fresh += self._settle(due, step, values, scored)
        if scored:
            key = f"{'/'.join(self.plan.whose)}/{as_of_ns}/{now_ns}"
            self.ledger.append(SCORE_KIND, key, rows_of(scored, self.plan.whose, now_ns), now_ns)
            self._add(scored)
            self.version += 1
        oldest = as_of_ns // self.plan.step_ns - self.plan.reach_steps
        for step in [step for step in self._due if step < oldest]:
            del self._due[step]
        return fresh

    def _by_step(self, measured: SeriesFrame) -> dict[int, dict[Target, tuple[int, float]]]:
        """(end, value) of the latest Measurement of each target in each step that somebody waits for."""
        steps = -(-measured.end_ns // self.plan.step_ns)
        awaited = np.isin(steps, list(self._due)) if self._due else np.zeros(len(steps), dtype=bool)
        found: dict[int, dict[Target, tuple[int, float]]] = {}
        order = np.flatnonzero(awaited)
        for row in order[np.argsort(measured.end_ns[order], kind="stable")]:
            target = Target(measured.object_ids[row], measured.quantities[row])
            found.setdefault(int(steps[row]), {})[target] = (
                int(measured.end_ns[row]),
                float(measured.values[row]),
            )
        return found

    def _settle(
        self, due: _Due, step: int, values: dict[Target, tuple[int, float]], scored: list[Scored]
    ) -> int:
        outcome = np.full(len(due.outcome), np.nan)
        for target, (end_ns, value) in values.items():
            row = due.place.get(target)
            if (
                row is not None and end_ns >= due.ended_ns[row]
            ):  # a late, earlier row of the step does not win
                outcome[row], due.ended_ns[row] = value, end_ns
        given = due.given
        news = ~np.isnan(outcome) & given.any(axis=0) & (outcome != due.outcome)
        old = news & ~np.isnan(due.outcome)
        for rows, at, weight in ((old, due.outcome, -1), (news, outcome, 1)):
            if rows.any():
                for forecast, mine in zip(due.forecasts, given, strict=True):
                    if (rows & mine).any():
                        chosen = np.flatnonzero(rows & mine)
                        scored.append(self._scored(due, forecast, step, chosen, (at, weight)))
        due.outcome = np.where(news, outcome, due.outcome)
        return int((given & news & ~old).sum())

    def _scored(
        self, due: _Due, forecast: Forecast, step: int, rows: Ints, told: tuple[Floats, int]
    ) -> Scored:
        (outcome, weight), first, step_ns = told, forecast, self.plan.step_ns
        targets = [first.targets[row] for row in rows]
        hashes = np.array([counter_stream.name_key(*target) for target in targets], dtype=np.uint64)
        issued = first.issued_at_ns // step_ns
        u = counter_stream.uniform(counter_stream.chain(self.plan.seed, hashes, issued, step - issued))
        tolerance = np.array([self.plan.tolerances.get(t.quantity, np.nan) for t in targets])
        points = ScoredPoints(
            forecast.values[rows, due.column], forecast.levels, forecast.tail, outcome[rows], u, tolerance
        )
        return Scored(
            forecast.model, targets, due.horizon_s, forecast.issued_at_ns, step * step_ns, outcome[rows],
            statistics(points), weight,
        )  # fmt: skip

    def _add(self, scored: list[Scored]) -> None:
        axes = self.plan.axes
        for each in scored:
            if each.model not in axes.models or each.horizon_s not in axes.horizons_s:
                continue
            place = axes.models.index(each.model), axes.horizons_s.index(each.horizon_s)
            kinds = np.array([target.quantity for target in each.targets])
            for quantity in np.unique(kinds).tolist():
                if quantity in axes.quantities:
                    vector = each.statistics[kinds == quantity].sum(axis=0) * each.weight
                    where = place[0], axes.quantities.index(quantity), place[1]
                    self.sums.add(axes.block(each.valid_ns), where, vector)

    # ------------------------------------------------------------ after a restart
    def restore(self, now_ns: int, past_ns: int) -> None:
        """Take up where the ledger left off: sums over the last `past_ns`, and forecasts that still wait.

        What is read is bounded by these spans, whatever the age of the ledger, and comes in slices.
        """
        block_ns, step_ns = self.plan.axes.block_ns, self.plan.step_ns
        from_ns = max(0, now_ns - past_ns) // block_ns * block_ns
        for scores in self._slices(SCORE_KIND, from_ns + 1, now_ns + 1, {}):
            self.sums.add_rows(scores)
        oldest = now_ns // step_ns - self.plan.reach_steps
        longest_ns = round(max(self.plan.axes.horizons_s) * 1e9)
        for rows in self._slices(
            FORECAST_KIND, oldest * step_ns - longest_ns, now_ns + 1, {"twin": "default"}
        ):
            issues: dict[int, list[Forecast]] = {}
            for forecast in forecasts_of(rows):
                issues.setdefault(forecast.issued_at_ns, []).append(forecast)
            for issue in issues.values():
                self.enter(issue)
        self._due = {step: several for step, several in self._due.items() if step >= oldest}
        first = {due.forecasts[0].model for several in self._due.values() for due in several}
        if first:  # the rows of one model tell the outcomes, which are the same for all
            for scores in self._slices(SCORE_KIND, oldest * step_ns, now_ns + 1, {"model": tuple(first)}):
                self._recall(scores)

    def _slices(
        self, kind: str, from_ns: int, to_ns: int, where: Mapping[str, str | Sequence[str]]
    ) -> Iterator[pa.Table]:
        """Our rows in [from_ns, to_ns) in the order of their time; what has one time stays together."""
        if not self.ledger.seals(kind, limit=1):
            return
        tenant, network = self.plan.whose
        from_ns = max(0, from_ns)
        slice_ns = max(self.plan.step_ns, (to_ns - from_ns) // SLICES + 1)
        for begin_ns in range(from_ns, to_ns, slice_ns):
            end_ns = min(begin_ns + slice_ns, to_ns)
            yield self.ledger.scan(kind, tenant, begin_ns, end_ns, {"network": network, **where})

    def _recall(self, scores: pa.Table) -> None:
        """Fill in the outcomes with which waiting points have been scored already; later rows win."""
        told = scores.filter(pc.field("weight") > 0)
        targets = list(map(Target, told["object_id"].to_pylist(), told["quantity"].to_pylist()))
        outcomes, horizons_s = told["outcome"].to_numpy(), told["horizon_s"].to_numpy()
        steps, issued_ns = told["time_ns"].to_numpy() // self.plan.step_ns, told["issued_at_ns"].to_numpy()
        parted = (np.diff(steps) != 0) | (np.diff(issued_ns) != 0) | (np.diff(horizons_s) != 0)
        for run in np.split(np.arange(len(told)), np.flatnonzero(parted) + 1) if len(told) else ():
            first = run[0]
            for due in self._due.get(int(steps[first]), ()):
                if (due.forecasts[0].issued_at_ns, due.horizon_s) == (issued_ns[first], horizons_s[first]):
                    places = np.array([due.place.get(targets[row], -1) for row in run])
                    due.outcome[places[places >= 0]] = outcomes[run[places >= 0]]
