"""The ensemble filter: it is the Kalman filter where that is right, and says nothing it was not told."""

import numpy as np
import pytest

from ranvier.dtops.ensemble_filter import STATES, Drift, analysed, drifted, sensitivity

E, C = 400, 20
H = np.array([[1.0, 0.0, 0.1], [0.0, 1.0, 0.0]])
NOISE = np.array([0.3, 0.2])


def ensemble(seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (E, C, len(STATES))) + rng.normal(0, 5, (C, len(STATES)))
    return x, x @ H.T + NOISE * rng.normal(size=(E, C, 2))


def test_the_regression_finds_the_sensitivity_and_the_noise_of_a_linear_model() -> None:
    """Slopes have a standard error of noise / √(E·C); 5 of them, and the ridge's pull of 1e-3."""
    slope, noise = sensitivity(*ensemble())
    assert slope == pytest.approx(H, abs=5 * 0.3 / np.sqrt(E * C) + 1e-3)
    assert np.sqrt(np.diag(noise)) == pytest.approx(NOISE, rel=5 / np.sqrt(2 * E * C))


def test_the_analysis_is_that_of_the_kalman_filter() -> None:
    x, y = ensemble()
    observed = np.full((C, 2), 2.0)
    error = np.array([0.4, 0.1])
    normals = np.random.default_rng(2).normal(size=(E, C, 2))
    found = analysed(x, y, observed, error, normals, inflation=1.0)
    prior = np.eye(3)
    gain = prior @ H.T @ np.linalg.inv(H @ prior @ H.T + np.diag(NOISE**2 + error**2))
    mean = x.mean(axis=0) + (observed - x.mean(axis=0) @ H.T) @ gain.T
    spread = np.diag((np.eye(3) - gain @ H) @ prior)
    # Errors of sampled means (1/√E) and variances (√(2/E)), and of the innovation's mean over E draws of the noise.
    assert found.mean(axis=0) == pytest.approx(
        mean, abs=6 / np.sqrt(E) + 0.05 * np.abs(observed - x.mean(0) @ H.T).max()
    )
    assert found.var(axis=0, ddof=1).mean(axis=0) == pytest.approx(
        spread, rel=6 * np.sqrt(2 / (E * C)) + 2 / np.sqrt(E)
    )


def test_a_cell_that_counted_nothing_keeps_its_members() -> None:
    x, y = ensemble()
    observed = np.full((C, 2), np.nan)
    observed[1:] = 0.0
    found = analysed(x, y, observed, np.ones(2), np.zeros((E, C, 2)), inflation=1.0)
    assert np.array_equal(found[:, 0], x[:, 0])
    assert not np.array_equal(found[:, 1], x[:, 1])


def test_a_counter_that_no_member_defines_is_passed_over() -> None:
    x, y = ensemble()
    y[..., 0] = np.nan
    found = analysed(x, y, np.zeros((C, 2)), np.ones(2), np.zeros((E, C, 2)), inflation=1.0)
    assert np.isfinite(found).all()
    # Users are told by the second counter alone; the load only as far as sampled covariances mix them.
    assert found[..., 1].var(axis=0).mean() < 0.3 * x[..., 1].var(axis=0).mean() + 1
    assert found[..., 0].mean(axis=0) == pytest.approx(x[..., 0].mean(axis=0), abs=1.0)


def test_the_gain_forgets_towards_its_spread_at_rest() -> None:
    rng, drift = np.random.default_rng(3), Drift(memory_steps=5.0)
    x = np.full((4000, 1, 3), 4.0)
    for _ in range(60):
        x = drifted(x, drift, rng.normal(size=x.shape))
    assert x[..., 2].mean() == pytest.approx(0, abs=5 * 1.4 / np.sqrt(4000))
    assert x[..., 2].std() == pytest.approx(1.4, rel=5 / np.sqrt(8000))
    assert x[..., 0].std() == pytest.approx(0.25 * np.sqrt(60), rel=5 / np.sqrt(8000))


def test_cycling_follows_a_load_that_jumps() -> None:
    """After a jump by a factor of five the mean is within the observation's error again after ten steps."""
    rng, drift, truth = np.random.default_rng(4), Drift(), 0.0
    x = rng.normal(0, 0.5, (16, 6, 3))
    for step in range(20):
        truth = np.log(5) if step >= 10 else 0.0
        x = drifted(x, drift, rng.normal(size=x.shape))
        y = x @ H.T + 0.1 * rng.normal(size=(16, 6, 2))
        x = analysed(x, y, np.full((6, 2), [truth, 0.0]), np.full(2, 0.1), rng.normal(size=(16, 6, 2)))
    assert x[..., 0].mean() == pytest.approx(truth, abs=0.3)
