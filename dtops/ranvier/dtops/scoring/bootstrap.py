"""How sure a score is: whole blocks are drawn with replacement, and every draw goes through the same formula.

A block is what fails together: a stretch of time (Künsch 1989) or a deployment, whose cells share a scene, a
load and the luck of one draw of users. Points within a block are never drawn apart, so intervals are honest
about the number of blocks, not of points. Input is one row of sums for each block (b, w); as sums add up, a
draw is a row of counts times that matrix, and all draws are one product.

Two models are compared in pairs: both get the same draws, so what is hard for both cancels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.scoring.state import divide
from ranvier.ontology.errors import InputError

Floats = NDArray[np.float64]
Formula = Callable[[Floats], Floats]
"""From sums (…, w) to figures (…), over any leading axes."""

REPLICATES = 1_000
FEWEST_BLOCKS = 8
"""Below this many blocks an interval of a bootstrap says little, and none is given."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with the interval of its block bootstrap; NaN where there is none."""

    value: float
    low: float = np.nan
    high: float = np.nan

    def holds(self, x: float) -> bool:
        """Whether x lies in the interval. An interval that is not known holds nothing."""
        return bool(self.low <= x <= self.high)


@dataclass(frozen=True, slots=True)
class Draws:
    """How intervals are made: their level, the seed of the draws, how many, and the fewest blocks for any."""

    confidence: float = 0.9
    seed: int = 0
    replicates: int = REPLICATES
    fewest: int = FEWEST_BLOCKS


def block_weights(blocks: int, seed: int = 0, replicates: int = REPLICATES) -> Floats:
    """(replicates, blocks): how often each block is drawn in each replicate. Each row sums to `blocks`.

    By a counter-based generator (Philox) keyed by seed and number of blocks: the same wherever it runs.
    """
    rng = np.random.Generator(np.random.Philox(key=[seed, blocks]))
    return rng.multinomial(blocks, np.full(blocks, 1 / blocks), size=replicates).astype(np.float64)


def interval(value: float, replicates: Floats, confidence: float) -> Interval:
    """The percentile interval of bootstrap replicates around an estimate."""
    usable = replicates[~np.isnan(replicates)]
    if len(usable) < len(replicates) or not len(usable):
        return Interval(value)
    tail = (1 - confidence) / 2
    low, high = np.quantile(usable, [tail, 1 - tail])
    return Interval(value, float(low), float(high))


def sums_by_block(columns: Floats, blocks: NDArray[np.int64], count: int | None = None) -> Floats:
    """The sums of each block: columns (p, w) and the block (p,) ≥ 0 of each point, to (blocks, w)."""
    if len(columns) != len(blocks):
        raise InputError("one block for each point", f"{len(blocks)} of {len(columns)}", "label every point")
    found = np.zeros((int(blocks.max(initial=-1)) + 1 if count is None else count, columns.shape[1]))
    np.add.at(found, blocks, columns)
    return found


def estimate(blocks: Floats, formula: Formula, draws: Draws | None = None) -> Interval:
    """The formula of all blocks (b, w) together, with its interval.

    Blocks whose first column (their count) is 0 have no part in it.
    """
    draws = draws or Draws()
    used = blocks[blocks[:, 0] > 0]
    value = float(formula(used.sum(axis=0)))
    if len(used) < draws.fewest:
        return Interval(value)
    weights = block_weights(len(used), draws.seed, draws.replicates)
    return interval(value, formula(weights @ used), draws.confidence)


def difference(a: Floats, b: Floats, formula: Formula, draws: Draws | None = None) -> Interval:
    """The formula of a less that of b, on the same blocks (b, w) in the same order, drawn together."""
    return _paired(a, b, lambda left, right: formula(left) - formula(right), draws)


def ratio(a: Floats, b: Floats, formula: Formula, draws: Draws | None = None) -> Interval:
    """The formula of a over that of b, on the same blocks (b, w), drawn together."""
    return _paired(a, b, lambda left, right: divide(formula(left), formula(right)), draws)


def _paired(
    a: Floats, b: Floats, formula: Callable[[Floats, Floats], Floats], draws: Draws | None
) -> Interval:
    if a.shape != b.shape or np.any(a[:, 0] != b[:, 0]):
        raise InputError(
            "sums of both models over the same blocks, with the same counts in them",
            f"{a.shape} with {a[:, 0].sum():g} points and {b.shape} with {b[:, 0].sum():g}",
            "score both on the same points (`score_columns` leaves out what either lacks)",
        )
    width = a.shape[1]
    both = np.concatenate([a, b], axis=1)
    return estimate(both, lambda sums: formula(sums[..., :width], sums[..., width:]), draws)
