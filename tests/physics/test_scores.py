"""Scores against closed forms, against an independent implementation, and what must hold for any forecast."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scoringrules
from hypothesis import given, settings
from hypothesis import strategies as st

from ranvier.dtops.scoring import counter_stream, crps, metrics, pit

M = 999
LEVELS = np.arange(1, M + 1) / (M + 1)
finite = st.floats(-1e3, 1e3, allow_nan=False)
ensembles = st.lists(finite, min_size=1, max_size=12).map(lambda xs: np.array(xs, dtype=float))


def normal_crps(y: float) -> float:
    """σ [z (2Φ(z) − 1) + 2φ(z) − 1/√π], Gneiting & Raftery 2007, equation 21."""
    cdf, pdf = 0.5 * (1 + math.erf(y / math.sqrt(2))), math.exp(-y * y / 2) / math.sqrt(2 * math.pi)
    return y * (2 * cdf - 1) + 2 * pdf - 1 / math.sqrt(math.pi)


def uniform_crps(y: float) -> float:
    """∫₀¹ (x − 1{y ≤ x})² dx = y³/3 + (1 − y)³/3 inside (0, 1), and 1/3 plus the distance outside."""
    inside = min(max(y, 0.0), 1.0)
    return (inside**3 + (1 - inside) ** 3) / 3 + abs(y - inside)


def exponential_crps(y: float) -> float:
    """For y ≥ 0: y + 2e^{−y} − 3/2, by integrating (1 − e^{−x})² up to y and e^{−2x} from there."""
    return y + 2 * math.exp(-y) - 1.5


def normal_quantiles() -> np.ndarray:
    from statistics import NormalDist

    return np.array([NormalDist().inv_cdf(p) for p in LEVELS])


@pytest.mark.parametrize("y", [-2.5, -0.3, 0.0, 1.1, 2.9])
def test_quantiles_of_a_normal_give_its_closed_form(y: float) -> None:
    # Between knots F is off by at most its curvature: (Δp)² over the density; what is clamped beyond the
    # outermost levels is worth at most E[(|X| − q)+] / M on each side.
    got = crps.crps_quantiles(normal_quantiles(), LEVELS, np.array(y))
    assert float(got) == pytest.approx(normal_crps(y), abs=2 / M)


@pytest.mark.parametrize("y", [-1.0, 0.0, 0.3, 1.0, 1.7])
def test_quantiles_of_a_uniform_with_linear_tails_are_exact(y: float) -> None:
    levels = np.array([0.25, 0.5, 0.75])
    got = crps.crps_quantiles(levels.copy(), levels, np.array(y), "linear")
    assert float(got) == pytest.approx(uniform_crps(y), rel=1e-12)


@pytest.mark.parametrize("y", [0.0, 0.5, 3.0])
def test_quantiles_of_an_exponential_give_its_closed_form(y: float) -> None:
    got = crps.crps_quantiles(-np.log1p(-LEVELS), LEVELS, np.array(y))
    assert float(got) == pytest.approx(exponential_crps(y), abs=2 / M)


@given(ensembles, finite)
def test_samples_agree_with_an_independent_implementation(members: np.ndarray, y: float) -> None:
    expected = scoringrules.crps_ensemble(y, members, estimator="nrg")
    assert float(crps.crps_samples(members, np.array(y))) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(ensembles.filter(lambda x: len(x) > 1), finite)
def test_the_fair_estimator_agrees_with_an_independent_implementation(members: np.ndarray, y: float) -> None:
    expected = scoringrules.crps_ensemble(y, members, estimator="fair")
    assert float(crps.fair_crps_samples(members, np.array(y))) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("y", [-1.7, 0.2, 2.4])
def test_the_quantile_score_of_many_levels_tends_to_the_same_value(y: float) -> None:
    """Twice the mean pinball loss over levels is the CRPS in the limit of many levels; its error is O(1/M)."""
    expected = scoringrules.crps_quantile(y, normal_quantiles(), LEVELS)
    got = crps.crps_quantiles(normal_quantiles(), LEVELS, np.array(y))
    assert float(got) == pytest.approx(float(expected), abs=4 / M)


@given(finite, finite)
def test_a_point_forecast_scores_its_absolute_error(x: float, y: float) -> None:
    assert float(crps.crps_samples(np.array([x]), np.array(y))) == pytest.approx(abs(x - y))
    one = crps.crps_quantiles(np.array([x]), np.array([0.5]), np.array(y))
    assert float(one) == pytest.approx(abs(x - y))


@given(ensembles, finite)
def test_samples_and_the_quantiles_of_the_same_atoms_score_alike(members: np.ndarray, y: float) -> None:
    """An ensemble of m atoms is also m pairs of equal quantiles, an ε around each jump of F."""
    ordered, m, eps = np.sort(members), len(members), 1e-9
    edges = np.arange(m)[:, None] / m + np.array([eps, 1 / m - eps])[None, :]
    got = crps.crps_quantiles(np.repeat(ordered, 2), edges.ravel(), np.array(y))
    expected = crps.crps_samples(members, np.array(y))
    assert float(got) == pytest.approx(float(expected), rel=1e-6, abs=1e-5)


@given(ensembles, finite, st.floats(-50, 50), st.floats(0.1, 10))
def test_crps_moves_with_the_data_and_scales_with_the_unit(
    members: np.ndarray, y: float, shift: float, scale: float
) -> None:
    before = float(crps.crps_samples(members, np.array(y)))
    after = float(crps.crps_samples(members * scale + shift, np.array(y * scale + shift)))
    assert after == pytest.approx(before * scale, rel=1e-6, abs=1e-8)


def test_crps_is_proper_the_true_distribution_wins() -> None:
    """Mean scores over 20,000 draws; the gap of 0.05 σ is over ten standard errors of the paired difference."""
    rng = np.random.default_rng(1)
    y = rng.normal(size=20_000)
    truth, wide, shifted = normal_quantiles(), 1.5 * normal_quantiles(), normal_quantiles() + 0.4

    def mean(values: np.ndarray) -> float:
        thin = slice(9, None, 50)
        return float(
            np.mean(crps.crps_quantiles(np.broadcast_to(values[thin], (len(y), 20)), LEVELS[thin], y))
        )

    assert mean(truth) < mean(wide)
    assert mean(truth) < mean(shifted)


def test_the_randomised_pit_of_a_calibrated_forecast_with_an_atom_is_uniform() -> None:
    """Half the mass on 0, the rest uniform on (0, 1): as a downlink rate is. Each tenth holds 0.1 ± 5 σ."""
    rng = np.random.default_rng(2)
    n = 40_000
    y = np.where(rng.random(n) < 0.5, 0.0, rng.random(n))
    levels = np.array([0.01, 0.25, 0.5, 0.75, 0.99])
    values = np.broadcast_to(np.maximum(0.0, 2 * levels - 1), (n, 5))
    found = pit.randomised_pit(values, levels, y, rng.random(n), "linear")
    share = np.histogram(found, bins=10, range=(0, 1))[0] / n
    # the linear tail puts the last 2 % beyond 0.98 on a segment to 1: exact here
    assert share == pytest.approx(np.full(10, 0.1), abs=5 * math.sqrt(0.1 * 0.9 / n))


@settings(max_examples=50)
@given(ensembles, finite, st.floats(0, 0.999))
def test_the_pit_lies_between_the_two_sides_of_the_jump(members: np.ndarray, y: float, u: float) -> None:
    below, upto = pit.cdf_samples(members, np.array(y))
    found = float(pit.randomised_pit(members, None, np.array(y), np.array(u)))
    assert below - 1e-12 <= found <= upto + 1e-12


def test_an_atom_of_equal_quantiles_is_a_jump_of_the_distribution() -> None:
    levels, values = np.array([0.2, 0.4, 0.6, 0.8]), np.array([0.0, 3.0, 3.0, 5.0])
    below, upto = pit.cdf_quantiles(values, levels, np.array(3.0), "clamped")
    assert (float(below), float(upto)) == pytest.approx((0.4, 0.6))
    below, upto = pit.cdf_quantiles(values, levels, np.array(0.0), "clamped")
    assert (float(below), float(upto)) == pytest.approx((0.0, 0.2))
    below, upto = pit.cdf_quantiles(values, levels, np.array(9.0), "clamped")
    assert (float(below), float(upto)) == (1.0, 1.0)


def test_missing_forecasts_and_outcomes_score_nan_and_never_a_number() -> None:
    values = np.array([[1.0, 2.0], [np.nan, np.nan], [1.0, 2.0]])
    found = crps.crps(values, None, np.array([1.0, 1.0, np.nan]))
    assert np.isnan(found).tolist() == [False, True, True]


def test_sums_add_up_over_any_split_of_the_points() -> None:
    rng = np.random.default_rng(3)
    points = metrics.ScoredPoints(
        rng.normal(size=(60, 9)), None, "clamped", rng.normal(size=60), rng.random(60), np.full(60, 0.5)
    )
    each = metrics.statistics(points)
    whole = metrics.Sums(each.sum(axis=0))
    parts = metrics.Sums(each[:13].sum(axis=0)) + metrics.Sums(each[13:].sum(axis=0)) + metrics.Sums.none()
    assert parts.vector == pytest.approx(whole.vector)
    assert float(metrics.pit_histogram(whole.vector).sum()) == pytest.approx(1.0)
    assert 0 <= float(metrics.twinning_precision(whole.vector)) <= 1


@pytest.mark.parametrize("shape", [0.3, 1.0, 7.5])
def test_gamma_draws_have_their_mean_and_variance(shape: float) -> None:
    """Mean and variance of Gamma(k, 1) are k; standard errors √(k/n) and √((2k² + 6k)/n)."""
    n = 100_000
    found = counter_stream.gamma(np.array(shape), counter_stream.chain(3, np.arange(n)))
    assert found.min() >= 0
    assert found.mean() == pytest.approx(shape, abs=5 * math.sqrt(shape / n))
    assert found.var() == pytest.approx(shape, abs=5 * math.sqrt((2 * shape**2 + 6 * shape) / n))


def test_draws_depend_on_who_and_when_and_on_nothing_else() -> None:
    hashes = np.array(
        [counter_stream.name_key("cell", "rsrp"), counter_stream.name_key("cell", "sinr")], np.uint64
    )
    together = counter_stream.uniform(counter_stream.chain(7, hashes, np.array([5, 5])))
    alone = counter_stream.uniform(counter_stream.chain(7, hashes[1:], np.array([5])))
    assert together[1] == alone[0]
    assert together[0] != together[1]
    many = counter_stream.uniform(counter_stream.chain(7, hashes[:1], np.arange(100_000)))
    assert many.mean() == pytest.approx(0.5, abs=5 / math.sqrt(12 * 100_000))
