"""Rank histograms: flat for the truth, a slope for bias, a U for too little spread, and honest p-values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from ranvier.dtops.scoring import rank_histogram as ranked
from ranvier.dtops.scoring.state import state

N, M = 20_000, 9


def flatness(members: np.ndarray, y: np.ndarray, bins: int | None = None, seed: int = 0) -> ranked.Flatness:
    u = np.random.default_rng(seed).random(len(y))
    return ranked.flatness(state("ranks", ranked.rank_columns(members, y, u, bins)).sums)


def test_ranks_count_members_below_and_split_ties_evenly() -> None:
    members = np.array([[3.0, 1.0, 2.0], [2.0, 2.0, 5.0], [2.0, 2.0, 5.0], [np.nan, np.nan, np.nan]])
    y, u = np.array([2.5, 2.0, 2.0, 1.0]), np.array([0.9, 0.0, 0.99, 0.5])
    assert ranked.ranks(members, y, u).tolist() == [2, 0, 2, -1]
    columns = ranked.rank_columns(members, y, u)
    assert columns[:, 1:].argmax(axis=1).tolist()[:3] == [2, 0, 2]
    assert columns[3].sum() == 0


def test_the_truth_is_flat_with_atoms_and_with_missing_members() -> None:
    rng = np.random.default_rng(1)
    members, y = (np.maximum(rng.normal(size=shape), 0.0) for shape in ((N, M), N))
    assert flatness(members, y).p_value > 1e-3
    members[rng.random((N, M)) < 0.2] = np.nan
    assert flatness(members, y).p_value > 1e-3
    assert flatness(members, y, bins=4).p_value > 1e-3


@pytest.mark.parametrize(
    ("scale", "shift", "slope", "curvature"),
    [(1, -0.3, 1, 0), (1, 0.3, -1, 0), (0.6, 0, 0, 1), (1.6, 0, 0, -1)],
)
def test_each_fault_shows_in_its_own_direction(
    scale: float, shift: float, slope: int, curvature: int
) -> None:
    rng = np.random.default_rng(2)
    found = flatness(scale * rng.normal(size=(N, M)) + shift, rng.normal(size=N))
    assert (found.slope_p < 1e-6) == bool(slope)
    if slope:
        assert np.sign(found.slope) == slope
    if curvature:
        assert found.curvature_p < 1e-6
        assert np.sign(found.curvature) == curvature


def test_the_parts_add_up_to_chi_squared() -> None:
    rng = np.random.default_rng(3)
    found = flatness(0.8 * rng.normal(size=(500, M)), rng.normal(size=500))
    assert found.slope**2 + found.curvature**2 + found.rest == pytest.approx(found.chi2)
    counts = state("r", ranked.rank_columns(rng.normal(size=(500, M)), rng.normal(size=500), rng.random(500)))
    expected = stats.chisquare(counts.sums[1:])
    got = ranked.flatness(counts.sums)
    assert (got.chi2, got.p_value) == pytest.approx((expected.statistic, expected.pvalue))


def test_p_values_of_the_truth_are_uniform() -> None:
    """400 histograms of 400 points: a share of 0.1 below 0.1 for each, ± 5 σ of a binomial."""
    rng = np.random.default_rng(4)
    u = rng.random((400, 400))
    sums = ranked.rank_columns(rng.normal(size=(400, 400, M)), rng.normal(size=(400, 400)), u).sum(axis=1)
    tests = [ranked.flatness(each) for each in sums]
    for name in ("p_value", "slope_p", "curvature_p", "rest_p"):
        share = np.mean([getattr(test, name) < 0.1 for test in tests])
        assert abs(share - 0.1) < 5 * math.sqrt(0.09 / 400)


@pytest.mark.parametrize("freedom", [1, 2, 3, 6, 9, 50, 201])
@pytest.mark.parametrize("x", [0.0, 0.1, 3.0, 40.0, 300.0])
def test_the_tail_of_chi_squared_is_the_libraries(x: float, freedom: int) -> None:
    expected = float(stats.chi2.sf(x, freedom))
    assert ranked.chi2_tail(x, freedom) == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_no_points_give_no_number() -> None:
    found = ranked.flatness(np.zeros(M + 2))
    assert math.isnan(found.chi2)
    assert math.isnan(found.p_value)
