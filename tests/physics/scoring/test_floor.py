"""The oracle floor: closed forms, no bias from ensemble sizes, and a ratio of one for the truth itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scoringrules

from ranvier.dtops.scoring import bootstrap, floor
from ranvier.dtops.scoring.state import score_ratio, state
from ranvier.ontology.errors import InputError

SITUATIONS = 4_000
HALF = 1 / math.sqrt(math.pi)
"""½E|X − X′| of a standard normal: X − X′ has standard deviation √2, and E|N(0, s²)| = s√(2/π)."""


def draw(m: int, seed: int, n: int = SITUATIONS, scale: float = 1.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(100.0, scale, size=(n, m))


def within(values: np.ndarray, expected: float) -> bool:
    """Whether a mean is within five standard errors of what is expected."""
    return bool(abs(values.mean() - expected) < 5 * values.std() / math.sqrt(len(values)))


def test_the_floor_of_a_normal_is_one_over_root_pi() -> None:
    assert within(floor.scalar_floor(draw(20, 1)), HALF)


def test_the_floor_of_vectors_is_that_of_a_chi_distribution() -> None:
    """‖X − X′‖ = √2 χ_d, with mean √2 · √2 Γ((d + 1)/2) / Γ(d/2)."""
    runs = np.random.default_rng(2).normal(size=(1_000, 5, 20))
    assert within(floor.vector_floor(runs), math.gamma(3.0) / math.gamma(2.5))


@pytest.mark.parametrize("k", [2, 7, 50])
def test_a_perfect_sampler_is_at_the_floor_whatever_its_size(k: int) -> None:
    assert within(floor.samples_against_runs(draw(k, 3), draw(20, 4)), HALF)


def test_the_hold_out_of_the_oracle_is_at_the_floor() -> None:
    assert within(floor.hold_out_samples(draw(24, 5)), HALF)
    vectors = np.random.default_rng(6).normal(size=(500, 3, 20))
    found = floor.hold_out_vectors(vectors)
    assert within(found - floor.vector_floor(vectors), 0.0)


def test_a_wrong_spread_costs_the_distance_between_the_distributions() -> None:
    """E CRPS(N(0, s²), N(0, 1)) = √(2(1 + s²)/π)·½·2 − s/√π: the energy form in closed form."""
    s = 2.0
    expected = math.sqrt(2 * (1 + s * s) / math.pi) - s / math.sqrt(math.pi)
    assert within(floor.samples_against_runs(draw(10, 7, scale=s), draw(20, 8)), expected)


def test_quantiles_of_the_truth_are_a_little_above_the_floor_and_never_below() -> None:
    """19 levels with clamped tails: what lies between and beyond them costs ∫(F − G)², some 0.5 %."""
    from statistics import NormalDist

    levels = np.arange(1, 20) / 20
    values = np.array([NormalDist(100.0).inv_cdf(p) for p in levels])
    scores = floor.quantiles_against_runs(values, levels, draw(20, 9))
    excess = scores.mean() / HALF - 1
    error = scores.std() / math.sqrt(SITUATIONS) / HALF
    assert -5 * error < excess < 0.01 + 5 * error


def test_sorting_gives_the_same_cross_score_as_all_pairs() -> None:
    rng = np.random.default_rng(10)
    y, x = rng.normal(size=(6, 7)), rng.normal(size=(6, 21))
    all_pairs = np.abs(y[:, :, None] - x[:, None, :]).mean(axis=(1, 2))
    own = np.abs(y[:, :, None] - y[:, None, :]).sum(axis=(1, 2)) / (2 * 7 * 6)
    assert floor.samples_against_runs(y, x) == pytest.approx(all_pairs - own, rel=1e-12)
    mean = np.mean([scoringrules.crps_ensemble(x[:, j], y, estimator="fair") for j in range(21)], axis=0)
    assert floor.samples_against_runs(y, x) == pytest.approx(mean, rel=1e-9)


def test_the_vector_form_of_one_node_is_the_scalar_form() -> None:
    y, x = draw(8, 11, n=5), draw(22, 12, n=5)
    scalar = floor.samples_against_runs(y, x)
    assert floor.vector_samples_against_runs(y[:, None], x[:, None]) == pytest.approx(scalar, rel=1e-9)
    assert floor.vector_floor(x[:, None]) == pytest.approx(floor.scalar_floor(x), rel=1e-9)


def test_a_large_offset_costs_no_digits() -> None:
    y, x = draw(8, 13, n=5) - 100, draw(22, 14, n=5) - 100
    far = 2.0**40  # the sum is rounded to 2⁻¹² of a unit, and nothing is lost after
    expected = floor.samples_against_runs(y, x)
    assert floor.samples_against_runs(y + far, x + far) == pytest.approx(expected, abs=2.0**-10)


def test_hold_out_quantiles_pay_for_few_runs_and_get_nearer_with_more() -> None:
    levels = np.arange(1, 20) / 20
    few = floor.hold_out_quantiles(draw(20, 15), levels).mean()
    many = floor.hold_out_quantiles(draw(200, 16, n=1_000), levels).mean()
    assert few > many > HALF * 0.99


def test_the_ratio_is_one_of_sums() -> None:
    columns = floor.comparison_columns(np.array([1.0, 3.0, np.nan]), np.array([2.0, 2.0, 9.0]))
    assert float(score_ratio(state("floor", columns).sums)) == 1.0


def test_a_claim_has_an_interval_over_deployments() -> None:
    """30 deployments of 40 situations of their own scale: the truth's ratio holds 1, one of half the spread not."""
    rng = np.random.default_rng(20)
    where = np.repeat(np.arange(30), 40)
    scale = rng.gamma(2.0, size=30)[where][:, None]
    runs, truth = scale * rng.normal(size=(1_200, 24)), scale * rng.normal(size=(1_200, 10))

    def ratio(samples: np.ndarray) -> bootstrap.Interval:
        score = floor.samples_against_runs(samples, runs)
        columns = floor.comparison_columns(score, floor.scalar_floor(runs))
        draws = bootstrap.Draws(confidence=0.99)
        return bootstrap.estimate(bootstrap.sums_by_block(columns, where), score_ratio, draws)

    assert ratio(truth).holds(1.0)
    assert ratio(0.5 * truth).low > 1.0


def test_missing_re_runs_are_left_out_and_too_few_give_no_floor() -> None:
    runs = draw(24, 17, n=3)
    runs[0, 5], runs[1, :10] = np.nan, np.nan
    found = floor.scalar_floor(runs)
    assert found[0] == pytest.approx(floor.scalar_floor(np.delete(runs[:1], 5, axis=1))[0])
    assert np.isnan(found).tolist() == [False, True, False]
    samples = draw(6, 18, n=3)
    kept = np.delete(runs[:1], 5, axis=1)
    assert floor.samples_against_runs(samples, runs)[0] == pytest.approx(
        floor.samples_against_runs(samples[:1], kept)[0]
    )


def test_fewer_than_twenty_re_runs_are_refused() -> None:
    with pytest.raises(InputError, match="run the simulator again"):
        floor.scalar_floor(draw(19, 19))
