"""The gate: how far a decision may rely on the twin, from the fidelity that backs a forecast.

    Fidelity (value, interval) ► reliance ► rely | advise | refuse

Fidelity is a skill against climatology: 1 is perfect, 0 no better than knowing what is usual. What counts
is the lower end of its interval, because a decision that errs on thin evidence errs for good.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Reliance = Literal["rely", "advise", "refuse"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How far to rely, and why, in words that a person can act on."""

    reliance: Reliance
    reason: str


def reliance(value: float, low: float, high: float, rely_above: float) -> Verdict:
    """The verdict for a fidelity of `value` with the interval [low, high]; NaN means undefined.

    rely    the whole interval lies at or above `rely_above`
    advise  the interval lies above 0: better than climatology, but not by a safe margin; a person decides,
            by the band of the forecast and not by its centre
    refuse  undefined, or the interval reaches 0
    """
    if any(math.isnan(x) for x in (value, low, high)):
        return Verdict("refuse", "fidelity is undefined: too few outcomes have been scored")
    shown = f"fidelity {value:.2f} [{low:.2f}, {high:.2f}]"
    if low >= rely_above:
        return Verdict("rely", f"{shown} lies at or above {rely_above:.2f}")
    if low > 0:
        return Verdict("advise", f"{shown} is above 0 but reaches below {rely_above:.2f}")
    return Verdict("refuse", f"{shown} is not clearly better than climatology")
