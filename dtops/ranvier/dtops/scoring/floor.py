"""The oracle floor: what no surrogate of a stochastic simulator can beat, and how near a candidate is.

Independent re-runs X, X′ of one situation differ. Their sampling entropy is the score of the simulator's own
distribution G against its own runs, the least that any forecast F can expect (Gneiting & Raftery 2007):

    E CRPS(F, X) = ½ E|X − X′| + ∫ (F − G)² dx,        X, X′ ~ G

and alike for vectors, with norms. The left side is taken as a mean over all re-runs of a situation, so that
the luck of a single outcome is in neither side, and their ratio is 1 exactly for F = G.

What is fair, and where
    the floor        Σᵢⱼ|xᵢ − xⱼ| / (2m(m − 1)): the plain 1/(2m²) would be too low by a factor 1 − 1/m, and
                     flatter nobody
    samples of F     E|Y − X| − ½E|Y − Y′| with the fair ½E|Y − Y′| as well: unbiased for the distribution
                     that the k samples are drawn from. The plain one adds ½E|Y − Y′| / k: with k = 20 a
                     perfect sampler would seem to be at 1.05 of the floor
    quantiles of F   `crps_quantiles`: the distribution is given, not sampled, so the mean over re-runs is
                     exact for it and nothing is corrected. It does pay for what is lost between the levels
    the hold-out     half of the re-runs as if they were a candidate, against the other half, by the *same*
                     estimator as the candidate. For samples its expectation is the floor, and its scatter is
                     the resolution of the comparison; for quantiles it adds what the levels lose and the
                     error of quantiles from m/2 runs, so a good candidate may well be below it

Re-runs used to score must not be those that a candidate was fitted to. Ratios are of sums over situations
(`comparison_columns`, `state.score_ratio`), and their intervals come from a bootstrap of deployments.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.forecast import Tail
from ranvier.dtops.scoring import energy
from ranvier.dtops.scoring.crps import crps_quantiles, moments
from ranvier.dtops.scoring.missing import present
from ranvier.dtops.scoring.sample_quantiles import HAZEN, sample_quantiles
from ranvier.dtops.scoring.state import divide, score_columns
from ranvier.ontology.errors import InputError

Floats = NDArray[np.float64]
FEWEST_RUNS = 20
"""Below this many re-runs the floor of a situation is too rough (its own standard error is about 16 %)."""


def scalar_floor(runs: Floats) -> Floats:
    """Fair ½E|X − X′| of re-runs of each situation, in their unit; (…, m) to (…).

    NaN where fewer than FEWEST_RUNS are present. Raises InputError where there are fewer for all.
    """
    _check(runs)
    _, spread, m = moments(runs, np.zeros(runs.shape[:-1]))
    return np.where(m >= FEWEST_RUNS, divide(spread, m * (m - 1)), np.nan)


def vector_floor(runs: Floats) -> Floats:
    """Fair ½E‖X − X′‖ over d nodes, in their unit; (…, d, m) to (…). Missing re-runs as in `scalar_floor`."""
    _check(runs)
    m = _whole(runs)
    return np.where(m >= FEWEST_RUNS, divide(energy.pair_sum(runs), m * (m - 1)), np.nan)


def samples_against_runs(samples: Floats, runs: Floats) -> Floats:
    """E|Y − X| − fair ½E|Y − Y′|: the expected CRPS of a sampler; (…, k) and (…, m) to (…).

    Unbiased, whatever k ≥ 2 and m. From three sorts: Σᵢⱼ|yᵢ − xⱼ| = S(x, y) − S(x) − S(y), where S is half the
    sum over all pairs of a set.
    """
    shape = np.broadcast_shapes(samples.shape[:-1], runs.shape[:-1])
    y, x = (np.broadcast_to(each, shape + each.shape[-1:]) for each in (samples, runs))
    centre = np.broadcast_to(_first_present(runs), shape)  # differences keep their digits far from zero
    of_y, of_x = moments(y, centre), moments(x, centre)
    of_all = moments(np.concatenate([y, x], axis=-1), centre)
    across = divide(of_all[1] - of_y[1] - of_x[1], of_y[2] * of_x[2])
    return np.asarray(across - divide(of_y[1], of_y[2] * (of_y[2] - 1)))


def _first_present(runs: Floats) -> Floats:
    """Some value of each situation, else 0."""
    first = np.take_along_axis(runs, np.isfinite(runs).argmax(axis=-1)[..., None], axis=-1)[..., 0]
    return np.asarray(np.where(np.isfinite(first), first, 0.0))


def vector_samples_against_runs(samples: Floats, runs: Floats) -> Floats:
    """E‖Y − X‖ − fair ½E‖Y − Y′‖: the expected energy score; (…, d, k) and (…, d, m) to (…)."""
    k, m = _whole(samples), _whole(runs)
    across = divide(energy.cross_sum(samples, runs), k * m)
    return np.asarray(across - divide(energy.pair_sum(samples), k * (k - 1)))


def quantiles_against_runs(values: Floats, levels: Floats, runs: Floats, tail: Tail = "clamped") -> Floats:
    """Mean of `crps_quantiles` over the re-runs present; (…, q), (q,) and (…, m) to (…)."""
    total = np.zeros(np.broadcast_shapes(values.shape[:-1], runs.shape[:-1]))
    for run in np.moveaxis(runs, -1, 0):
        score = crps_quantiles(values, levels, run, tail)
        total += np.where(np.isnan(run), 0.0, score)
    return divide(total, present(runs))


def hold_out_samples(runs: Floats) -> Floats:
    """Half of the re-runs scored as samples against the other half, both ways; (…, m) to (…)."""
    one, other = _halves(runs)
    return (samples_against_runs(one, other) + samples_against_runs(other, one)) / 2


def hold_out_vectors(runs: Floats) -> Floats:
    """The same of vectors; (…, d, m) to (…)."""
    one, other = _halves(runs)
    return (vector_samples_against_runs(one, other) + vector_samples_against_runs(other, one)) / 2


def hold_out_quantiles(runs: Floats, levels: Floats, tail: Tail = "clamped") -> Floats:
    """Quantiles at `levels` of half of the re-runs against the other half, both ways; (…, m) to (…).

    By Hazen's positions, on which the m/2 runs are as many equal shares of mass.
    """
    one, other = _halves(runs)
    both = [
        quantiles_against_runs(sample_quantiles(a, levels, HAZEN), levels, b, tail)
        for a, b in ((one, other), (other, one))
    ]
    return np.asarray((both[0] + both[1]) / 2)


def comparison_columns(score: Floats, floor: Floats, hold_out: Floats | None = None) -> Floats:
    """[1, score, floor(, hold-out)] of the situations (…) where all are known: to add up, then take ratios.

    `state.score_ratio(sums)` is the candidate's ratio to the floor, `state.score_ratio(sums, 1, 3)` that to the
    hold-out. Both in one unit: situations of different quantities are never added.
    """
    return score_columns(score, floor) if hold_out is None else score_columns(score, floor, hold_out)


def _whole(vectors: Floats) -> Floats:
    """How many vectors have all their components; (…, d, m) to (…)."""
    return np.asarray((~np.isnan(vectors).any(axis=-2)).sum(axis=-1).astype(np.float64))


def _halves(runs: Floats) -> tuple[Floats, Floats]:
    _check(runs)
    return runs[..., 0::2], runs[..., 1::2]


def _check(runs: Floats) -> None:
    if runs.shape[-1] < FEWEST_RUNS:
        raise InputError(
            f"{FEWEST_RUNS} independent re-runs or more of each situation", str(runs.shape[-1]),
            "run the simulator again on the same situation with other seeds",
        )  # fmt: skip
