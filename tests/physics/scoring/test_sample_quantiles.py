"""Quantiles of members: the library's where none is missing."""

from __future__ import annotations

import numpy as np
import pytest

from ranvier.dtops.scoring.sample_quantiles import HAZEN, WEIBULL, sample_quantiles

LEVELS = np.array([0.01, 0.1, 0.33, 0.5, 0.9, 0.99])


@pytest.mark.parametrize(("a", "method"), [(WEIBULL, "weibull"), (HAZEN, "hazen")])
@pytest.mark.parametrize("m", [1, 2, 7, 40])
def test_they_are_those_of_the_library(a: float, method: str, m: int) -> None:
    members = np.random.default_rng(1).normal(size=(3, 4, m))
    expected = np.moveaxis(np.quantile(members, LEVELS, axis=-1, method=method), 0, -1)
    assert sample_quantiles(members, LEVELS, a) == pytest.approx(expected, rel=1e-12)
    gaps = np.concatenate([np.full((3, 4, 2), np.nan), members], axis=-1)
    assert sample_quantiles(gaps, LEVELS, a) == pytest.approx(expected, rel=1e-12)
    assert np.isnan(sample_quantiles(np.full((2, m), np.nan), LEVELS, a)).all()
