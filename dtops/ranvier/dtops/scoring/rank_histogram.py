"""Where outcomes rank among members: flat for an ensemble that the outcome might be one of.

A U says too little spread, a hump too much, a slope bias (Hamill 2001). Ties are broken at random, so atoms
(empty cells) do no harm. The rank r = #{xᵢ < y} + ⌊u (#{xᵢ = y} + 1)⌋ is uniform on 0 … m.

Flatness is tested by χ², and by its parts along two directions (Jolliffe & Primo 2008): the slope (bias) and
the curvature (spread) each take one degree of freedom of it, so they are found with far fewer points than an
unspecific χ² needs. These p-values hold for independent points; of dependent ones take the slope and the
curvature through a block bootstrap (`contrasts` is a formula of sums).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.scoring.missing import present
from ranvier.dtops.scoring.state import divide

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def ranks(members: Floats, y: Floats, u: Floats) -> Ints:
    """Rank of y among the members present, 0 … m; (…, m), (…) and u (…) uniform in [0, 1) to (…).

    −1 where y is missing or no member is there.
    """
    below, ties = _below_and_ties(members, y)
    rank = below + np.floor(u * (ties + 1)).astype(np.int64)
    return np.where(_scored(members, y), rank, -1)


def rank_columns(members: Floats, y: Floats, u: Floats, bins: int | None = None) -> Floats:
    """[1, a one in the bin of the rank]; (…, m), (…), (…) to (…, 1 + bins); m + 1 bins unless given.

    By ⌊bins · (#{xᵢ < y} + u (#{xᵢ = y} + 1)) / (mᵢ + 1)⌋, which is the rank itself for m + 1 bins and all
    members present, and stays uniform where some are missing or bins are fewer.
    """
    bins = members.shape[-1] + 1 if bins is None else bins
    below, ties = _below_and_ties(members, y)
    place = (below + u * (ties + 1)) * bins / (present(members) + 1)
    within = np.minimum(np.floor(place).astype(np.int64), bins - 1)
    columns = np.zeros((*y.shape, 1 + bins))
    columns[..., 0] = 1
    np.put_along_axis(columns, 1 + within[..., None], 1.0, axis=-1)
    return np.where(_scored(members, y)[..., None], columns, 0.0)


def _below_and_ties(members: Floats, y: Floats) -> tuple[Ints, Ints]:
    at = y[..., None]
    return (members < at).sum(axis=-1), (members == at).sum(axis=-1)


def _scored(members: Floats, y: Floats) -> NDArray[np.bool_]:
    return np.asarray((present(members) > 0) & ~np.isnan(y))


def histogram(sums: Floats) -> Floats:
    """Share of outcomes in each bin; flat at 1/bins is calibrated; (…, 1 + bins) to (…, bins)."""
    return divide(sums[..., 1:], sums[..., :1])


def contrasts(sums: Floats) -> Floats:
    """Slope and curvature of the histogram, in standard deviations of a flat one; (…, 1 + bins) to (…, 2).

    Σₖ cₖ (nₖ − e)/√e with orthonormal c, linear and quadratic in k, e = n/bins. Slope above 0: outcomes rank
    high, the ensemble lies too low. Curvature above 0: a U, too little spread; below 0: too much.
    """
    off = _off(sums)
    return np.asarray(off @ _directions(off.shape[-1]).T)


@dataclass(frozen=True, slots=True)
class Flatness:
    """Tests of a flat histogram: χ² with its parts, which add up to it, and a p-value of each.

    slope and curvature are signed roots of their parts (`contrasts`); `rest` is what neither explains.
    """

    chi2: float
    p_value: float
    slope: float
    slope_p: float
    curvature: float
    curvature_p: float
    rest: float
    rest_p: float


def flatness(sums: Floats) -> Flatness:
    """Test one histogram (1 + bins,) with three bins or more. All NaN without points."""
    chi2, bins = float((_off(sums) ** 2).sum(axis=-1)), sums.shape[-1] - 1
    slope, curvature = (float(x) for x in contrasts(sums))
    rest = chi2 - slope**2 - curvature**2
    return Flatness(
        chi2, chi2_tail(chi2, bins - 1), slope, chi2_tail(slope**2, 1), curvature,
        chi2_tail(curvature**2, 1), rest, chi2_tail(max(rest, 0.0), bins - 3) if bins > 3 else math.nan,
    )  # fmt: skip


def _off(sums: Floats) -> Floats:
    """(nₖ − e)/√e of each bin."""
    bins = sums.shape[-1] - 1
    expected = sums[..., :1] / bins
    return divide(sums[..., 1:] - expected, np.sqrt(expected))


def _directions(bins: int) -> Floats:
    """(2, bins): orthonormal contrasts, linear and quadratic, each orthogonal to a constant."""
    k = np.arange(bins) - (bins - 1) / 2
    square = k * k - (k * k).mean()
    found = np.stack([k, square])
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True))


def chi2_tail(x: float, freedom: int) -> float:
    """P(χ² > x), by its finite sum: erfc(√(x/2)) for odd degrees, 1 for even, and e^{−x/2} (x/2)^a / Γ(a + 1).

    (Abramowitz & Stegun 26.4.4 and 26.4.5.) NaN for NaN.
    """
    if math.isnan(x) or x <= 0:
        return math.nan if math.isnan(x) else 1.0
    half = x / 2
    start = 0.5 if freedom % 2 else 0.0
    tail = math.erfc(math.sqrt(half)) if freedom % 2 else 0.0
    for step in range(freedom // 2):
        a = start + step
        tail += math.exp(-half + a * math.log(half) - math.lgamma(a + 1))
    return min(1.0, tail)
