"""One policy for what is missing (`scoring.missing`), held to by every score."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from ranvier.dtops.scoring import (
    area,
    brier,
    crps,
    energy,
    floor,
    pinball,
    pit,
    rank_histogram,
    reliability,
    variogram,
)

N, D, M = 6, 3, 24
LEVELS = np.arange(1, M + 1) / (M + 1)
Score = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From members (n, m) or (n, d, m) and outcomes (n,) or (n, d) to (n,); NaN is "not scored"."""


def counted(columns: np.ndarray, column: int = 1) -> np.ndarray:
    """A statistic's column, NaN where the point is not counted; then nothing else may be either."""
    assert np.all(columns[columns[:, 0] == 0] == 0)
    return np.where(columns[:, 0] > 0, columns[:, column], np.nan)


def half(members: np.ndarray) -> np.ndarray:
    return np.full(len(members), 0.5)


SCALAR: dict[str, tuple[int, Score]] = {
    "crps_samples": (1, crps.crps_samples),
    "fair_crps_samples": (2, crps.fair_crps_samples),
    "crps": (1, lambda x, y: crps.crps(x, None, y)),
    "randomised_pit": (1, lambda x, y: pit.randomised_pit(x, None, y, half(x))),
    "fair_brier_samples": (
        2,
        lambda x, y: brier.fair_brier_samples(x, 0.0, np.where(np.isnan(y), np.nan, 1.0)),
    ),
    "brier_columns": (
        1,
        lambda x, y: counted(
            brier.brier_columns(brier.exceedance(x, 0.0), np.where(np.isnan(y), np.nan, 1.0)), 0
        ),
    ),
    "rank_columns": (1, lambda x, y: counted(rank_histogram.rank_columns(x, y, half(x), 3), 2)),
    "reliability_columns": (
        1,
        lambda x, y: counted(reliability.reliability_columns(pit.randomised_pit(x, None, y, half(x)))),
    ),
    "spread_skill_columns": (2, lambda x, y: counted(reliability.spread_skill_columns(x, y))),
    "area_crps": (1, lambda x, y: area.area_crps(x, y, np.arange(len(x)))),
    "area_covered": (1, lambda x, y: area.area_covered(x, y, np.arange(len(x)), half(x))),
    "samples_against_runs": (2, lambda x, y: floor.samples_against_runs(x, y[:, None] + np.arange(2.0))),
}
VECTOR: dict[str, tuple[int, Score]] = {
    "energy_score": (1, energy.energy_score),
    "fair_energy_score": (2, energy.fair_energy_score),
    "variogram_score": (1, variogram.variogram_score),
    "fair_variogram_score": (2, variogram.fair_variogram_score),
    "vector_samples_against_runs": (
        2,
        lambda x, y: floor.vector_samples_against_runs(x, y[..., None] + np.arange(2.0)),
    ),
    "scene_sum": (1, lambda x, y: crps.crps_samples(x.sum(axis=1), y.sum(axis=1))),
}
QUANTILES: dict[str, Score] = {
    "crps_quantiles": lambda q, y: crps.crps_quantiles(q, LEVELS, y, "linear"),
    "crps_pinball": lambda q, y: pinball.crps_pinball(q, LEVELS, y),
    "pinball": lambda q, y: pinball.pinball(q, LEVELS, y).sum(axis=-1),
    "interval_score": lambda q, y: pinball.interval_score(q[:, 0], q[:, 7], y, 0.8),
    "randomised_pit": lambda q, y: pit.randomised_pit(q, LEVELS, y, half(q)),
    "median": lambda q, y: pit.median(q, LEVELS) + 0 * y,
    "quantiles_against_runs": lambda q, y: floor.quantiles_against_runs(q, LEVELS, y[:, None]),
}


def scalars() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.normal(size=(N, M)), rng.normal(size=N)


def vectors() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    return rng.normal(size=(N, D, M)), rng.normal(size=(N, D))


@pytest.mark.parametrize("name", SCALAR)
def test_a_missing_outcome_is_not_scored_and_touches_no_other(name: str) -> None:
    (_, score), (members, y) = SCALAR[name], scalars()
    whole = score(members, y)
    found = score(members, np.where(np.arange(N) == 2, np.nan, y))
    assert np.isnan(found).tolist() == [i == 2 for i in range(N)]
    assert np.delete(found, 2) == pytest.approx(np.delete(whole, 2), rel=1e-12)


