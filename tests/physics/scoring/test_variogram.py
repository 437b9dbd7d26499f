"""The variogram score: an independent implementation, lists of pairs, and what it sees."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scoringrules

from ranvier.dtops.scoring import variogram
from ranvier.ontology.errors import InputError


def data(n: int = 6, d: int = 5, m: int = 7, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d, m)), rng.normal(size=(n, d))


@pytest.mark.parametrize("p", [0.5, 1.0, 2.0, 0.7])
def test_it_agrees_with_an_independent_implementation(p: float) -> None:
    members, y = data()
    turned, weights = np.swapaxes(members, 1, 2), np.random.default_rng(2).random((5, 5))
    pairs = variogram.all_pairs(5, weights)
    for ours, estimator in (
        (variogram.variogram_score, "nrg"),
        (variogram.fair_variogram_score, "fair"),
    ):
        expected = scoringrules.vs_ensemble(y, turned, p=p, estimator=estimator, backend="numpy")
        assert ours(members, y, p=p) == pytest.approx(expected, rel=1e-10)
        of_all = np.broadcast_to(weights, (6, 5, 5))
        expected = scoringrules.vs_ensemble(y, turned, of_all, p=p, estimator=estimator, backend="numpy")
        assert ours(members, y, pairs, p) == pytest.approx(expected, rel=1e-10)


def test_a_sample_of_all_pairs_is_all_and_smaller_ones_estimate_it() -> None:
    """Over 400 seeds the mean is within 5 s.e. of the whole."""
    members, y = data(1, 12, 5)
    whole = variogram.variogram_score(members, y)[0]
    pairs = variogram.sampled_pairs(12, 66)
    assert sorted(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)) == [
        (i, j) for i in range(12) for j in range(i + 1, 12)
    ]
    assert variogram.variogram_score(members, y, pairs)[0] == pytest.approx(whole)
    some = [variogram.variogram_score(members, y, variogram.sampled_pairs(12, 15, s))[0] for s in range(400)]
    assert abs(np.mean(some) - whole) < 5 * np.std(some) / 20


def test_samples_of_pairs_are_the_same_for_a_seed_and_within_many_nodes() -> None:
    one, again, other = (variogram.sampled_pairs(100_000, 1_000, seed) for seed in (3, 3, 4))
    assert np.array_equal(one.first, again.first)
    assert not np.array_equal(one.first, other.first)
    assert np.all((one.first >= 0) & (one.first < one.second) & (one.second < 100_000))
    assert len({*zip(one.first.tolist(), one.second.tolist(), strict=True)}) == 1_000


def test_edges_count_once_each() -> None:
    members, y = data()
    edges = np.array([[0, 1], [3, 2]])
    mask = np.zeros((5, 5))
    mask[0, 1] = mask[3, 2] = 1
    expected = variogram.variogram_score(members, y, variogram.all_pairs(5, mask))
    assert variogram.variogram_score(members, y, variogram.edge_pairs(edges)) == pytest.approx(expected)


def test_the_fair_score_does_not_depend_on_the_number_of_members() -> None:
    members, y = data(4_000, 3, 24, seed=3)
    apart = variogram.fair_variogram_score(members[..., :3], y) - variogram.fair_variogram_score(
        members[..., 3:], y
    )
    assert abs(apart.mean()) < 5 * apart.std() / math.sqrt(len(apart))
    apart = variogram.variogram_score(members[..., :3], y) - variogram.variogram_score(members[..., 3:], y)
    assert apart.mean() > 5 * apart.std() / math.sqrt(len(apart))


def test_it_sees_correlation_and_not_a_common_bias() -> None:
    rng = np.random.default_rng(4)
    n, d, m = 2_000, 8, 20

    def joint(k: int) -> np.ndarray:
        return math.sqrt(0.7) * rng.normal(size=(n, 1, k)) + math.sqrt(0.3) * rng.normal(size=(n, d, k))

    y, truth = joint(1)[..., 0], joint(m)
    right = variogram.fair_variogram_score(truth, y)
    loss = variogram.fair_variogram_score(rng.normal(size=(n, d, m)), y) - right
    assert loss.mean() > 0.3 * right.mean()
    assert variogram.fair_variogram_score(truth + 3, y) == pytest.approx(right, abs=1e-9)


def test_chunks_do_not_change_it(monkeypatch: pytest.MonkeyPatch) -> None:
    members, y = data()
    whole = variogram.fair_variogram_score(members, y)
    for chunk in (1, 20, 100):
        monkeypatch.setattr(variogram, "CHUNK", chunk)
        assert variogram.fair_variogram_score(members, y) == pytest.approx(whole, rel=1e-12)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="weights"):
        variogram.all_pairs(3, np.ones((2, 2)))
    with pytest.raises(InputError, match="pairs"):
        variogram.sampled_pairs(3, 4)
    with pytest.raises(InputError, match="last axis"):
        variogram.variogram_score(np.zeros((5, 9, 3)), np.zeros((5, 3)))
