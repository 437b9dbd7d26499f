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

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.scoring import metrics
from ranvier.dtops.scoring.bootstrap import FEWEST_BLOCKS, Interval, block_weights, interval

Floats = NDArray[np.float64]


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
    pit           share of outcomes in each tenth of the PIT, `pit_p` the p-value of its being flat
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
    pit_p: float = np.nan
    object_id: str | None = None
    undefined: str = ""
    floor: str = ""


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


def independent_blocks(forecast: Floats, reference: Floats) -> int:
    """How many neighbouring blocks to join so that blocks are about independent; scores are (blocks,).

    While the residuals S_f − (1 − F) S_ref of neighbours correlate by more than 2/√B, pairs are joined, as long
    as enough blocks remain: a bootstrap of dependent blocks would give intervals that are too short.
    """
    join = 1
    while len(forecast) >= 2 * FEWEST_BLOCKS:
        ratio = forecast.sum() / reference.sum() if reference.sum() > 0 else 0.0
        residual = forecast - ratio * reference
        square = float(residual @ residual)
        if square == 0 or residual[1:] @ residual[:-1] / square <= 2 / np.sqrt(len(residual)):
            break
        forecast, reference, join = joined(forecast, 2), joined(reference, 2), join * 2
    return join


def joined(sums: Floats, factor: int) -> Floats:
    """(blocks, …) to (⌈blocks / factor⌉, …): neighbours added up."""
    if factor == 1:
        return sums
    return np.asarray(np.add.reduceat(sums, np.arange(0, len(sums), factor), axis=0))


@dataclass(frozen=True, slots=True)
class Window:
    """What a Fidelity is about: whose, which, when, and the level and seed of its intervals."""

    model: str
    quantity: str
    horizon_s: float
    from_ns: int
    to_ns: int
    object_id: str | None = None
    confidence: float = 0.9
    seed: int = 0
    floor: str = ""


def fidelity_of(window: Window, forecast: Floats, reference: Floats, floor: float = 0.0) -> Fidelity:
    """The Fidelity of a window from block sums of metrics, (blocks, WIDTH) each, of forecast and reference.

    Both on the same points. `floor` is S_0 for each point, in the quantity's unit; the window labels it.
    """
    used = forecast[:, metrics.COUNT] > 0
    forecast, reference = forecast[used], reference[used]
    join = independent_blocks(forecast[:, metrics.CRPS], reference[:, metrics.CRPS])
    forecast, reference = joined(forecast, join), joined(reference, join)
    blocks, total = len(forecast), forecast.sum(axis=0)
    n = int(total[metrics.COUNT])
    drawn = np.zeros((0, metrics.WIDTH)), np.zeros((0, metrics.WIDTH))
    if blocks >= FEWEST_BLOCKS:
        weights = block_weights(blocks, window.seed)
        drawn = weights @ forecast, weights @ reference

    def estimate(formula: Callable[[Floats], Floats]) -> Interval:
        value = float(formula(total)) if n else float("nan")
        return interval(value, formula(drawn[0]), window.confidence)

    figure, undefined = _figure(total, reference.sum(axis=0), drawn, floor, window.confidence)
    pit = metrics.pit_histogram(total) if n else np.zeros(0)
    return Fidelity(
        window.model, window.quantity, window.horizon_s, window.from_ns, window.to_ns, n, blocks, figure,
        estimate(metrics.mean_crps),
        float(metrics.mean_crps(reference.sum(axis=0))) if n else float("nan"),
        estimate(metrics.coverage), estimate(metrics.bias), estimate(metrics.twinning_precision),
        tuple(pit.tolist()), _pit_p(pit, metrics.pit_histogram(drawn[0])), window.object_id, undefined,
        window.floor,
    )  # fmt: skip


def _figure(
    total: Floats, reference: Floats, drawn: tuple[Floats, Floats], floor: float, confidence: float
) -> tuple[Interval, str]:
    """F with its interval, or why it is undefined."""
    n = total[metrics.COUNT]
    if n == 0:
        return Interval(float("nan")), "no forecast has an outcome yet"
    denominators = drawn[1][:, metrics.CRPS] - floor * drawn[1][:, metrics.COUNT]
    denominator = interval(float(reference[metrics.CRPS] - floor * n), denominators, confidence)
    if denominator.value <= 0 or denominator.low <= 0:
        return Interval(float("nan")), "climatology is nowhere wrong: the denominator's interval holds 0"
    f = fidelity_of_sums(total[metrics.CRPS], reference[metrics.CRPS], floor * n)
    many = fidelity_of_sums(
        drawn[0][:, metrics.CRPS], drawn[1][:, metrics.CRPS], floor * drawn[0][:, metrics.COUNT]
    )
    return interval(float(f), many, confidence), ""


def _pit_p(pit: Floats, drawn: Floats) -> float:
    """The p-value of a flat PIT: the worst tenth, in bootstrap standard errors, times ten (Bonferroni)."""
    if not len(pit) or not len(drawn):
        return float("nan")
    error = drawn.std(axis=0)
    off = np.abs(pit - 1 / len(pit))
    z = float(np.max(np.divide(off, error, out=np.where(off > 0, np.inf, 0.0), where=error > 0)))
    return min(1.0, len(pit) * math.erfc(z / math.sqrt(2)))
