"""TOST: its verdicts on what is the same, what differs and what nobody can tell yet."""

import numpy as np
import pytest
from scipy import stats

from ranvier.dtops.scoring.equivalence import tost
from ranvier.ontology.errors import InputError


def draws(mean: float, count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, 1.0, count)


def test_equal_means_are_equivalent_once_there_are_enough_runs() -> None:
    assert tost(draws(0, 400, 1), draws(0, 400, 2), margin=0.5).verdict == "equivalent"


def test_means_further_apart_than_the_margin_are_different() -> None:
    assert tost(draws(2, 50, 1), draws(0, 50, 2), margin=0.5).verdict == "different"


def test_few_runs_leave_it_undecided_and_never_call_it_equivalent() -> None:
    assert tost(draws(0, 4, 1), draws(0, 4, 2), margin=0.1).verdict == "undecided"


def test_the_level_holds_at_the_margin() -> None:
    """With the true difference at the margin at most α of the tests may call it equivalent (+ 4 s.e. of 1,000)."""
    rng = np.random.default_rng(7)
    called = [
        tost(rng.normal(0.5, 1, 40), rng.normal(0, 1, 40), margin=0.5).verdict == "equivalent"
        for _ in range(1000)
    ]
    assert np.mean(called) <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / 1000)


def test_pairing_uses_what_runs_have_in_common() -> None:
    shared = np.random.default_rng(3).normal(0, 10, 20)
    a, b = shared + draws(0, 20, 4) * 0.01, shared + draws(0, 20, 5) * 0.01
    assert tost(a, b, margin=0.1, paired=True).verdict == "equivalent"
    assert tost(a, b, margin=0.1).verdict == "undecided"


def test_the_unpaired_interval_is_that_of_welch() -> None:
    a, b = draws(0.3, 12, 8), draws(0, 30, 9) * 2
    found = tost(a, b, margin=1.0)
    theirs = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.9)
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), rel=1e-12)


def test_no_spread_at_all_is_decided_by_the_difference() -> None:
    same = np.ones(3)
    assert tost(same, same, margin=1e-9).verdict == "equivalent"
    assert tost(same, same + 1, margin=0.5).verdict == "different"


@pytest.mark.parametrize(("a", "margin"), [(np.ones(1), 1.0), (np.ones(3), 0.0)])
def test_too_few_runs_or_no_margin_are_refused(a: np.ndarray, margin: float) -> None:
    with pytest.raises(InputError):
        tost(a, np.ones(3), margin)
