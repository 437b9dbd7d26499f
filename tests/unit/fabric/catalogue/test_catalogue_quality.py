"""Completeness, timeliness and validity, and the states that they are made of."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ranvier.fabric.catalogue.quality import (
    DAY_NS,
    FOLDED,
    QualityState,
    expected_points,
    fold,
    lag_bin,
    lag_quantile_s,
    quality,
)

S = 10**9


def state(first_s: int, last_s: int, received: int, series: int = 1) -> QualityState:
    return QualityState(received=received, series=series, first_ns=first_s * S, last_ns=last_s * S)


counts = st.integers(0, 10**6)
states = st.builds(
    QualityState,
    received=counts, revised=counts, suspect=counts, timely=counts, accepted=counts, refused=counts,
    series=counts, first_ns=st.integers(1, 10**15), last_ns=st.integers(10**15, 10**16), recorded_ns=counts,
    lags=st.dictionaries(st.integers(0, 60), counts), expected=counts,
)  # fmt: skip


@given(states, states, states)
def test_states_add_up_in_any_order(a: QualityState, b: QualityState, c: QualityState) -> None:
    assert (a + b) + c == a + (b + c)
    assert a + b == b + a
    assert a + QualityState() == a


def test_nothing_observed_gives_no_figure_rather_than_a_number() -> None:
    figures = quality({}, 10.0)
    assert figures.completeness is None
    assert figures.timeliness is None
    assert figures.validity is None
    assert figures.lag_p50_s is None


def test_expected_is_series_times_periods() -> None:
    assert expected_points({0: state(0, 3600, 0, series=21)}, 10.0) == 21 * 360


def test_a_dataset_without_a_period_expects_nothing_and_has_no_completeness() -> None:
    assert quality({0: state(0, 100, 5)}, None).completeness is None


def test_a_day_that_brought_nothing_counts_as_missing() -> None:
    days = {0: state(0, 86_400, 8640), 2: state(2 * 86_400, 3 * 86_400, 8640)}
    assert expected_points(days, 10.0) == 3 * 8640


def test_a_night_without_points_across_midnight_counts_as_missing() -> None:
    days = {0: state(0, 80_000, 8000), 1: state(90_000, 172_800, 8280)}
    assert expected_points(days, 10.0) == 17_280


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(1, 8640)), min_size=1, max_size=8), st.integers(0, 13)
)
def test_folding_days_changes_no_figure(rows: list[tuple[int, int]], before: int) -> None:
    days = {
        day: state(day * 86_400 + 100, (day + 1) * 86_400 - 200, received, series=1 + day % 3)
        for day, received in rows
    }
    folded = {day: each for day, each in days.items() if day >= before}
    if len(folded) < len(days):
        folded[FOLDED] = fold(days, before, 10.0)
    assert quality(folded, 10.0) == quality(days, 10.0)


def test_points_that_come_late_for_a_folded_day_are_received_and_expect_nothing_twice() -> None:
    days = {0: state(0, 86_400, 8000), 1: state(86_400, 172_800, 8640)}
    folded = {FOLDED: fold(days, 1, 10.0), 1: days[1], 0: state(100, 110, 1)}
    assert expected_points(folded, 10.0) == 17_280
    assert quality(folded, 10.0).received == 16_641


@given(st.integers(1_000_001, 10**16))
def test_a_lag_lies_within_its_bin(lag_ns: int) -> None:
    edge = lag_bin(lag_ns)
    assert edge == 67 or 2 ** ((edge - 1) / 2) * (1 - 1e-12) <= lag_ns / 1e6 <= 2 ** (edge / 2) * (1 + 1e-12)


def test_the_lag_quantile_is_the_edge_of_its_bin() -> None:
    lags = QualityState(lags={lag_bin(10 * S): 90, lag_bin(100 * S): 10})
    assert 10 <= (lag_quantile_s(lags, 0.5) or 0) <= 10 * 2**0.5
    assert 100 <= (lag_quantile_s(lags, 0.95) or 0) <= 100 * 2**0.5


def test_a_point_from_the_future_has_no_lag() -> None:
    assert lag_bin(-5 * S) == 0


def test_completeness_is_never_above_one() -> None:
    assert quality({0: state(0, 20, 5)}, 10.0).completeness == 1.0
    assert DAY_NS == 86_400 * S
