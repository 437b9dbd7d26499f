"""Block bootstrap: it knows about blocks, pairs what is compared, and says nothing where it cannot."""

from __future__ import annotations

import numpy as np
import pytest

from ranvier.dtops.scoring import bootstrap
from ranvier.dtops.scoring.state import mean_score, score_columns, score_ratio
from ranvier.ontology.errors import InputError


def deployments(seed: int, blocks: int = 40, points: int = 25) -> tuple[np.ndarray, np.ndarray]:
    """Scores (blocks · points,) with a luck of each block, and the block of each."""
    rng = np.random.default_rng(seed)
    of = np.repeat(np.arange(blocks), points)
    return 5 + rng.normal(size=blocks)[of] + rng.normal(size=blocks * points), of


def test_intervals_cover_the_truth_though_points_within_a_block_are_dependent() -> None:
    """90 % intervals, 300 times: 0.9 ± 5 σ, less 3 % for the percentile interval of 40 blocks."""
    hits = 0
    for seed in range(300):
        scores, of = deployments(seed)
        sums = bootstrap.sums_by_block(score_columns(scores), of)
        hits += bootstrap.estimate(sums, mean_score, bootstrap.Draws(replicates=400)).holds(5.0)
    assert abs(hits / 300 - 0.885) < 0.015 + 5 * np.sqrt(0.09 / 300)


def test_a_paired_difference_is_surer_than_two_intervals() -> None:
    scores, of = deployments(1)
    better = scores - 0.1 + 0.05 * np.random.default_rng(2).normal(size=len(scores))
    a, b = (bootstrap.sums_by_block(score_columns(each), of) for each in (better, scores))
    found = bootstrap.difference(a, b, mean_score)
    assert found.low < -0.1 + 0.01
    assert found.high < 0
    alone = bootstrap.estimate(a, mean_score)
    assert found.high - found.low < 0.1 * (alone.high - alone.low)
    assert bootstrap.ratio(a, b, mean_score).high < 1


def test_a_ratio_of_columns_is_one_formula_on_one_row() -> None:
    scores, of = deployments(3)
    sums = bootstrap.sums_by_block(score_columns(1.2 * scores, scores), of)
    found = bootstrap.estimate(sums, score_ratio)
    assert (found.value, found.low, found.high) == pytest.approx((1.2, 1.2, 1.2))


def test_draws_are_the_same_each_time_and_others_with_another_seed() -> None:
    scores, of = deployments(4)
    sums = bootstrap.sums_by_block(score_columns(scores), of)
    same = [bootstrap.estimate(sums, mean_score, bootstrap.Draws(seed=seed)) for seed in (7, 7, 8)]
    assert same[0] == same[1] != same[2]


def test_few_blocks_have_an_estimate_and_no_interval() -> None:
    scores, of = deployments(5, blocks=7)
    found = bootstrap.estimate(bootstrap.sums_by_block(score_columns(scores), of), mean_score)
    assert found.value == pytest.approx(scores.mean())
    assert np.isnan(found.low)


def test_blocks_without_points_have_no_part() -> None:
    scores, of = deployments(6)
    sums = bootstrap.sums_by_block(score_columns(scores), of)
    padded = bootstrap.sums_by_block(score_columns(scores), of, count=60)
    assert bootstrap.estimate(sums, mean_score) == bootstrap.estimate(padded, mean_score)


def test_models_on_different_points_are_not_compared() -> None:
    scores, of = deployments(7)
    a = bootstrap.sums_by_block(score_columns(scores), of)
    b = bootstrap.sums_by_block(score_columns(np.where(scores > 6, np.nan, scores)), of)
    with pytest.raises(InputError, match="same points"):
        bootstrap.difference(a, b, mean_score)
    with pytest.raises(InputError, match="label every point"):
        bootstrap.sums_by_block(score_columns(scores), of[1:])
