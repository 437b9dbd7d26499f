"""Pinball losses, their mean over levels and the interval score."""

from __future__ import annotations

import numpy as np
import pytest
import scoringrules
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ranvier.dtops.scoring import crps, pinball
from ranvier.ontology.errors import InputError

finite = st.floats(-1e3, 1e3, allow_nan=False)


@settings(deadline=None)
@given(arrays(float, 5, elements=finite).map(np.sort), finite)
def test_losses_agree_with_an_independent_implementation(values: np.ndarray, y: float) -> None:
    levels = np.array([0.05, 0.3, 0.5, 0.8, 0.99])
    expected = [float(scoringrules.quantile_score(y, q, t)) for q, t in zip(values, levels, strict=True)]
    assert pinball.pinball(values, levels, np.array(y)) == pytest.approx(expected, abs=1e-9)
    ours = pinball.crps_pinball(values, levels, np.array(y), np.full(5, 0.2))
    assert float(ours) == pytest.approx(scoringrules.crps_quantile(y, values, levels), abs=1e-9)


@settings(deadline=None)
@given(arrays(float, st.integers(1, 12), elements=finite), finite)
def test_at_the_middles_of_equal_shares_it_is_the_crps_of_the_members(members: np.ndarray, y: float) -> None:
    levels = (np.arange(len(members)) + 0.5) / len(members)
    assert pinball.level_weights(levels) == pytest.approx(np.full(len(members), 1 / len(members)))
    ours = pinball.crps_pinball(np.sort(members), levels, np.array(y))
    assert float(ours) == pytest.approx(float(crps.crps_samples(members, np.array(y))), abs=1e-9)


def test_weights_follow_the_gaps_between_levels_and_bring_the_mean_nearer_to_the_crps() -> None:
    """Uniform on (0, 1) at unequal levels: the expected CRPS of the truth is 1/6."""
    levels = np.array([0.01, 0.02, 0.03, 0.1, 0.5, 0.9])
    y = (np.arange(4_000) + 0.5) / 4_000
    weighted = pinball.crps_pinball(levels, levels, y).mean()
    equal = pinball.crps_pinball(levels, levels, y, np.full(6, 1 / 6)).mean()
    assert abs(weighted - 1 / 6) < abs(equal - 1 / 6) / 5


def test_the_loss_is_least_at_the_quantile() -> None:
    y = np.random.default_rng(1).exponential(size=50_000)
    at = -np.log(1 - 0.8)
    losses = [pinball.pinball(np.array([q]), np.array([0.8]), y).mean() for q in (0.85 * at, at, 1.15 * at)]
    assert losses[1] < min(losses[0], losses[2])


@settings(deadline=None)
@given(finite, finite, finite, st.sampled_from([0.5, 0.8, 0.95]))
def test_intervals_agree_with_an_independent_implementation_and_with_both_ends(
    one: float, other: float, y: float, coverage: float
) -> None:
    low, high = np.array(min(one, other)), np.array(max(one, other))
    alpha = 1 - coverage
    ours = float(pinball.interval_score(low, high, np.array(y), coverage))
    assert ours == pytest.approx(float(scoringrules.interval_score(y, low, high, alpha)), rel=1e-9, abs=1e-9)
    ends = pinball.pinball(np.stack([low, high]), np.array([alpha / 2, 1 - alpha / 2]), np.array(y))
    assert ours == pytest.approx(2 / alpha * ends.sum(), rel=1e-9, abs=1e-9)


def test_chunks_do_not_change_them(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    values, y, levels = np.sort(rng.normal(size=(40, 5))), rng.normal(size=40), np.arange(1, 6) / 6

    def both() -> np.ndarray:
        interval = pinball.interval_score(values[:, 0], values[:, 4], y, 2 / 3)
        return np.stack([pinball.crps_pinball(values, levels, y), interval])

    whole = both()
    monkeypatch.setattr(pinball, "CHUNK", 12)
    assert both() == pytest.approx(whole, rel=1e-13)


def test_levels_and_coverages_that_make_no_sense_are_refused() -> None:
    with pytest.raises(InputError, match="level"):
        pinball.crps_pinball(np.zeros((2, 3)), np.array([0.5]), np.zeros(2))
    with pytest.raises(InputError, match="coverage"):
        pinball.interval_score(np.zeros(2), np.ones(2), np.zeros(2), 1.0)
