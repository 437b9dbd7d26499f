"""A batch is the sum of its windows: for every statistic, however the points are parted."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranvier.dtops.scoring import (
    brier,
    crps,
    energy,
    floor,
    metrics,
    rank_histogram,
    reliability,
    state,
    variogram,
)
from ranvier.ontology.errors import InputError

N, D, M = 40, 3, 7
RNG = np.random.default_rng(1)
MEMBERS, Y, U = RNG.normal(size=(N, D, M)), RNG.normal(size=(N, D)), RNG.random(N)
MEMBERS[RNG.random((N, D, M)) < 0.05] = np.nan
Y[5, 0] = Y[9, 1] = np.nan
LEVELS = np.arange(1, 6) / 6
Formula = Callable[[np.ndarray], object]


def each(of: slice | np.ndarray) -> dict[str, tuple[np.ndarray, list[Formula]]]:
    """The columns of some of the points, and what is read from their sums."""
    x, y, u = MEMBERS[of], Y[of], U[of]
    one, outcome = x[:, 0], y[:, 0]
    event = np.where(np.isnan(outcome), np.nan, outcome > 0)
    return {
        "scores": (
            state.score_columns(crps.crps_samples(one, outcome), energy.energy_score(x, y)),
            [state.mean_score, state.score_ratio, state.skill],
        ),
        "variogram": (state.score_columns(variogram.variogram_score(x, y)), [state.mean_score]),
        "floor": (
            floor.comparison_columns(crps.fair_crps_samples(one, outcome), np.abs(outcome)),
            [state.score_ratio],
        ),
        "brier": (
            brier.brier_columns(brier.exceedance(one, 0.0), event),
            [brier.mean_brier, brier.brier_skill, lambda s: brier.murphy_corrected(s).reliability],
        ),
        "ranks": (
            rank_histogram.rank_columns(one, outcome, u),
            [rank_histogram.histogram, rank_histogram.contrasts],
        ),
        "reliability": (
            reliability.reliability_columns(u),
            [reliability.central, reliability.one_sided],
        ),
        "sharpness": (reliability.sharpness_columns(one, None, (0.5, 0.8)), [reliability.sharpness]),
        "spread": (
            reliability.spread_skill_columns(one, outcome),
            [reliability.spread, reliability.rmse, reliability.spread_skill],
        ),
    }


WHOLE = each(slice(None))
partitions = st.lists(st.integers(0, 4), min_size=N, max_size=N).map(np.array)


@settings(max_examples=25, deadline=None)
@given(partitions)
def test_any_partition_adds_up_to_the_batch(part: np.ndarray) -> None:
    parts = [each(np.flatnonzero(part == k)) for k in range(5)]
    for name, (columns, formulas) in WHOLE.items():
        batch = state.state(name, columns)
        merged = reduce(lambda a, b: a + b, (state.state(name, p[name][0]) for p in parts))
        assert merged.sums == pytest.approx(batch.sums, rel=1e-12, abs=1e-12)
        for formula in formulas:
            ours, expected = (np.asarray(formula(s.sums)) for s in (merged, batch))
            assert ours == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("name", WHOLE)
def test_formulas_are_the_same_over_leading_axes_as_one_by_one(name: str) -> None:
    columns, formulas = WHOLE[name]
    blocks = columns.reshape(4, 10, -1).sum(axis=1)
    for formula in formulas:
        together = np.asarray(formula(blocks))
        alone = np.stack([np.asarray(formula(block)) for block in blocks])
        assert together == pytest.approx(alone, nan_ok=True)


def test_points_that_are_not_scored_are_not_counted() -> None:
    assert WHOLE["scores"][0][[5, 9]].sum() == 0
    assert state.state("scores", WHOLE["scores"][0]).sums[0] == N - 2


def test_states_of_different_things_do_not_add_up() -> None:
    one = state.state("crps", np.ones((3, 2)))
    with pytest.raises(InputError, match="same statistic"):
        one + state.state("energy", np.ones((3, 2)))
    with pytest.raises(InputError, match="same statistic"):
        one + state.state("crps", np.ones((3, 3)))


def test_the_referees_sums_are_the_same_form() -> None:
    points = metrics.ScoredPoints(
        np.nan_to_num(MEMBERS[:, 0]), None, "clamped", np.nan_to_num(Y[:, 0]), U, np.full(N, 0.5)
    )
    columns = metrics.statistics(points)
    assert state.mean_score(state.state("metrics", columns).sums, metrics.CRPS) == pytest.approx(
        float(metrics.mean_crps(columns.sum(axis=0)))
    )
