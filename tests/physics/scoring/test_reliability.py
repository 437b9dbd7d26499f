"""Reliability, sharpness, spread and skill: calibrated forecasts read as such, others as what they are."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest

from ranvier.dtops.scoring import pit, reliability
from ranvier.dtops.scoring.state import state

N = 20_000


def sums(columns: np.ndarray) -> np.ndarray:
    return state("test", columns).sums


def test_a_uniform_pit_lies_on_the_diagonal() -> None:
    found = sums(reliability.reliability_columns(np.random.default_rng(1).random(N)))
    error = 5 * np.sqrt(reliability.LEVELS * (1 - reliability.LEVELS) / N)
    assert np.all(np.abs(reliability.one_sided(found) - reliability.LEVELS) < error)
    assert np.all(np.abs(reliability.central(found) - reliability.LEVELS) < error)


def test_bands_that_are_too_narrow_cover_too_little_and_biased_ones_show_on_one_side() -> None:
    y = np.random.default_rng(2).normal(size=N)
    levels = np.arange(1, 100) / 100
    values = np.array([NormalDist().inv_cdf(p) for p in levels])
    u = np.zeros(N)
    narrow = sums(reliability.reliability_columns(pit.randomised_pit(0.5 * values, levels, y, u)))
    assert np.all(reliability.central(narrow) < reliability.LEVELS)
    high = sums(reliability.reliability_columns(pit.randomised_pit(values + 1, levels, y, u)))
    assert np.all(reliability.one_sided(high) > reliability.LEVELS)


@pytest.mark.parametrize("m", [9, 19, 99])
def test_bands_of_small_ensembles_cover_what_they_say(m: int) -> None:
    """The band 0.8 lies on members 1 and 9 of 9, 2 and 18 of 19: exactly 0.8 of outcomes are between."""
    rng = np.random.default_rng(3)
    members, y = rng.normal(size=(N, m)), rng.normal(size=N)
    low, high = reliability.band(members, None, 0.8)
    assert ((low < y) & (y < high)).mean() == pytest.approx(0.8, abs=5 * math.sqrt(0.16 / N))


def test_sharpness_is_the_mean_width_in_the_unit_of_the_values() -> None:
    levels = np.array([0.1, 0.5, 0.9])
    values = np.array([[0.0, 1.0, 4.0], [0.0, 1.0, 8.0], [np.nan, 1.0, 8.0]])
    found = sums(reliability.sharpness_columns(values, levels, (0.8,)))
    assert reliability.sharpness(found) == pytest.approx([6.0])


@pytest.mark.parametrize("m", [2, 5, 50])
def test_spread_is_skill_for_an_exchangeable_ensemble_of_any_size(m: int) -> None:
    """Both are means of n squares of normals, relative s.e. √(2/n) at most each."""
    rng = np.random.default_rng(4)
    scale = rng.gamma(2.0, size=N)  # situations differ, which a mean of standard deviations would not survive
    members, y = scale[:, None] * rng.normal(size=(N, m)), scale * rng.normal(size=N)
    found = sums(reliability.spread_skill_columns(members, y))
    per_point = reliability.spread_skill_columns(members, y)
    error = (per_point[:, 1] - per_point[:, 2]).std() / math.sqrt(N) / per_point[:, 2].mean()
    assert float(reliability.spread_skill(found)) == pytest.approx(1.0, abs=5 * error / 2 + 5e-3)
    assert float(reliability.spread(found) / reliability.rmse(found)) == pytest.approx(
        float(reliability.spread_skill(found))
    )


def test_half_the_spread_reads_as_half() -> None:
    rng = np.random.default_rng(5)
    members, y = 0.5 * rng.normal(size=(N, 200)), rng.normal(size=N)
    found = sums(reliability.spread_skill_columns(members, y))
    assert float(reliability.spread_skill(found)) == pytest.approx(0.5, abs=0.02)
