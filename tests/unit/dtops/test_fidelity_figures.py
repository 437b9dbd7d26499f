"""Fidelity: sums before the ratio, honest intervals, and no number where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from ranvier.dtops import fidelity as fidelities
from ranvier.dtops.fidelity import Window, fidelity_of, fidelity_of_sums
from ranvier.dtops.scoring import metrics

WINDOW = Window("model", "q", 1.0, 0, 1)


def sums(crps: np.ndarray, count: float = 10.0) -> np.ndarray:
    found = np.zeros((len(crps), metrics.WIDTH))
    found[:, metrics.CRPS], found[:, metrics.COUNT] = crps, count
    found[:, metrics.INSIDE] = 0.8 * count
    found[:, metrics.PIT :] = count / metrics.PIT_BINS
    return found


def test_sums_come_before_the_ratio() -> None:
    """One point on which climatology is nearly right must not rule the figure."""
    forecast, reference = np.array([1.0, 1.0]), np.array([0.001, 9.999])
    assert float(fidelity_of_sums(forecast.sum(), reference.sum())) == pytest.approx(0.8)


def test_a_perfect_forecast_has_one_climatology_nought_and_a_worse_one_less() -> None:
    reference = np.full(40, 5.0)
    for factor, expected in ((0.0, 1.0), (1.0, 0.0), (2.0, -1.0)):
        found = fidelity_of(WINDOW, sums(factor * reference), sums(reference))
        assert found.fidelity.value == pytest.approx(expected)


def test_an_oracle_floor_makes_the_reachable_best_one() -> None:
    found = fidelity_of(WINDOW, sums(np.full(40, 20.0)), sums(np.full(40, 50.0)), floor=2.0)
    assert found.fidelity.value == pytest.approx(1.0)


def test_it_is_undefined_where_climatology_is_nowhere_wrong() -> None:
    found = fidelity_of(WINDOW, sums(np.full(40, 1.0)), sums(np.zeros(40)))
    assert np.isnan(found.fidelity.value)
    assert "denominator" in found.undefined
    rare = np.zeros(40)
    rare[7] = 3.0  # e⁻¹ of the resamples miss the one block that counts
    found = fidelity_of(WINDOW, sums(rare), sums(rare))
    assert np.isnan(found.fidelity.value)
    assert found.undefined


def test_no_points_give_no_number() -> None:
    none = np.zeros((5, metrics.WIDTH))
    found = fidelity_of(WINDOW, none, none)
    assert found.n == 0
    assert np.isnan(found.fidelity.value)
    assert np.isnan(found.crps.value)
    assert found.undefined


def test_too_few_blocks_give_an_estimate_without_an_interval() -> None:
    found = fidelity_of(WINDOW, sums(np.full(5, 1.0)), sums(np.full(5, 2.0)))
    assert found.fidelity.value == pytest.approx(0.5)
    assert np.isnan(found.fidelity.low)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """90 % intervals over 60 independent blocks, 200 times: a binomial share of 0.9 ± 5 σ, less a small-sample
    shortfall of the percentile bootstrap of 2 %."""
    rng = np.random.default_rng(5)
    hits = 0
    for _ in range(200):
        reference = rng.gamma(4.0, 1.0, size=60)
        forecast = reference * rng.gamma(4.0, 0.5 / 4.0, size=60)
        found = fidelity_of(WINDOW, sums(forecast), sums(reference)).fidelity
        hits += found.holds(0.5)
    assert hits / 200 >= 0.88 - 5 * np.sqrt(0.9 * 0.1 / 200)


def test_dependent_blocks_are_joined_and_independent_ones_are_not() -> None:
    rng = np.random.default_rng(6)
    reference = np.full(256, 10.0)
    alone = rng.normal(5, 1, size=256)
    slow = 5 + np.repeat(rng.normal(size=32), 8)
    assert fidelities.independent_blocks(alone, reference) == 1
    assert fidelities.independent_blocks(slow, reference) >= 4


def test_joining_blocks_loses_no_points() -> None:
    values = np.arange(22.0).reshape(11, 2)
    assert fidelities.joined(values, 4).sum() == values.sum()
    assert len(fidelities.joined(values, 4)) == 3


def test_the_mean_over_kpis_leaves_out_the_undefined_ones() -> None:
    assert fidelities.weighted_mean({"a": 0.5, "b": float("nan"), "c": 0.1}) == pytest.approx(0.3)
    assert fidelities.weighted_mean({"a": 0.5, "c": 0.1}, {"a": 3.0, "c": 1.0}) == pytest.approx(0.4)
    assert np.isnan(fidelities.weighted_mean({"b": float("nan")}))


def test_a_flat_pit_passes_and_a_u_shaped_one_does_not() -> None:
    rng = np.random.default_rng(7)
    flat = sums(np.full(60, 1.0), 100.0)
    flat[:, metrics.PIT :] = rng.multinomial(100, np.full(10, 0.1), size=60)
    horned = flat.copy()
    horned[:, metrics.PIT :] = rng.multinomial(100, [0.2, *[0.075] * 8, 0.2], size=60)
    reference = sums(np.full(60, 2.0), 100.0)
    assert fidelity_of(WINDOW, flat, reference).pit_p > 0.05
    assert fidelity_of(WINDOW, horned, reference).pit_p < 0.001
