"""The Brier score: its exact sum of parts, what the correction takes out, and how states add up."""

from __future__ import annotations

import numpy as np
import pytest
import scoringrules
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ranvier.dtops.scoring import brier
from ranvier.dtops.scoring.state import state
from ranvier.ontology.errors import InputError

points = st.integers(1, 60).flatmap(
    lambda n: st.tuples(
        arrays(float, n, elements=st.floats(0, 1)), arrays(float, n, elements=st.sampled_from([0.0, 1.0]))
    )
)


def sums(p: np.ndarray, o: np.ndarray, bins: int = 10) -> np.ndarray:
    return state("brier", brier.brier_columns(p, o, bins)).sums


@settings(deadline=None)
@given(points, st.integers(1, 12))
def test_the_parts_sum_to_the_score_exactly(case: tuple[np.ndarray, np.ndarray], bins: int) -> None:
    p, o = case
    expected = np.mean(scoringrules.brier_score(o, p))
    for found in (brier.murphy(sums(p, o, bins)), brier.murphy_corrected(sums(p, o, bins))):
        total = found.reliability - found.resolution + found.uncertainty + found.within
        if len(p) > 1 or found.uncertainty == found.uncertainty:
            assert float(found.score) == pytest.approx(expected, abs=1e-12)
            assert len(p) == 1 or float(total) == pytest.approx(expected, abs=1e-12)


@settings(deadline=None)
@given(points)
def test_point_by_point_it_agrees_with_an_independent_implementation(
    case: tuple[np.ndarray, np.ndarray],
) -> None:
    p, o = case
    assert brier.brier_score(p, o) == pytest.approx(scoringrules.brier_score(o, p), abs=1e-15)
    assert float(brier.mean_brier(sums(p, o))) == pytest.approx(np.mean((p - o) ** 2), abs=1e-12)


def test_within_a_bin_of_one_value_nothing_is_lost() -> None:
    rng = np.random.default_rng(1)
    p = rng.choice([0.05, 0.35, 0.85], size=200)
    found = brier.murphy(sums(p, (rng.random(200) < p).astype(float)))
    assert float(found.within) == pytest.approx(0, abs=1e-14)


def test_the_correction_takes_out_what_few_points_add_to_reliability() -> None:
    """Calibrated forecasts of 3 values, 30 points each sample: REL is 0; raw it is K ō(1 − ō)/n on average.

    Without the bound at 0 the corrected mean is 0 within 5 s.e.; resolution is the variance of p.
    """
    rng = np.random.default_rng(2)
    values = np.array([0.15, 0.45, 0.75])
    many = 4_000
    p = values[rng.integers(0, 3, size=(many, 30))]
    o = (rng.random((many, 30)) < p).astype(float)
    all_sums = brier.brier_columns(p, o).sum(axis=1)
    raw, corrected = brier.murphy(all_sums), brier.murphy_corrected(all_sums)
    gap = corrected.reliability - corrected.resolution  # unbiased, whether raised or not
    assert gap.mean() == pytest.approx(-values.var(), abs=5 * gap.std() / np.sqrt(many))
    raw_gap = raw.reliability - raw.resolution
    assert abs(raw_gap.mean() + values.var()) > 5 * raw_gap.std() / np.sqrt(many)
    assert corrected.reliability.mean() < raw.reliability.mean() / 2
    assert corrected.reliability.min() >= 0
    assert corrected.resolution.min() >= 0
    expected = np.mean(values * (1 - values)) + values.var()  # the event's own variance
    assert corrected.uncertainty.mean() == pytest.approx(
        expected, abs=5 * corrected.uncertainty.std() / np.sqrt(many)
    )


def test_saying_the_climatology_has_no_skill_and_knowing_has_all() -> None:
    rng = np.random.default_rng(3)
    o = (rng.random(400) < 0.3).astype(float)
    assert float(brier.brier_skill(sums(np.full(400, o.mean()), o))) == pytest.approx(0, abs=1e-12)
    assert float(brier.brier_skill(sums(np.full(400, 0.25), o), 0.25)) == pytest.approx(0, abs=1e-12)
    assert float(brier.brier_skill(sums(o, o))) == 1.0
    assert np.isnan(brier.brier_skill(sums(np.zeros(5), np.zeros(5))))


def test_the_fair_score_of_members_is_that_of_the_probability_they_are_drawn_with() -> None:
    rng = np.random.default_rng(4)
    n, chance = 20_000, 0.3
    o = (rng.random(n) < chance).astype(float)
    for m in (2, 5, 20):
        members = (rng.random((n, m)) < chance).astype(float)
        apart = brier.fair_brier_samples(members, 0.5, o) - (chance - o) ** 2
        assert abs(apart.mean()) < 5 * apart.std() / np.sqrt(n)


def test_the_curve_holds_what_fell_into_each_bin() -> None:
    said, came, count = brier.reliability_curve(sums(np.array([0.1, 0.2, 1.0]), np.array([0.0, 1.0, 1.0]), 2))
    assert said == pytest.approx([0.15, 1.0])
    assert came == pytest.approx([0.5, 1.0])
    assert count.tolist() == [2, 1]


def test_what_is_no_probability_is_refused() -> None:
    with pytest.raises(InputError):
        brier.brier_columns(np.array([1.2]), np.array([1.0]))
    with pytest.raises(InputError):
        brier.brier_columns(np.array([0.2]), np.array([0.5]))
