"""A scorekeeper that starts again over its ledger goes on as if it had never stopped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ranvier.dtops.block_sums import Axes
from ranvier.dtops.forecast import Forecast, Target
from ranvier.dtops.forecast_rows import rows_of
from ranvier.dtops.issue import FORECAST_KIND, issue_key
from ranvier.dtops.scorekeeper import SCORE_KIND, Scorekeeper, ScoringPlan
from ranvier.dtops.twin import Twin
from ranvier.fabric.ledger.parquet import ParquetLedger
from ranvier.fabric.ports import SeriesFrame

S = 10**9
STEP_NS = 10 * S
START = 170_000_000
MODELS, HORIZONS_S = ("climatology", "persistence"), (10.0, 30.0)
TARGETS = tuple(Target(f"NRCellDU={i}", q) for i in range(3) for q in ("RRU.PrbTotDl", "RRC.ConnMean"))
PAST_NS = 3_600 * S


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[ParquetLedger]:
    opened = ParquetLedger(tmp_path, segment_rows=60)
    yield opened
    opened.close()


def keeper(ledger: ParquetLedger, reach_steps: int = 6) -> Scorekeeper:
    axes = Axes(MODELS, ("RRU.PrbTotDl", "RRC.ConnMean"), HORIZONS_S, 3 * STEP_NS)
    return Scorekeeper(ledger, ScoringPlan(("default", "emulated"), STEP_NS, axes, {}, reach_steps))


def issued(ledger: ParquetLedger, step: int) -> list[Forecast]:
    now_ns = step * STEP_NS + S
    forecasts = []
    for number, model in enumerate(MODELS):
        values = np.random.default_rng([step, number]).uniform(0, 100, (len(TARGETS), len(HORIZONS_S), 4))
        if number:
            values[1] = np.nan  # this model never forecasts the second target
        forecasts.append(
            Forecast(
                model, "1", now_ns, now_ns, TARGETS, HORIZONS_S, values, step_ns=STEP_NS, network="emulated"
            )
        )
    key = issue_key(Twin(network="emulated"), STEP_NS, now_ns)
    ledger.append(FORECAST_KIND, key, rows_of(forecasts), now_ns)
    return forecasts


def measured(step: int, seed: int = 0) -> SeriesFrame:
    """What was measured of the step that ends at `step`."""
    n, end_ns = len(TARGETS), step * STEP_NS
    return SeriesFrame(
        np.array([t.object_id for t in TARGETS], object), np.array([t.quantity for t in TARGETS], object),
        np.full(n, end_ns - STEP_NS), np.full(n, end_ns),
        np.random.default_rng([seed, step]).uniform(0, 100, n), np.full(n, end_ns), np.zeros(n, bool),
    )  # fmt: skip


def live(on: Scorekeeper, ledger: ParquetLedger, steps: range) -> None:
    for step in steps:
        now_ns = step * STEP_NS + S
        on.score(measured(step), step * STEP_NS, now_ns)
        on.enter(issued(ledger, step))


def test_the_sums_after_a_restart_are_those_before_it(ledger: ParquetLedger) -> None:
    before = keeper(ledger)
    live(before, ledger, range(START, START + 20))
    after = keeper(ledger)
    after.restore((START + 20) * STEP_NS, PAST_NS)
    assert after.sums.sums.keys() == before.sums.sums.keys()
    for block, sums in before.sums.sums.items():
        np.testing.assert_allclose(after.sums.sums[block], sums, rtol=1e-12)


def test_what_is_due_at_the_stop_is_scored_after_it(ledger: ParquetLedger) -> None:
    live(keeper(ledger), ledger, range(START, START + 10))
    after = keeper(ledger)
    after.restore((START + 10) * STEP_NS, PAST_NS)
    at = START + 10
    fresh = after.score(measured(at), at * STEP_NS, at * STEP_NS + S)
    given = (len(TARGETS) - 1) * len(MODELS)
    assert fresh == given * len(HORIZONS_S), "issued one and three steps before"


def test_an_outcome_scored_before_the_stop_is_not_scored_twice(ledger: ParquetLedger) -> None:
    live(keeper(ledger), ledger, range(START, START + 10))
    after = keeper(ledger)
    after.restore((START + 10) * STEP_NS, PAST_NS)
    rows = len(ledger.scan(SCORE_KIND, "default"))
    for step in range(START + 4, START + 10):
        assert after.score(measured(step), (START + 10) * STEP_NS, (START + 10) * STEP_NS) == 0
    assert len(ledger.scan(SCORE_KIND, "default")) == rows


def test_a_revision_after_the_stop_takes_back_the_score_from_before_it(ledger: ParquetLedger) -> None:
    live(keeper(ledger), ledger, range(START, START + 10))
    after = keeper(ledger)
    now_ns = (START + 10) * STEP_NS
    after.restore(now_ns, PAST_NS)
    assert after.score(measured(START + 8, seed=1), now_ns, now_ns) == 0, "none for the first time"
    rows = ledger.scan(SCORE_KIND, "default", (START + 8) * STEP_NS, (START + 8) * STEP_NS + 1)
    summed = np.bincount(rows["weight"].to_numpy() + 1)
    assert summed[0] > 0, "old scores were taken back"
    assert summed[2] == 2 * summed[0], "and each was given anew"
    again = keeper(ledger)
    again.restore(now_ns, PAST_NS)
    for block, sums in after.sums.sums.items():
        np.testing.assert_allclose(again.sums.sums[block], sums, rtol=1e-9, atol=1e-9)


def test_a_restart_reads_nothing_from_before_its_window(ledger: ParquetLedger) -> None:
    live(keeper(ledger), ledger, range(START, START + 30))
    now_ns = (START + 30) * STEP_NS
    asked: list[int] = []
    scan = ledger.scan

    class Watched:
        def __getattr__(self, name: str) -> object:
            return getattr(ledger, name)

        def scan(self, kind: str, tenant: str, from_ns: int, *rest: object) -> object:
            asked.append(from_ns)
            return scan(kind, tenant, from_ns, *rest)  # type: ignore[arg-type]

    short = keeper(Watched(), reach_steps=2)  # type: ignore[arg-type]
    short.restore(now_ns, 60 * S)
    assert min(asked) >= now_ns - 90 * S
    assert min(short.sums.sums) * 3 * STEP_NS >= now_ns - 90 * S
    waiting = short.score(measured(START + 30), now_ns, now_ns)
    assert waiting > 0


def test_a_fresh_ledger_restores_nothing(ledger: ParquetLedger) -> None:
    fresh = keeper(ledger)
    fresh.restore(START * STEP_NS, PAST_NS)
    assert fresh.sums.sums == {}
