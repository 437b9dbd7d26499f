"""Can anyone tell two sets of samples apart? Two tests, with a control that says what they would have found.

    classifier   a logistic regression on coordinates, their squares and products learns to tell a from b; its
                 accuracy on what it has not seen is compared with a coin (Lopez-Paz & Oquab 2017). Strong
                 in means, variances and correlations, and quick for many rows
    energy       the energy distance 2E‖A − B‖ − E‖A − A′‖ − E‖B − B′‖ against its values under random
                 relabelling (Székely & Rizzo 2013): exact at any size, and blind to nothing

"Not told apart" alone says nothing: a weak test finds everything alike. So a verdict needs a positive control,
the same test on the same samples with one of them moved by a known amount, which it must find. That two means
are *equal within a margin* is another claim, and has its own test (`equivalence`).

Rows must be independent: one for each re-run or situation, not for each node of one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.scoring.energy import distances
from ranvier.ontology.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Verdict = Literal["different", "alike", "undecided"]
PRODUCTS_UP_TO = 30
"""Above this many coordinates their products are left out of the classifier: there would be too many."""
RIDGE = 1.0
"""Penalty on the square of each weight, of standardised features."""
FEWEST = 20


@dataclass(frozen=True, slots=True)
class TwoSample:
    """What a test found: accuracy (coin: 0.5) or energy distance, the p-value of "no difference", and rows used."""

    statistic: float
    p_value: float
    rows: int


@dataclass(frozen=True, slots=True)
class Told:
    """A verdict with its evidence.

    "different": told apart at level α. "alike": not told apart, though a difference of the size of the control
    was. "undecided": not even the control was found; more rows would tell
    """

    verdict: Verdict
    found: TwoSample
    control: TwoSample
    shift: float


Test = Callable[[Floats, Floats], TwoSample]


def classifier_test(a: Floats, b: Floats, seed: int = 0) -> TwoSample:
    """Tell a (n, d) from b (k, d) by logistic regression on half of the rows, tried on the other half.

    As many rows of both are used. The p-value is P(Binomial(rows tried, ½) ≥ correct): given the model, the
    rows that it has not seen are independent, so it holds at any size. Raises InputError below 20 rows.
    """
    rows, label, place = _balanced(a, b, seed)
    unseen = place % 2 == 1
    correct = _correct(rows[~unseen], label[~unseen], rows[unseen], label[unseen])
    n = int(unseen.sum())
    return TwoSample(correct / n, coin_tail(correct, n), n)


def classifier_accuracy(a: Floats, b: Floats, folds: int = 5, seed: int = 0) -> float:
    """Share of all rows that are told right, each by a model of the other folds; a coin is right on 0.5.

    Steadier than the accuracy of one split, and without a p-value: folds share training rows, and a binomial
    tail of their total would call 8 % of equal pairs different at 5 % (200 rows of 5 coordinates).
    """
    rows, label, place = _balanced(a, b, seed)
    outs = [place % folds == fold for fold in range(folds)]
    return sum(_correct(rows[~out], label[~out], rows[out], label[out]) for out in outs) / len(rows)


def _balanced(a: Floats, b: Floats, seed: int) -> tuple[Floats, Floats, Ints]:
    """As many rows of both in random order (2n, d), their labels 0 and 1, and places 0 … n − 1 within each."""
    a, b = _rows(a), _rows(b)
    n = min(len(a), len(b))
    rng = np.random.Generator(np.random.Philox(key=[seed, len(a) + len(b)]))
    rows = np.concatenate([rng.permutation(a)[:n], rng.permutation(b)[:n]])
    return rows, np.repeat([0.0, 1.0], n), np.tile(np.arange(n), 2)


def energy_test(a: Floats, b: Floats, relabellings: int = 999, seed: int = 0) -> TwoSample:
    """Energy distance of a (n, d) and b (k, d), coordinates scaled to unit spread; exact by relabelling.

    p = (1 + how many of the relabelled distances are as large) / (1 + relabellings). Memory is (n + k)².
    """
    a, b = _rows(a), _rows(b)
    rows = np.concatenate([a, b])
    rows = rows / _spread(rows)
    apart = distances(rows.T[None], rows.T[None], True)[0]
    weight = np.concatenate([np.full(len(a), 1 / len(a)), np.full(len(b), -1 / len(b))])
    rng = np.random.Generator(np.random.Philox(key=[seed, len(rows)]))
    drawn = rng.permuted(np.broadcast_to(weight, (relabellings, len(rows))), axis=1)
    found = -float(weight @ apart @ weight)
    others = -np.einsum("rn,rn->r", drawn @ apart, drawn)
    as_large = int((others >= found * (1 - 1e-12)).sum())
    return TwoSample(found, (1 + as_large) / (1 + relabellings), len(rows))


def shifted(rows: Floats, shift: float) -> Floats:
    """B (k, d) with every coordinate moved by `shift` of its standard deviations: what a control is made of."""
    return np.asarray(rows + shift * _spread(rows))


def tell(a: Floats, b: Floats, shift: float, alpha: float = 0.05, test: Test = classifier_test) -> Told:
    """Test a (n, d) against b (k, d), with a moved by `shift` standard deviations as positive control."""
    if not shift > 0:
        raise InputError("a shift above 0", f"{shift:g}", "say which difference the test must find")
    found, control = test(a, b), test(b, shifted(a, shift))
    if found.p_value < alpha:
        return Told("different", found, control, shift)
    return Told("alike" if control.p_value < alpha else "undecided", found, control, shift)


def coin_tail(correct: int, n: int) -> float:
    """P(Binomial(n, ½) ≥ correct), exactly."""
    if correct <= 0:
        return 1.0
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])
    k = np.arange(correct, n + 1)
    return min(1.0, float(np.exp(logs[n] - logs[k] - logs[n - k] - n * math.log(2)).sum()))


def _correct(seen: Floats, label: Floats, unseen: Floats, truth: Floats) -> int:
    """How many unseen rows a model of the seen ones labels right; a score of exactly 0 counts as b."""
    middle, spread = seen.mean(axis=0), _spread(seen)
    known, new = (_features((x - middle) / spread) for x in (seen, unseen))
    centre, scale = known.mean(axis=0), _spread(known)
    known, new = (np.column_stack([np.ones(len(x)), (x - centre) / scale]) for x in (known, new))
    return int(((new @ _logistic(known, label) >= 0) == (truth > 0.5)).sum())


def _features(z: Floats) -> Floats:
    """Coordinates, squares and, where they are few, products; (n, d) to (n, f)."""
    first, second = np.triu_indices(z.shape[1], 0)
    if z.shape[1] > PRODUCTS_UP_TO:
        first = second = np.arange(z.shape[1])
    return np.column_stack([z, z[:, first] * z[:, second]])


def _logistic(x: Floats, label: Floats, steps: int = 25) -> Floats:
    """Weights (f,) of a ridge logistic regression, by Newton's method; the first feature is not penalised."""
    ridge = np.full(x.shape[1], RIDGE)
    ridge[0] = 1e-9
    weight = np.zeros(x.shape[1])
    for _ in range(steps):
        chance = 1 / (1 + np.exp(-np.clip(x @ weight, -30, 30)))
        slope = x.T @ (label - chance) - ridge * weight
        step = np.linalg.solve((x.T * (chance * (1 - chance))) @ x + np.diag(ridge), slope)
        weight = weight + step
        if np.abs(step).max() < 1e-6:
            break
    return weight


def _spread(rows: Floats) -> Floats:
    spread = rows.std(axis=0)
    return np.where(spread > 0, spread, 1.0)


def _rows(rows: Floats) -> Floats:
    """Whole rows, as a matrix."""
    rows = rows[:, None] if rows.ndim == 1 else rows
    rows = rows[~np.isnan(rows).any(axis=1)]
    if len(rows) < FEWEST:
        raise InputError(f"{FEWEST} whole rows or more of each", str(len(rows)), "make more runs")
    return rows
