"""Two one-sided tests (TOST): are two sets of runs the same within a margin, different, or not yet known?

Null hypothesis: |μ_a − μ_b| ≥ margin. It is rejected at level α when the 1 − 2α interval of the difference
lies wholly within ±margin (Schuirmann 1987). Where both sets have the same seeds, differences are paired.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ranvier.ontology.errors import InputError

Floats = NDArray[np.float64]
Verdict = Literal["equivalent", "different", "undecided"]


@dataclass(frozen=True, slots=True)
class Equivalence:
    """The outcome of a pair of one-sided tests.

    difference   mean of a minus mean of b
    low, high    the 1 − 2α interval of the difference
    margin       what counts as the same
    p_value      of the larger of the two one-sided tests
    verdict      "equivalent": the interval lies within ±margin. "different": it lies wholly outside it.
                 "undecided": neither; more runs would tell
    """

    difference: float
    low: float
    high: float
    margin: float
    p_value: float
    verdict: Verdict


def tost(a: Floats, b: Floats, margin: float, alpha: float = 0.05, paired: bool = False) -> Equivalence:
    """Test a and b, one value for each run, (n,) and (m,); paired needs n = m in the same order.

    Unpaired intervals are Welch's. With a spread of exactly zero the difference itself decides.
    Raises InputError for fewer than two runs of either or a margin that is not above zero. Needs scipy.
    """
    stats = _student()
    if min(len(a), len(b)) < 2:
        raise InputError("two runs or more of each", f"{len(a)} and {len(b)}", "simulate with more seeds")
    if not margin > 0:
        raise InputError("a margin above 0", f"{margin:g}", "say what difference does not matter")
    difference, error, freedom = _paired(a, b) if paired else _welch(a, b)
    if error == 0:
        p_value = 0.0 if abs(difference) < margin else 1.0
        return Equivalence(
            difference, difference, difference, margin, p_value, _verdict(difference, difference, margin)
        )
    reach = float(stats.t.ppf(1 - alpha, freedom)) * error
    p_value = float(stats.t.sf((margin - abs(difference)) / error, freedom))
    low, high = difference - reach, difference + reach
    return Equivalence(difference, low, high, margin, p_value, _verdict(low, high, margin))


def _student() -> ModuleType:
    try:
        from scipy import stats
    except ImportError as error:
        raise InputError("scipy, for Student's t", str(error), "pip install 'ranvier[simulator]'") from error
    return stats  # type: ignore[no-any-return]


def _verdict(low: float, high: float, margin: float) -> Verdict:
    if -margin < low and high < margin:
        return "equivalent"
    return "different" if low >= margin or high <= -margin else "undecided"


def _paired(a: Floats, b: Floats) -> tuple[float, float, float]:
    if len(a) != len(b):
        raise InputError("as many runs of both", f"{len(a)} and {len(b)}", "pair runs of the same seeds")
    apart = a - b
    return float(apart.mean()), float(apart.std(ddof=1) / np.sqrt(len(apart))), len(apart) - 1.0


def _welch(a: Floats, b: Floats) -> tuple[float, float, float]:
    parts = np.array([a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)])
    error = float(np.sqrt(parts.sum()))
    spread = float(parts[0] ** 2 / (len(a) - 1) + parts[1] ** 2 / (len(b) - 1))
    freedom = float(parts.sum() ** 2 / spread) if spread > 0 else float(len(a) + len(b) - 2)
    return float(a.mean() - b.mean()), error, freedom
