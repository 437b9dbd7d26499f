"""`Scorekeeper`: scores sealed forecasts as their outcomes arrive, and again when an outcome is revised.

    watch (an issue) ► score: what was recorded since ► forecasts met ► ledger rows, rolling sums ► fidelity

Outcomes are read with what was recorded since the last call, so a late value or a revision is seen once: its
forecasts are scored again, the newest row of a forecast wins in the ledger, and the sums take the difference.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.fidelity import Fidelity, Window, fidelity_of
from ranvier.dtops.forecast import Forecast, Target
from ranvier.dtops.forecast_rows import forecasts_of
from ranvier.dtops.issue import FORECAST_KIND, issue_key
from ranvier.dtops.outcome_book import OutcomeBook
from ranvier.dtops.rolling_sums import RollingSums
from ranvier.dtops.score_rows import SCORE_KIND, Met, rows_of, statistics_of
from ranvier.dtops.scoring import counter_stream, metrics
from ranvier.fabric.ports import Ledger, SeriesQuery, SeriesStore
from ranvier.ontology.errors import NotFound

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
REFERENCE = "climatology"


@dataclass(frozen=True, slots=True)
class Book:
    """Whose twin is scored, and how.

    step_ns      the twin's grid
    horizons_s   those of the forecasts
    models       the contenders; a point counts where all of them forecast, so that they can be compared
    tolerance_of quantity to the tolerance of "twinning precision"
    revise_s     how far back a revision may reach
    block_s      length of a block of the bootstrap
    window_s     for how long single targets are kept
    """

    step_ns: int
    horizons_s: tuple[float, ...]
    models: tuple[str, ...]
    tolerance_of: Mapping[str, float] = field(default_factory=dict)
    tenant: str = "default"
    network: str = "default"
    twin: str = "default"
    revise_s: float = 3_600.0
    block_s: float = 120.0
    window_s: float = 1_800.0
    keep_s: float = 86_400.0
    seed: int = 0
    most_cached: int = 64


class Scorekeeper:
    """See the module. One for each twin; memory is bounded by the targets and by `revise_s`."""

    def __init__(self, book: Book, series: SeriesStore, ledger: Ledger) -> None:
        self._book, self._series, self._ledger = book, series, ledger
        block_ns = int(book.block_s * 1e9)
        self.sums = RollingSums(
            block_ns, book.horizons_s, -(-int(book.window_s * 1e9) // block_ns) + 1,
            -(-int(book.keep_s * 1e9) // block_ns),
        )  # fmt: skip
        self._steps = np.rint(np.array(book.horizons_s) * 1e9 / book.step_ns).astype(np.int64)
        self._outcomes = OutcomeBook()
        self._issued: OrderedDict[int, list[int]] = OrderedDict()
        self._cached: OrderedDict[int, list[Forecast]] = OrderedDict()
        self._hashes: dict[Target, int] = {}
        self._read_to_ns = -1
        self._scored_to_step = -1

    def watch(self, forecasts: Sequence[Forecast]) -> None:
        """Remember an issue that was sealed: its forecasts are scored when their outcomes come."""
        if not forecasts or not forecasts[0].targets:
            return
        issued = forecasts[0].issued_at_ns
        times = self._issued.setdefault(issued // self._book.step_ns, [])
        if issued not in times:
            times.append(issued)
        self._keep(issued, list(forecasts))

    def restore(self, now_ns: int) -> int:
        """After a restart: take up the issues and scores of the ledger; how many scores were taken up."""
        book = self._book
        since = now_ns - int(max(book.keep_s, book.revise_s) * 1e9)
        reach = now_ns - int((book.revise_s + max(book.horizons_s)) * 1e9)
        where = {"network": book.network, "twin": book.twin}
        for time_ns in sorted(set(self._scan(FORECAST_KIND, reach, now_ns, where)["time_ns"].to_pylist())):
            self._issued.setdefault(time_ns // book.step_ns, []).append(time_ns)
        rows = self._scan(SCORE_KIND, since, now_ns + 1, where)
        newest: dict[tuple[str, ...], int] = {}
        names = ("model", "object_id", "quantity", "horizon_s", "issued_at_ns")
        keys = zip(*(rows[name].to_pylist() for name in names), strict=True)
        for i, key in sorted(enumerate(keys), key=lambda item: rows["scored_at_ns"][item[0]].as_py()):
            newest[key] = i
        self._take_up(rows.take(sorted(newest.values())))
        return len(newest)

    def _scan(self, kind: str, from_ns: int, to_ns: int, where: Mapping[str, str]):  # type: ignore[no-untyped-def]
        return self._ledger.scan(kind, self._book.tenant, from_ns, to_ns, where)

    def _take_up(self, rows) -> None:  # type: ignore[no-untyped-def]
        if not rows.num_rows:
            return
        statistics, steps = statistics_of(rows), rows["time_ns"].to_numpy() // self._book.step_ns
        names = list(zip(rows["object_id"].to_pylist(), rows["quantity"].to_pylist(), strict=True))
        pairs = np.array([self.sums.number(Target(*name)) for name in names], dtype=np.int64)
        self._outcomes.add(pairs, steps, rows["outcome"].to_numpy())
        models, times = np.array(rows["model"].to_pylist()), rows["time_ns"].to_numpy()
        horizons = np.searchsorted(np.array(self._book.horizons_s), rows["horizon_s"].to_numpy() - 1e-9)
        for model, time_ns, horizon in sorted(
            set(zip(models, times.tolist(), horizons.tolist(), strict=True))
        ):
            chosen = (models == model) & (times == time_ns) & (horizons == horizon)
            self.sums.add(str(model), time_ns, pairs[chosen], horizon, statistics[chosen])
        self._scored_to_step = int(steps.max())
        self._read_to_ns = int(rows["scored_at_ns"].to_numpy().max())

    def score(self, as_of_ns: int, now_ns: int) -> int:
        """Score all forecasts whose step ended by `as_of_ns`, and again those whose outcome changed.

        Returns how many forecasts (targets × horizons × models) got a score.
        """
        book = self._book
        step, earliest = as_of_ns // book.step_ns, as_of_ns - int(book.revise_s * 1e9)
        frame = self._series.read(
            SeriesQuery(
                book.tenant, book.network, from_ns=max(0, earliest), to_ns=step * book.step_ns,
                known_at_ns=now_ns, recorded_after_ns=self._read_to_ns,
            )
        )  # fmt: skip
        self._read_to_ns = now_ns
        targets = zip(frame.object_ids, frame.quantities, strict=True)
        pairs = np.array([self.sums.number(Target(*target)) for target in targets], dtype=np.int64)
        steps = -(-frame.end_ns // book.step_ns)
        order = np.argsort(frame.end_ns, kind="stable")
        before = OutcomeBook(self._outcomes.merged_keys(), self._outcomes.values)
        self._outcomes.add(pairs[order], steps[order], frame.values[order])
        due = set(range(self._scored_to_step + 1, step + 1)) if self._scored_to_step >= 0 else set()
        touched = sorted(due | set(steps.tolist()))
        met = [m for valid in touched if valid <= step for m in self._meet(valid, before)]
        self._scored_to_step = max(self._scored_to_step, step)
        self._forget(step)
        if met:
            key = f"{book.tenant}/{book.network}/{book.twin}/{as_of_ns}/{now_ns}"
            self._ledger.append(SCORE_KIND, key, rows_of(met, now_ns), now_ns)
        return sum(len(each.rows) for each in met)

    def _meet(self, valid_step: int, before: OutcomeBook) -> list[Met]:
        """Score the forecasts of one step whose outcome is new or changed."""
        met = []
        for h, span in enumerate(self._steps.tolist()):
            for issued in self._issued.get(valid_step - span, ()):
                met += self._meet_issue(self._forecasts(issued), h, valid_step, before)
        return met

    def _meet_issue(
        self, forecasts: Sequence[Forecast], h: int, valid_step: int, before: OutcomeBook
    ) -> list[Met]:
        entered = [each for each in forecasts if each.model in self._book.models]
        if {each.model for each in entered} != set(self._book.models):
            return []
        first = entered[0]
        pairs = np.array([self.sums.number(target) for target in first.targets], dtype=np.int64)
        step = np.full(len(pairs), valid_step)
        new, old = self._outcomes.look_up(pairs, step), before.look_up(pairs, step)
        changed = ~np.isnan(new) & ~(new == old)
        for each in entered:
            changed &= ~np.isnan(each.values[:, h]).any(axis=1)
        rows = np.flatnonzero(changed)
        if not len(rows):
            return []
        found = []
        for each in entered:
            now = self._statistics(each, rows, h, new[rows])
            was = self._statistics(each, rows, h, np.where(np.isnan(old[rows]), 0.0, old[rows]))
            was[np.isnan(old[rows])] = 0.0
            self.sums.add(each.model, valid_step * self._book.step_ns, pairs[rows], h, now - was)
            found.append(Met(each, rows, h, valid_step, new[rows], now))
        return found

    def _statistics(self, forecast: Forecast, rows: Ints, h: int, outcomes: Floats) -> Floats:
        targets = [forecast.targets[i] for i in rows]
        for target in targets:
            if target not in self._hashes:
                self._hashes[target] = counter_stream.name_key(*target)
        hashes = np.array([self._hashes[target] for target in targets], dtype=np.uint64)
        step, span = forecast.issued_at_ns // forecast.step_ns, int(self._steps[h])
        keys = counter_stream.chain(self._book.seed, hashes, np.full(len(rows), step), span)
        tolerance = np.array([self._book.tolerance_of.get(target.quantity, np.nan) for target in targets])
        return metrics.statistics(
            metrics.ScoredPoints(
                forecast.values[rows, h], forecast.levels, forecast.tail, outcomes, counter_stream.uniform(keys),
                tolerance,
            )
        )  # fmt: skip

    def _forecasts(self, issued_ns: int) -> list[Forecast]:
        """The forecasts of an issue, from the cache or from the ledger; none where the ledger lost them."""
        if issued_ns not in self._cached:
            book = self._book
            key = issue_key(book.tenant, book.network, book.twin, book.step_ns, issued_ns)
            try:
                self._keep(issued_ns, forecasts_of(self._ledger.get(FORECAST_KIND, key)))
            except NotFound:
                self._keep(issued_ns, [])
        return self._cached[issued_ns]

    def _keep(self, issued_ns: int, forecasts: list[Forecast]) -> None:
        self._cached[issued_ns] = forecasts
        while len(self._cached) > self._book.most_cached:
            self._cached.popitem(last=False)

    def _forget(self, step: int) -> None:
        """Drop issues and outcomes that no revision can reach any more."""
        reach = step - int(self._book.revise_s * 1e9) // self._book.step_ns
        for issued in [s for s in self._issued if s + int(self._steps.max()) < reach]:
            for time_ns in self._issued.pop(issued):
                self._cached.pop(time_ns, None)
        self._outcomes.forget(reach)

    def fidelity(
        self, from_ns: int, to_ns: int, *, by_object: bool = False, confidence: float = 0.9
    ) -> list[Fidelity]:
        """The Fidelity of each model, KPI (and object) and horizon over the blocks that begin in [from, to)."""
        names = [(None, q) for q in self.sums.quantities] if not by_object else list(self.sums.targets)
        reference = self.sums.sums(REFERENCE, from_ns, to_ns, by_target=by_object)
        found = []
        for model in self._book.models:
            mine = self.sums.sums(model, from_ns, to_ns, by_target=by_object)
            for i, (object_id, quantity) in enumerate(names):
                for h, horizon in enumerate(self._book.horizons_s):
                    if not mine[:, i, h, metrics.COUNT].any():
                        continue
                    window = Window(
                        model, quantity, horizon, from_ns, to_ns, object_id, confidence, self._book.seed
                    )
                    found.append(fidelity_of(window, mine[:, i, h], reference[:, i, h]))
        return found
