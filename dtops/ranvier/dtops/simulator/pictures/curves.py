"""Distributions and time series."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.simulator.pictures.figure import Picture

Floats = NDArray[np.float64]
BAND = (0.1, 0.5, 0.9)


def distributions(name: str, caption: str, label: str, values: Mapping[str, Floats]) -> Picture:
    """Cumulative distribution of each of `values` (any shape; NaN and infinities are left out and told)."""

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        for which, found in values.items():
            finite = np.sort(found[np.isfinite(found)])
            left_out = found.size - len(finite)
            told = f"{which} (without {left_out:,} undefined)" if left_out else which
            axes.step(finite, np.arange(1, len(finite) + 1) / max(len(finite), 1), where="post", label=told)
        axes.set(xlabel=label, ylabel="share at or below", ylim=(0, 1))
        axes.legend(loc="lower right")

    return Picture(name, caption, draw)


def time_series(name: str, caption: str, label: str, time_s: Floats, values: Floats) -> Picture:
    """The median over realisations and their 10 to 90 % band, of `values` (R, T) at `time_s` (T,)."""

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        low, middle, high = np.nanquantile(values, BAND, axis=0)
        line = axes.plot(time_s, middle, marker="." if len(time_s) < 40 else None, label="median")[0]
        if len(values) > 1:
            told = f"10 to 90 % of {len(values)} realisations"
            axes.fill_between(time_s, low, high, color=line.get_color(), alpha=0.25, lw=0, label=told)
            axes.legend(loc="upper right")
        axes.set(xlabel="time, s", ylabel=label)
        axes.margins(x=0.01)

    return Picture(name, caption, draw)
