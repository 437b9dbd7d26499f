"""How good a dataset is: summable states for each day, and the figures made of them.

    completeness = Σ received / Σ expected      expected = series × granularity periods
    timeliness   = Σ timely / Σ received        timely: recorded within one period of the period's end
    validity     = Σ accepted / Σ (accepted + refused)

Sums before ratios; a figure is None where its denominator is 0. States of days add up, so the figures of any
span cost as much as it has days, however much came in each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

DAY_NS = 86_400 * 10**9
FOLDED = -(2**31)
"""The index under which days that were folded into one are kept."""
LAG_BINS = 68
"""Bin 0 holds lags up to 1 ms, bin i those in (2^((i−1)/2), 2^(i/2)] ms, the last all beyond (99 days)."""


class QualityState(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a span of time brought. `a + b` is the state of both spans.

    received      points that came for the first time
    revised       points that came again
    suspect       points that the network itself doubts
    timely        received points that were in time
    accepted, refused  records
    series        the most distinct (object, quantity) pairs known in the span
    first_ns, last_ns  from the first period's start to the last one's end; last_ns = 0: no points
    recorded_ns   when the latest record was taken in
    lags          received points by bin of their lag
    expected      points expected of days that were folded into one
    """

    received: int = 0
    revised: int = 0
    suspect: int = 0
    timely: int = 0
    accepted: int = 0
    refused: int = 0
    series: int = 0
    first_ns: int = 0
    last_ns: int = 0
    recorded_ns: int = 0
    lags: dict[int, int] = {}
    expected: int = 0

    def __add__(self, other: QualityState) -> QualityState:
        lags = dict(self.lags)
        for lag_bin, count in other.lags.items():
            lags[lag_bin] = lags.get(lag_bin, 0) + count
        return QualityState(
            self.received + other.received,
            self.revised + other.revised,
            self.suspect + other.suspect,
            self.timely + other.timely,
            self.accepted + other.accepted,
            self.refused + other.refused,
            max(self.series, other.series),
            _first(self, other),
            max(self.last_ns, other.last_ns),
            max(self.recorded_ns, other.recorded_ns),
            lags,
            self.expected + other.expected,
        )


def _first(one: QualityState, other: QualityState) -> int:
    if not one.last_ns:
        return other.first_ns
    return min(one.first_ns, other.first_ns) if other.last_ns else one.first_ns


class Quality(msgspec.Struct, frozen=True):
    """The figures of a span; None where nothing can be said.

    lag_p50_s, lag_p99_s  upper edges of the bins that hold these quantiles: at most √2 too high
    """

    completeness: float | None
    timeliness: float | None
    validity: float | None
    expected: int | None
    received: int
    revised: int
    suspect: int
    accepted: int
    refused: int
    first_ns: int | None
    last_ns: int | None
    recorded_ns: int | None
    lag_p50_s: float | None
    lag_p99_s: float | None


def lag_bin(lag_ns: int) -> int:
    """The bin of a lag; a point from the future has none and goes to bin 0."""
    if lag_ns <= 1_000_000:
        return 0
    return min(LAG_BINS - 1, math.ceil(2 * math.log2(lag_ns / 1e6)))


def lag_quantile_s(state: QualityState, level: float) -> float | None:
    """The upper edge in seconds of the bin in which the quantile lies; None where nothing was received."""
    total, seen = sum(state.lags.values()), 0
    for edge, count in sorted(state.lags.items()):
        seen += count
        if seen >= level * total:
            return float(2 ** (edge / 2)) / 1e3
    return None


def expected_points(days: Mapping[int, QualityState], period_s: float | None) -> int | None:
    """How many points the days should have brought: series × periods, from the first period to the last.

    A day between them that brought nothing expects as many series as the day before it. None where the
    dataset has no granularity period.
    """
    if period_s is None:
        return None
    settled = days.get(FOLDED, QualityState())
    filled = {day: state for day, state in days.items() if state.last_ns and day != FOLDED}
    expected, series = settled.expected, settled.series
    if not filled:
        return expected
    first_ns = settled.last_ns or min(state.first_ns for state in filled.values())
    last_ns = max(state.last_ns for state in filled.values())
    for day in range(first_ns // DAY_NS, max(filled) + 1):
        series = filled[day].series if day in filled else series
        span_ns = min(last_ns, (day + 1) * DAY_NS) - max(first_ns, day * DAY_NS)
        expected += series * round(max(0, span_ns) / (period_s * 1e9))
    return expected


def quality(days: Mapping[int, QualityState], period_s: float | None) -> Quality:
    """The figures of these days (index of the UTC day to its state)."""
    total = sum(days.values(), QualityState())
    expected = expected_points(days, period_s)
    return Quality(
        completeness=min(1.0, total.received / expected) if expected else None,
        timeliness=total.timely / total.received if total.received else None,
        validity=total.accepted / (total.accepted + total.refused)
        if total.accepted + total.refused
        else None,
        expected=expected,
        received=total.received,
        revised=total.revised,
        suspect=total.suspect,
        accepted=total.accepted,
        refused=total.refused,
        first_ns=total.first_ns if total.last_ns else None,
        last_ns=total.last_ns or None,
        recorded_ns=total.recorded_ns or None,
        lag_p50_s=lag_quantile_s(total, 0.5),
        lag_p99_s=lag_quantile_s(total, 0.99),
    )


def fold(days: Mapping[int, QualityState], before_day: int, period_s: float | None) -> QualityState:
    """The days before `before_day` as one state, with the points that they expected; it is kept as FOLDED.

    The figures of all days together stay the same, but for the rounding of periods across midnight.
    """
    old = {day: state for day, state in days.items() if day < before_day}
    latest = max((day for day, state in old.items() if state.last_ns), default=FOLDED)
    return msgspec.structs.replace(
        sum(old.values(), QualityState()),
        expected=expected_points(old, period_s) or 0,
        series=old[latest].series if latest in old else 0,
    )
