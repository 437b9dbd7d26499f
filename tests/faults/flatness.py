"""Whether a series of samples is flat: the slope of Theil and Sen with its interval, over medians of spans.

    slope = median of (y_j − y_i) / (t_j − t_i) over all i < j

P. K. Sen, "Estimates of the regression coefficient based on Kendall's tau", J. Am. Stat. Assoc. 63 (1968).
The interval is Sen's: the ordered slopes at ranks (N ± z σ) / 2, N = n (n − 1) / 2, σ² = n (n − 1) (2 n + 5) / 18.
Samples that lie close together depend on each other, so each span of the time is first reduced to its median.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

Z95 = 1.96
SPANS = 40
"""Medians over which the slope is taken: their number makes the interval narrow, their length independent."""


@dataclass(frozen=True, slots=True)
class Trend:
    """A slope per hour, its 95% interval, and what the quantity grew by over the time measured, at most."""

    per_hour: float
    low_per_hour: float
    high_per_hour: float
    hours: float

    @property
    def grew_at_most(self) -> float:
        """The upper end of the interval, over the measured time."""
        return self.high_per_hour * self.hours


def trend(times_s: Sequence[float], values: Sequence[float]) -> Trend:
    """The trend of samples in order of time; NaN where there are fewer than three spans of them."""
    spans = _spans(times_s, values)
    hours = (times_s[-1] - times_s[0]) / 3600 if times_s else 0.0
    slopes = sorted((b[1] - a[1]) / (b[0] - a[0]) * 3600 for a, b in combinations(spans, 2))
    count = len(spans)
    if count < 3:
        return Trend(math.nan, math.nan, math.nan, hours)
    half = Z95 * math.sqrt(count * (count - 1) * (2 * count + 5) / 18) / 2
    low, high = math.floor(len(slopes) / 2 - half), math.ceil(len(slopes) / 2 + half)
    return Trend(median(slopes), slopes[max(low, 0)], slopes[min(high, len(slopes) - 1)], hours)


def _spans(times_s: Sequence[float], values: Sequence[float]) -> list[tuple[float, float]]:
    size = max(1, math.ceil(len(times_s) / SPANS))
    return [
        (median(times_s[first : first + size]), median(values[first : first + size]))
        for first in range(0, len(times_s), size)
    ]
