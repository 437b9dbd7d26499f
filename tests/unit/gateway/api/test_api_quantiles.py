"""Quantiles at any levels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranvier.dtops.forecast import Tail, Target
from ranvier.gateway.api.platform import IssuedForecast
from ranvier.gateway.api.quantiles import quantiles_of

LEVELS = st.lists(st.floats(0.001, 0.999), min_size=1, max_size=9)


def issued(values: list[float], levels: list[float] | None, tail: Tail = "clamped") -> IssuedForecast:
    return IssuedForecast(Target("a", "q"), 10.0, "m", "1", 0, 0, values, levels, tail)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=9), LEVELS, st.sampled_from(["clamped", "linear"]))
def test_quantiles_never_fall_as_the_level_rises(values: list[float], asked: list[float], tail: Tail) -> None:
    own = list(np.linspace(0.1, 0.9, len(values)))
    found = [q.value for q in quantiles_of(issued(sorted(values), own, tail), asked)]
    assert np.all(np.diff(found) >= -1e-6 * max(1.0, np.abs(found).max()))


def test_own_levels_come_back_unchanged() -> None:
    found = quantiles_of(issued([1.0, 2.0, 5.0], [0.1, 0.5, 0.9]), [0.9, 0.1, 0.5])
    assert [(q.level, q.value) for q in found] == [(0.1, 1.0), (0.5, 2.0), (0.9, 5.0)]


def test_the_tail_rule_decides_what_lies_beyond_the_outermost_levels() -> None:
    values, levels = [1.0, 2.0, 6.0], [0.1, 0.5, 0.9]
    assert [q.value for q in quantiles_of(issued(values, levels, "clamped"), [0.05, 0.95])] == [1.0, 6.0]
    # Slopes 1/0.4 below and 4/0.4 above, over 0.05 each.
    linear = [q.value for q in quantiles_of(issued(values, levels, "linear"), [0.05, 0.95])]
    assert linear == pytest.approx([1 - 0.05 * 2.5, 6 + 0.05 * 10])


def test_an_atom_stays_an_atom() -> None:
    found = quantiles_of(issued([0.0, 0.0, 0.0, 4.0], [0.1, 0.3, 0.6, 0.9]), [0.2, 0.5])
    assert [q.value for q in found] == [0.0, 0.0]


def test_samples_have_quantiles_too() -> None:
    found = quantiles_of(issued([3.0, 0.0, 1.0, 0.0], None), [0.1, 0.5, 0.6, 0.9])
    assert [q.value for q in found] == [0.0, 0.0, 1.0, 3.0]  # members only, never a value between two


@pytest.mark.parametrize("values", [[], [float("nan")] * 3])
def test_no_forecast_has_no_quantiles(values: list[float]) -> None:
    assert quantiles_of(issued(values, None), [0.5]) == []
