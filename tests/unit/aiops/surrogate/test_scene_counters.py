"""Means over a period are narrower than seconds; mixtures and interpolated horizons stay distributions."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra `surrogate` is not installed")

from ranvier.aiops.surrogate.scene_counters import between, mean_of, mixed, over_periods
from ranvier.dtops.scenes.forecast import LEVELS

FINE = (np.arange(2000) + 0.5) / 2000


def variance(values: np.ndarray, levels: np.ndarray) -> float:
    """Of the piecewise linear distribution, by its quantile function at the middles of equal shares."""
    return float(np.interp(FINE, levels, values).var())


def test_the_mean_of_k_seconds_has_their_mean_and_a_kth_of_their_variance() -> None:
    second = -np.log(1 - LEVELS)  # exponential: far from symmetrical
    for k in (4, 10, 60):
        period = over_periods(second, LEVELS, k)
        assert mean_of(period, LEVELS) == pytest.approx(mean_of(second, LEVELS))
        assert variance(period, LEVELS) == pytest.approx(variance(second, LEVELS) / k)


def test_the_mean_of_drawn_seconds_is_as_wide_as_is_said() -> None:
    """20,000 means of 10 draws: their deviation is known to 1/√(2·20000) = 0.5 %; three times that."""
    second = np.sqrt(-np.log(1 - LEVELS))
    u = np.random.default_rng(1).uniform(size=(20_000, 10))
    drawn = np.interp(u, LEVELS, second).mean(axis=1)
    assert np.sqrt(variance(over_periods(second, LEVELS, 10), LEVELS)) == pytest.approx(
        drawn.std(), rel=0.015
    )
    assert mean_of(second, LEVELS) == pytest.approx(drawn.mean(), rel=0.005)


def test_a_period_of_a_second_or_less_and_a_certain_value_stay_as_they_are() -> None:
    second = np.sort(np.random.default_rng(0).normal(size=(3, len(LEVELS))))
    assert np.array_equal(over_periods(second, LEVELS, 1.0), second)
    assert np.allclose(over_periods(np.full((1, len(LEVELS)), 7.0), LEVELS, 60), 7.0)


def test_between_known_horizons_quantiles_run_with_the_logarithm_of_time_and_beyond_them_stay() -> None:
    values = np.stack([np.zeros((2, 5)), np.ones((2, 5)), 3 * np.ones((2, 5))], axis=1)
    known = (1.0, 60.0, 900.0)
    assert between(values, known, 60.0).tolist() == np.ones((2, 5)).tolist()
    assert np.allclose(between(values, known, np.sqrt(60.0)), 0.5)
    assert np.allclose(between(values, known, 0.1), 0)
    assert np.allclose(between(values, known, 7200.0), 3)


def test_a_mixture_of_equals_is_the_same_and_of_two_has_both_halves() -> None:
    one = np.broadcast_to(np.linspace(0, 1, len(LEVELS)), (4, 1, len(LEVELS)))
    assert np.allclose(mixed(one, LEVELS), one[0], atol=0.02)  # 64 shares a member
    low, high = np.zeros((1, len(LEVELS))), np.ones((1, len(LEVELS)))
    both = mixed(np.stack([low, high]), LEVELS)[0]
    assert (both[LEVELS < 0.49] == 0).all()
    assert (both[LEVELS > 0.51] == 1).all()


def test_a_mixture_leaves_undefined_members_out_and_is_undefined_where_most_are() -> None:
    some = np.stack([np.ones((2, len(LEVELS))), np.full((2, len(LEVELS)), np.nan), np.ones((2, len(LEVELS)))])
    some[2, 1] = np.nan
    found = mixed(some, LEVELS)
    assert (found[0] == 1).all()
    assert np.isnan(found[1]).all()
