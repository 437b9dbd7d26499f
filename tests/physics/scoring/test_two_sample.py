"""Two-sample tests: their level holds, they find what they should, and they admit when they could not have."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from ranvier.dtops.scoring import two_sample
from ranvier.ontology.errors import InputError

TESTS = [two_sample.classifier_test, two_sample.energy_test]


def normal(n: int, seed: int, d: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


@pytest.mark.parametrize("test", TESTS)
def test_equal_distributions_are_told_apart_no_more_often_than_the_level_says(test: two_sample.Test) -> None:
    """200 pairs of 60 rows at 5 %: a binomial share of 0.05, + 5 σ."""
    called = [test(normal(60, 2 * i), normal(60, 2 * i + 1)).p_value < 0.05 for i in range(200)]
    assert np.mean(called) <= 0.05 + 5 * math.sqrt(0.05 * 0.95 / 200)


@pytest.mark.parametrize("test", TESTS)
@pytest.mark.parametrize("fault", ["mean", "variance", "correlation"])
def test_what_differs_is_found(test: two_sample.Test, fault: str) -> None:
    a, b = normal(400, 1), normal(400, 2)
    if fault == "mean":
        b = b + 0.5
    elif fault == "variance":
        b = 1.7 * b
    else:
        b[:, 1] = 0.9 * b[:, 0] + math.sqrt(1 - 0.81) * b[:, 1]
    assert test(a, b).p_value < 0.01


def test_accuracy_is_that_of_a_coin_for_equals_and_of_the_best_rule_for_others() -> None:
    """Means 2 apart: the best rule is right on Φ(1) = 0.841; a learned one a little less, ± 5 σ."""
    error = 5 * math.sqrt(0.25 / 800) * 1.25  # folds share training rows
    assert abs(two_sample.classifier_accuracy(normal(400, 1), normal(400, 2)) - 0.5) < error
    b = normal(400, 2) + np.array([2.0, 0.0, 0.0])
    assert abs(two_sample.classifier_accuracy(normal(400, 1), b) - 0.841) < error


def test_a_verdict_is_alike_only_where_the_control_is_found() -> None:
    few, many = two_sample.FEWEST, 400
    assert two_sample.tell(normal(many, 1), normal(many, 2), shift=0.5).verdict == "alike"
    assert two_sample.tell(normal(few, 1), normal(few, 2), shift=0.1).verdict == "undecided"
    assert two_sample.tell(normal(many, 1), normal(many, 2) + 1, shift=0.5).verdict == "different"


def test_the_energy_distance_of_one_coordinate_is_that_of_the_library() -> None:
    a, b = normal(50, 3, 1)[:, 0], normal(40, 4, 1)[:, 0]
    found = two_sample.energy_test(a, b, relabellings=9)
    scale = np.concatenate([a, b]).std()
    assert found.statistic == pytest.approx(stats.energy_distance(a / scale, b / scale) ** 2)


def test_the_tail_of_a_coin_is_the_libraries() -> None:
    for correct, n in ((0, 10), (7, 10), (10, 10), (560, 1_000)):
        expected = float(stats.binom.sf(correct - 1, n, 0.5))
        assert two_sample.coin_tail(correct, n) == pytest.approx(expected, rel=1e-9)


def test_rows_that_are_torn_are_left_out_and_too_few_are_refused() -> None:
    a = normal(30, 5)
    a[:15, 0] = np.nan
    with pytest.raises(InputError, match="whole rows"):
        two_sample.classifier_test(a, normal(30, 6))
    with pytest.raises(InputError, match="shift"):
        two_sample.tell(normal(30, 5), normal(30, 6), shift=0.0)
