"""Our curves over the companies' envelope."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ranvier.dtops.simulator.calibration.large_scale_calibration import METRICS, Calibrated, Step
from ranvier.dtops.simulator.pictures.figure import Picture

LABELS = {
    "coupling_loss": "coupling loss (as a gain), dB", "wideband_sir": "wideband SIR, dB",
    "geometry_sinr": "geometry SINR, dB",
}  # fmt: skip


def curves(found: Calibrated, steps: Sequence[Step]) -> Picture:
    """One picture of three distributions, with the envelope and the median of the companies where there are any."""
    title = f"{found.kind.upper()} at {found.frequency_hz / 1e9:g} GHz"

    def draw(figure: Any) -> None:
        panels = figure.subplots(1, len(METRICS), sharey=True)
        for axes, metric in zip(panels, METRICS, strict=True):
            values = np.sort(found.values[metric])
            mine = [step for step in steps if step.metric == metric]
            if mine:
                share = [step.percentile / 100 for step in mine]
                low, high = [step.low for step in mine], [step.high for step in mine]
                axes.fill_betweenx(share, low, high, alpha=0.3, lw=0, color="C5", label="companies, all")
                axes.plot([step.median for step in mine], share, "--", color="C1", label="their median")
            axes.plot(values, np.arange(1, len(values) + 1) / len(values), color="C0", label="Ranvier")
            axes.set(xlabel=LABELS[metric], ylim=(0, 1))
        panels[0].set_ylabel("share at or below")
        panels[0].set_title(title)
        panels[-1].legend(loc="lower right")

    caption = f"{title}: our distributions over the envelope of the companies of R1-165974."
    return Picture(f"calibration-{found.kind}-{found.frequency_hz / 1e9:g}ghz", caption, draw, 11.0, 4.0)
