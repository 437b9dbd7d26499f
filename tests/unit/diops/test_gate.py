"""How far a decision may rely on the twin."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranvier.diops.gate import reliance

ORDER = {"refuse": 0, "advise": 1, "rely": 2}
fidelities = st.floats(-2, 1)


@pytest.mark.parametrize(
    ("value", "low", "high", "expected"),
    [
        (0.5, 0.4, 0.6, "rely"),
        (0.5, 0.3, 0.6, "rely"),
        (0.5, 0.1, 0.6, "advise"),
        (0.5, 0.0, 0.6, "refuse"),
        (-0.5, -0.9, -0.1, "refuse"),
    ],
)
def test_the_lower_end_of_the_interval_decides(value: float, low: float, high: float, expected: str) -> None:
    assert reliance(value, low, high, rely_above=0.3).reliance == expected


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_an_undefined_fidelity_is_never_relied_on(missing: int) -> None:
    figures = [0.9, 0.8, 0.95]
    figures[missing] = math.nan
    assert reliance(*figures, rely_above=0.1).reliance == "refuse"


@given(low=fidelities, better=st.floats(0, 1), bar=st.floats(0, 1))
def test_a_better_lower_end_never_earns_less_reliance(low: float, better: float, bar: float) -> None:
    worse = reliance(low, low, 1.0, bar).reliance
    assert ORDER[reliance(low + better, low + better, 1.0, bar).reliance] >= ORDER[worse]
