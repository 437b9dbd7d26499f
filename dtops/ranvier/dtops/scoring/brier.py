"""The Brier score of an event's probability, and what it is made of.

    BS = Σ(pᵢ − oᵢ)² / n,  o = 1 where the event came, else 0

Probabilities fall into K bins. With nₖ points, mean probability p̄ₖ and frequency ōₖ in bin k, and frequency ō
over all, it is exactly (Murphy 1973; Stephenson, Coelho & Jolliffe 2008)

    BS = REL − RES + UNC + WBV − WBC
    REL = Σnₖ(p̄ₖ − ōₖ)²/n        how far frequencies are from what was said (0 is best)
    RES = Σnₖ(ōₖ − ō)²/n          how far bins differ from each other (more is better)
    UNC = ō(1 − ō)                what the event itself brings
    WBV = ΣΣ(p − p̄ₖ)²/n,  WBC = 2ΣΣ(p − p̄ₖ)(o − ōₖ)/n     what goes on within bins, lost by binning

REL and RES of few points are both too high, by the noise in ōₖ: the corrected ones subtract its estimate
(Bröcker 2012; Ferro & Fricker 2012), and sum to the same BS.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.scoring.missing import present
from ranvier.dtops.scoring.state import divide
from ranvier.ontology.errors import InputError

Floats = NDArray[np.float64]
BINS = 10
COUNT, P, CAME, PP, PO = 0, 1, 2, 3, 4
"""Within a bin's five columns: n, Σp, Σo, Σp², Σpo. A state has one more column before all bins: n."""


def exceedance(members: Floats, threshold: Floats | float) -> Floats:
    """Share of the members present that lie above the threshold; (…, m) and (…) to (…)."""
    above = members > np.asarray(threshold)[..., None]
    return divide(above.sum(axis=-1), present(members))


def brier_score(p: Floats, o: Floats) -> Floats:
    """(p − o)², point by point; (…) and (…) to (…). NaN where either is missing."""
    score = p - o
    score *= score
    return score


def fair_brier_samples(members: Floats, threshold: Floats | float, o: Floats) -> Floats:
    """Unbiased for the probability that the members are drawn with; (…, m) and (…) to (…).

    (i/m − o)² − i(m − i) / (m²(m − 1)) for i of m members above the threshold (Ferro 2014). Needs two members.
    """
    p, m = exceedance(members, threshold), present(members)
    return brier_score(p, o) - divide(p * (1 - p), m - 1)


def brier_columns(p: Floats, o: Floats, bins: int = BINS) -> Floats:
    """What each point adds; p and o (…) to (…, 1 + 5·bins). Bins are equal parts of [0, 1].

    Raises InputError for a probability outside [0, 1] or an outcome other than 0 and 1.
    """
    p, o = np.broadcast_arrays(np.asarray(p, np.float64), np.asarray(o, np.float64))
    known = ~(np.isnan(p) | np.isnan(o))
    chance, came = p[known], o[known]
    if np.any((chance < 0) | (chance > 1)) or np.any((came != 0) & (came != 1)):
        raise InputError(
            "probabilities in [0, 1] and outcomes 0 or 1",
            f"{chance.min():g} to {chance.max():g}, outcomes {came.min():g} to {came.max():g}",
            "give shares, not percent, and say whether the event came",
        )
    place = np.minimum((chance * bins).astype(np.int64), bins - 1)
    inner = np.zeros((len(chance), bins, 5))
    ones = np.ones(len(chance))
    inner[np.arange(len(chance)), place] = np.stack(
        [ones, chance, came, chance * chance, chance * came], axis=-1
    )
    columns = np.zeros((*p.shape, 1 + 5 * bins))
    columns[known, 0] = 1
    columns[known, 1:] = inner.reshape(len(chance), 5 * bins)
    return columns


def mean_brier(sums: Floats) -> Floats:
    """Σ(p² − 2po + o) / n; (…, w) to (…). o² is o."""
    of = _bins(sums)
    return divide((of[..., PP] - 2 * of[..., PO] + of[..., CAME]).sum(axis=-1), sums[..., 0])


@dataclass(frozen=True, slots=True)
class Murphy:
    """The parts of a Brier score, (…) each: score = reliability − resolution + uncertainty + within."""

    score: Floats
    reliability: Floats
    resolution: Floats
    uncertainty: Floats
    within: Floats


def murphy(sums: Floats) -> Murphy:
    """The parts as they are in the sample; (…, w) to (…) each. `within` is WBV − WBC."""
    of, n = _bins(sums), sums[..., 0]
    count = of[..., COUNT]
    said, came = divide(of[..., P], count), divide(of[..., CAME], count)
    base = divide(of[..., CAME].sum(axis=-1), n)
    variance = of[..., PP] - _zero(said) * of[..., P]
    covariance = of[..., PO] - _zero(said) * of[..., CAME]
    return Murphy(
        mean_brier(sums),
        divide((count * _zero(said - came) ** 2).sum(axis=-1), n),
        divide((count * _zero(came - base[..., None]) ** 2).sum(axis=-1), n),
        base * (1 - base),
        divide((variance - 2 * covariance).sum(axis=-1), n),
    )


def murphy_corrected(sums: Floats) -> Murphy:
    """The parts with their bias taken out; (…, w) to (…) each, of the same sum.

    REL′ = REL − T, RES′ = RES − T + ō(1 − ō)/(n − 1), UNC′ = nō(1 − ō)/(n − 1), T = Σnₖōₖ(1 − ōₖ)/(nₖ − 1)/n.
    Neither REL nor RES can be below 0: where one is, both are raised by as much. A bin with one point has no
    variance to estimate and is left as it is.
    """
    raw, of, n = murphy(sums), _bins(sums), sums[..., 0]
    count = of[..., COUNT]
    came = _zero(divide(of[..., CAME], count))
    noise = divide(_zero(divide(count * came * (1 - came), count - 1)).sum(axis=-1), n)
    spread = divide(raw.uncertainty, n - 1)
    reliability, resolution = raw.reliability - noise, raw.resolution - noise + spread
    raised = np.maximum(0.0, -np.minimum(reliability, resolution))
    return Murphy(raw.score, reliability + raised, resolution + raised, raw.uncertainty + spread, raw.within)


def brier_skill(sums: Floats, climatology: Floats | float | None = None) -> Floats:
    """1 − BS / BS_clim; (…, w) to (…). 1 is perfect, 0 no better than always saying the climatology.

    `climatology` is a probability known beforehand; None: the sample's own frequency, which no forecaster had,
    so that skill is a little understated. NaN where the reference is never wrong.
    """
    n, came = sums[..., 0], _bins(sums)[..., CAME].sum(axis=-1)
    base = divide(came, n) if climatology is None else np.asarray(climatology)
    reference = divide(n * base * base - 2 * base * came + came, n)
    return 1 - divide(mean_brier(sums), reference)


def reliability_curve(sums: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean probability, frequency and count of each bin; (…, w) to three of (…, bins). NaN in empty bins."""
    of = _bins(sums)
    count = of[..., COUNT]
    return divide(of[..., P], count), divide(of[..., CAME], count), count


def _bins(sums: Floats) -> Floats:
    return sums[..., 1:].reshape(*sums.shape[:-1], (sums.shape[-1] - 1) // 5, 5)


def _zero(x: Floats) -> Floats:
    return np.asarray(np.nan_to_num(x, nan=0.0))
