"""Rates and lags are right, bounded, and forget."""

from __future__ import annotations

import pytest

from ranvier.gateway.runtime.figures import RATE_WINDOW_S, Lags, Rate


def test_a_steady_rate_is_reported_as_it_is() -> None:
    rate = Rate()
    for second in range(100, 130):
        rate.add(7, second)
    assert rate.per_second(130) == pytest.approx(7.0)


def test_a_rate_falls_to_zero_when_nothing_comes() -> None:
    rate = Rate()
    rate.add(1_000, 50)
    assert rate.per_second(51) == pytest.approx(1_000 / RATE_WINDOW_S)
    assert rate.per_second(50 + RATE_WINDOW_S + 1) == 0.0
    assert rate.total == 1_000


def test_lags_give_their_quantiles_and_nothing_before_the_first() -> None:
    lags = Lags()
    assert lags.quantile(0.5) is None
    for lag in range(1, 100):
        lags.add(lag)
    assert lags.quantile(0.5) == 50.0
