"""`Fidelity`: how far the twin may be trusted, from sums of scores, with its own uncertainty.

    F = 1 − (ΣS_f − ΣS_0) / (ΣS_ref − ΣS_0)

S is the CRPS, f the forecast, ref climatology, and S_0 the floor: 0 unless an oracle floor is known and
labelled so. 1 is perfect, 0 no better than climatology, negative worse. Sums come before the ratio: a mean
of ratios would be ruled by the points on which climatology happens to be nearly right.

The interval is that of a block bootstrap: forecasts close in time fail together, so blocks of time are drawn
with replacement, not points (Künsch 1989; ratio of sums, so each draw recomputes both sums). F is undefined
where the interval of the denominator holds 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
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
class Fidelity:
    """Scores of one model's Forecasts against Measurements over a window [from_ns, to_ns).

    object_id     None: over all managed objects
    n, blocks     points that were scored, and the blocks of time that they lie in
    fidelity      F, unitless; `undefined` says why where its value is NaN
    crps          mean CRPS in the quantity's unit; `crps_reference` that of climatology on the same points
    coverage80    share of outcomes inside the central 80 %, by randomised PIT
    bias          mean of median − outcome, in the quantity's unit
    precision     twinning precision: share of medians within the quantity's tolerance
    floor         what S_0 is, where it is not 0
    """

    model: str
    quantity: str
    horizon_s: float
    from_ns: int
    to_ns: int
    n: int
    blocks: int
    fidelity: Interval
    crps: Interval
    crps_reference: float
    coverage80: Interval
    bias: Interval
    precision: Interval
    pit: tuple[float, ...] = ()
    object_id: str | None = None
    undefined: str = ""
    floor: str = ""


def block_weights(blocks: int, seed: int = 0, replicates: int = REPLICATES) -> Floats:
    """(replicates, blocks): how often each block is drawn in each replicate. Each row sums to `blocks`."""
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


def fidelity_of_sums(forecast: Floats, reference: Floats, floor: Floats | float = 0.0) -> Floats:
    """F = 1 − (ΣS_f − ΣS_0) / (ΣS_ref − ΣS_0); arrays broadcast. NaN where the denominator is not positive."""
    gap = np.asarray(reference - floor, dtype=np.float64)
    ratio = np.divide(forecast - floor, gap, out=np.full(gap.shape, np.nan), where=gap > 0)
    return np.asarray(1 - ratio)


def weighted_mean(figures: Mapping[str, float], weights: Mapping[str, float] | None = None) -> float:
    """Σ wₖ Fₖ / Σ wₖ over the KPIs k whose F is defined; equal weights unless given. NaN where there is none."""
    defined = {name: f for name, f in figures.items() if not np.isnan(f)}
    weight = {name: 1.0 if weights is None else weights.get(name, 0.0) for name in defined}
    total = sum(weight.values())
    return sum(weight[name] * f for name, f in defined.items()) / total if total > 0 else float("nan")
