"""Live scores: what is scored, against what, once, and what a revision does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ranvier.dtops.block_sums import Axes
from ranvier.dtops.forecast import Forecast, Target
from ranvier.dtops.scorekeeper import SCORE_KIND, Scorekeeper, ScoringPlan
from ranvier.dtops.scoring.metrics import COUNT, CRPS, HITS
from ranvier.fabric.ledger.parquet import ParquetLedger
from ranvier.fabric.ports import SeriesFrame

S = 10**9
STEP_NS = 10 * S
T0 = 170_000_000 * STEP_NS
LOAD = "RRU.PrbTotDl"
CELL, OTHER = Target("NRCellDU=1", LOAD), Target("NRCellDU=2", LOAD)
AXES = Axes(("climatology", "persistence"), (LOAD,), (10.0,), 3 * STEP_NS)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[ParquetLedger]:
    opened = ParquetLedger(tmp_path)
    yield opened
    opened.close()


def keeper(ledger: ParquetLedger) -> Scorekeeper:
    plan = ScoringPlan(("default", "default"), STEP_NS, AXES, {LOAD: 5.0}, reach_steps=6)
    return Scorekeeper(ledger, plan)


def issue(now_ns: int, climatology: list[float], persistence: list[float]) -> list[Forecast]:
    """Point masses for CELL and OTHER at one step ahead."""
    return [
        Forecast(
            model,
            "1",
            now_ns,
            now_ns,
            (CELL, OTHER),
            (10.0,),
            np.array(values)[:, None, None],
            step_ns=STEP_NS,
        )
        for model, values in (("climatology", climatology), ("persistence", persistence))
    ]


def frame(*rows: tuple[Target, int, float]) -> SeriesFrame:
    """Measurements (target, end, value)."""
    n = len(rows)
    return SeriesFrame(
        np.array([t.object_id for t, _, _ in rows], object), np.array([t.quantity for t, _, _ in rows], object),
        np.array([end - STEP_NS for _, end, _ in rows]), np.array([end for _, end, _ in rows]),
        np.array([value for _, _, value in rows], dtype=float), np.zeros(n, np.int64), np.zeros(n, bool),
    )  # fmt: skip


def total(keeper: Scorekeeper) -> np.ndarray:
    """The sums over all blocks: (models, WIDTH)."""
    return sum(keeper.sums.sums.values())[:, 0, 0]


def test_a_point_mass_is_scored_by_its_distance(ledger: ParquetLedger) -> None:
    on = keeper(ledger)
    on.enter(issue(T0 + S, [50, 50], [40, 60]))
    scored = on.score(frame((CELL, T0 + STEP_NS, 43.0)), T0 + STEP_NS, T0 + STEP_NS + S)
    assert scored == 2, "one point of two models; the other cell has not reported"
    assert total(on)[:, CRPS].tolist() == [7.0, 3.0]
    assert total(on)[:, HITS].tolist() == [0.0, 1.0], "within the tolerance of 5"


def test_the_outcome_is_that_of_the_step_the_forecast_is_about(ledger: ParquetLedger) -> None:
    on = keeper(ledger)
    on.enter(issue(T0 + S, [50, 50], [40, 60]))
    early, late = (CELL, T0, 0.0), (CELL, T0 + 2 * STEP_NS, 0.0)
    assert on.score(frame(early, late), T0 + 2 * STEP_NS, T0 + 2 * STEP_NS + S) == 0


def test_models_are_compared_on_common_ground_only(ledger: ParquetLedger) -> None:
    on = keeper(ledger)
    on.enter(issue(T0 + S, [50, 50], [40, np.nan]))
    on.score(frame((CELL, T0 + STEP_NS, 43.0), (OTHER, T0 + STEP_NS, 0.0)), T0 + STEP_NS, T0 + STEP_NS + S)
    assert total(on)[:, COUNT].tolist() == [1.0, 1.0]


def test_a_revision_takes_the_old_score_back(ledger: ParquetLedger) -> None:
    on = keeper(ledger)
    on.enter(issue(T0 + S, [50, 50], [40, 60]))
    on.score(frame((CELL, T0 + STEP_NS, 43.0)), T0 + STEP_NS, T0 + STEP_NS + S)
    again = on.score(frame((CELL, T0 + STEP_NS, 48.0)), T0 + 2 * STEP_NS, T0 + 2 * STEP_NS + S)
    assert again == 0, "nothing is scored for the first time"
    assert total(on)[:, COUNT].tolist() == [1.0, 1.0]
    assert total(on)[:, CRPS].tolist() == [2.0, 8.0]
    rows = ledger.scan(SCORE_KIND, "default")
    assert rows["weight"].to_pylist().count(-1) == 2, "the ledger keeps both, and the sums of its rows agree"
    crps, weight = rows["crps"].to_numpy(), rows["weight"].to_numpy()
    assert (crps * weight).sum() == pytest.approx(10.0)


def test_the_same_value_again_changes_nothing(ledger: ParquetLedger) -> None:
    on = keeper(ledger)
    on.enter(issue(T0 + S, [50, 50], [40, 60]))
    for later in (1, 2, 3):
        on.score(frame((CELL, T0 + STEP_NS, 43.0)), T0 + later * STEP_NS, T0 + later * STEP_NS + S)
    assert total(on)[:, COUNT].tolist() == [1.0, 1.0]
    assert len(ledger.seals(SCORE_KIND)) == 1


def test_the_latest_instant_of_a_step_stands_in_whatever_order_they_come(ledger: ParquetLedger) -> None:
    on = keeper(ledger)
    on.enter(issue(T0 + S, [50, 50], [40, 60]))
    on.score(frame((CELL, T0 + 9 * S, 43.0)), T0 + STEP_NS, T0 + STEP_NS + S)
    on.score(frame((CELL, T0 + 2 * S, 99.0)), T0 + 2 * STEP_NS, T0 + 2 * STEP_NS + S)
    assert total(on)[:, CRPS].tolist() == [7.0, 3.0]


def test_beyond_its_reach_a_forecast_is_settled(ledger: ParquetLedger) -> None:
    on = keeper(ledger)
    on.enter(issue(T0 + S, [50, 50], [40, 60]))
    on.score(frame(), T0 + 9 * STEP_NS, T0 + 9 * STEP_NS + S)
    assert on.score(frame((CELL, T0 + STEP_NS, 43.0)), T0 + 10 * STEP_NS, T0 + 10 * STEP_NS + S) == 0


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.sampled_from([CELL, OTHER]), st.integers(1, 3), st.integers(0, 100)),
        min_size=1, max_size=12,
    )
)  # fmt: skip
def test_however_often_values_are_revised_the_sums_are_those_of_the_last_ones(
    tmp_path_factory: pytest.TempPathFactory, revisions: list[tuple[Target, int, int]]
) -> None:
    opened = ParquetLedger(tmp_path_factory.mktemp("ledger"))
    try:
        many, once = keeper(opened), keeper(opened)
        last: dict[tuple[Target, int], int] = {}
        for step in range(3):
            for on in (many, once):
                on.enter(issue(T0 + step * STEP_NS + S, [50, 50], [40, 60]))
        for number, (target, step, value) in enumerate(revisions):
            last[target, step] = value
            at_ns = T0 + 4 * STEP_NS
            many.score(frame((target, T0 + step * STEP_NS, value)), at_ns, at_ns + number)
        final = [(target, T0 + step * STEP_NS, value) for (target, step), value in last.items()]
        once.score(frame(*final), T0 + 4 * STEP_NS, T0 + 5 * STEP_NS)
        np.testing.assert_allclose(total(many), total(once), atol=1e-9)
    finally:
        opened.close()


def test_a_model_without_a_word_on_a_quantity_takes_no_points_from_the_others(ledger: ParquetLedger) -> None:
    on, nan = keeper(ledger), float("nan")
    on.enter(issue(T0 + S, [50, 50], [nan, nan]))
    assert (
        on.score(
            frame((CELL, T0 + STEP_NS, 43.0), (OTHER, T0 + STEP_NS, 50.0)), T0 + STEP_NS, T0 + STEP_NS + S
        )
        == 2
    )
    assert total(on)[:, COUNT].tolist() == [2, 0]


def test_a_model_that_leaves_out_some_points_of_a_quantity_is_compared_on_the_rest(
    ledger: ParquetLedger,
) -> None:
    on, nan = keeper(ledger), float("nan")
    on.enter(issue(T0 + S, [50, 50], [nan, 40]))
    on.score(frame((CELL, T0 + STEP_NS, 43.0), (OTHER, T0 + STEP_NS, 50.0)), T0 + STEP_NS, T0 + STEP_NS + S)
    assert total(on)[:, COUNT].tolist() == [1, 1]
    assert total(on)[:, CRPS].tolist() == [0, 10]


def test_a_block_in_which_a_model_was_silent_for_a_while_is_not_in_its_figures(ledger: ParquetLedger) -> None:
    """Three steps a block: in the first persistence is silent once, in the second it is not."""
    on, nan = keeper(ledger), float("nan")
    begin = T0 // AXES.block_ns * AXES.block_ns
    for step in range(1, 7):
        end = begin + step * STEP_NS
        on.enter(issue(end - STEP_NS, [50, 50], [nan, nan] if step == 1 else [45, 45]))
        on.score(frame((CELL, end, 40.0)), end, end)
    found = {f.model: f for f in on.sums.fidelities(begin, begin + 9 * STEP_NS, "climatology", 0.9)}
    assert found["climatology"].n == 6
    assert found["persistence"].n == 3
    assert found["persistence"].crps_reference == 10