@pytest.mark.parametrize("name", SCALAR)
def test_missing_members_leave_the_score_of_those_present(name: str) -> None:
    (fewest, score), (members, y) = SCALAR[name], scalars()
    torn = members.copy()
    torn[0, 3], torn[1, [0, 7, 23]] = np.nan, np.nan
    torn[2, fewest:], torn[3, fewest - 1 :], torn[4, :] = np.nan, np.nan, np.nan
    found = score(torn, y)
    for row in (0, 1, 2):
        there = torn[row, ~np.isnan(torn[row])]
        # the same shapes for all rows, as area and rank functions see them: one row at a time
        assert found[row] == pytest.approx(score(there[None], y[row : row + 1])[0], rel=1e-9)
    assert np.isnan(found).tolist() == [False, False, False, True, True, False]
    assert found[5] == pytest.approx(score(members, y)[5], rel=1e-12)


@pytest.mark.parametrize("name", VECTOR)
def test_a_torn_outcome_is_not_scored(name: str) -> None:
    (_, score), (members, y) = VECTOR[name], vectors()
    whole = score(members, y)
    torn = y.copy()
    torn[2, 1] = np.nan
    found = score(members, torn)
    assert np.isnan(found).tolist() == [i == 2 for i in range(N)]
    assert np.delete(found, 2) == pytest.approx(np.delete(whole, 2), rel=1e-12)


@pytest.mark.parametrize("name", VECTOR)
def test_a_torn_member_is_a_missing_member(name: str) -> None:
    (fewest, score), (members, y) = VECTOR[name], vectors()
    torn = members.copy()
    torn[0, 1, 3], torn[1, :, 5] = np.nan, np.nan
    torn[2, 0, fewest:], torn[3, 0, fewest - 1 :] = np.nan, np.nan
    found = score(torn, y)
    for row in (0, 1, 2):
        there = torn[row][:, ~np.isnan(torn[row]).any(axis=0)]
        assert found[row] == pytest.approx(score(there[None], y[row : row + 1])[0], rel=1e-9)
    assert np.isnan(found).tolist() == [False, False, False, True, False, False]


@pytest.mark.parametrize("name", QUANTILES)
def test_a_missing_quantile_or_outcome_is_not_scored(name: str) -> None:
    score, (members, y) = QUANTILES[name], scalars()
    values = np.sort(members, axis=1)
    whole = score(values, y)
    torn = values.copy()
    torn[1, 7], torn[4] = np.nan, np.nan
    found = score(torn, np.where(np.arange(N) == 2, np.nan, y))
    assert np.isnan(found).tolist() == [False, True, True, False, True, False]
    assert found[[0, 3, 5]] == pytest.approx(whole[[0, 3, 5]], rel=1e-12)


def test_missing_re_runs_leave_the_hold_outs_of_those_present() -> None:
    """A run that is missing in one half is as if that half were smaller."""
    members, _ = scalars()
    torn = np.concatenate([members, np.full((N, 2), np.nan)], axis=1)
    assert floor.hold_out_samples(torn) == pytest.approx(floor.hold_out_samples(members))
    assert floor.hold_out_quantiles(torn, LEVELS) == pytest.approx(floor.hold_out_quantiles(members, LEVELS))
    assert floor.scalar_floor(torn) == pytest.approx(floor.scalar_floor(members))
    sets, _ = vectors()
    torn = np.concatenate([sets, np.full((N, D, 2), np.nan)], axis=2)
    assert floor.hold_out_vectors(torn) == pytest.approx(floor.hold_out_vectors(sets))
    assert floor.vector_floor(torn) == pytest.approx(floor.vector_floor(sets))


def test_members_that_are_missing_do_not_move_the_median_nor_the_bands() -> None:
    members, _ = scalars()
    torn = np.concatenate([members, np.full((N, 5), np.nan)], axis=1)
    assert pit.median(torn, None) == pytest.approx(np.median(members, axis=1))
    for ours, expected in zip(
        reliability.band(torn, None, 0.8), reliability.band(members, None, 0.8), strict=True
    ):
        assert ours == pytest.approx(expected)
    assert np.isnan(pit.median(np.full((1, 3), np.nan), None))[0]
