"""What the platform is doing now: rates and lags over the last few seconds, totals since the start.

All bounded: a ring of one entry a second for rates, a ring of the latest lags for quantiles.
"""

from __future__ import annotations

import threading
from collections import deque

import numpy as np

RATE_WINDOW_S = 10
LAGS_KEPT = 512


class Rate:
    """Events a second over the last RATE_WINDOW_S whole seconds; safe between threads."""

    def __init__(self) -> None:
        self._counts = [0] * (RATE_WINDOW_S + 1)
        self._second = 0
        self._lock = threading.Lock()
        self.total = 0

    def add(self, count: int, now_s: float) -> None:
        """Count `count` events at `now_s`."""
        with self._lock:
            self._move_to(int(now_s))
            self._counts[self._second % len(self._counts)] += count
            self.total += count

    def per_second(self, now_s: float) -> float:
        """The mean over the last whole seconds; the running one is left out."""
        with self._lock:
            self._move_to(int(now_s))
            running = self._counts[self._second % len(self._counts)]
            return (sum(self._counts) - running) / RATE_WINDOW_S

    def _move_to(self, second: int) -> None:
        for passed in range(max(self._second + 1, second - len(self._counts)), second + 1):
            self._counts[passed % len(self._counts)] = 0
        self._second = max(self._second, second)


class Lags:
    """The latest lags, for their quantiles; safe between threads."""

    def __init__(self) -> None:
        self._lags_s: deque[float] = deque(maxlen=LAGS_KEPT)

    def add(self, lag_s: float) -> None:
        """One lag in seconds."""
        self._lags_s.append(lag_s)

    def quantile(self, level: float) -> float | None:
        """The lag at this level; None before the first."""
        lags = list(self._lags_s)
        return float(np.quantile(lags, level)) if lags else None
