"""`TwinLag`: how far behind the network the twin is, over a sliding window.

    end of the period ─ recorded lag ► taken by the log ─ storing lag ► in the store

The lag of a Measurement is the time from the end of its granularity period to its being readable.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class LagFigures:
    """Medians and 99th percentiles in seconds; NaN where the window holds no samples.

    recorded  from the end of the period to the log
    stored    from the end of the period to the store: the twin lag
    """

    samples: int
    recorded_p50_s: float
    recorded_p99_s: float
    stored_p50_s: float
    stored_p99_s: float


class TwinLag:
    """The last `capacity` reports that were stored within `window_s`."""

    def __init__(self, window_s: float = 60.0, capacity: int = 65_536) -> None:
        self._window_ns, self._capacity = int(window_s * 1e9), capacity
        self._samples = np.zeros((capacity, 3), np.int64)
        self._added = 0

    def add(self, end_ns: NDArray[np.int64], recorded_at_ns: NDArray[np.int64], stored_at_ns: int) -> None:
        """Count in reports, (n,) each: the end of their period, and when the log took them."""
        end_ns, recorded_at_ns = end_ns[-self._capacity :], recorded_at_ns[-self._capacity :]
        rows = (self._added + np.arange(len(end_ns))) % self._capacity
        self._samples[rows, 0] = end_ns
        self._samples[rows, 1] = recorded_at_ns
        self._samples[rows, 2] = stored_at_ns
        self._added += len(end_ns)

    def figures(self, now_ns: int) -> LagFigures:
        """The window that ends at `now_ns`."""
        samples = self._samples[: min(self._added, self._capacity)]
        samples = samples[samples[:, 2] > now_ns - self._window_ns]
        if not len(samples):
            return LagFigures(0, *[float("nan")] * 4)
        lags = (samples[:, 1:] - samples[:, :1]) / 1e9
        p50, p99 = np.percentile(lags, [50, 99], axis=0)
        return LagFigures(len(samples), float(p50[0]), float(p99[0]), float(p50[1]), float(p99[1]))
