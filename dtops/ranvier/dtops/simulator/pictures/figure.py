"""Figures in a light and a dark dress: each is drawn by one function, rendered twice, and never shown by itself."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Draw = Callable[[Any], None]
Dress = Literal["light", "dark"]
_INKS = {
    "light": ("#fbfbf9", "#1d2227", "#5c6670", "#dfe3e6"),
    "dark": ("#14181c", "#e7ebee", "#9ba6af", "#313a42"),
}
COLOURS = {
    "light": ("#1f6fb2", "#d0772b", "#2b8a5f", "#9b4f96", "#b0353f", "#8a939b"),
    "dark": ("#64aeea", "#eb9a52", "#5cc08f", "#c98bc4", "#ec7a83", "#7d8790"),
}
DOTS_PER_INCH = 130


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure with what it shows, for people who see it and for those who hear it.

    draw     draws on a matplotlib Figure; its colours come from the style
    caption  what is to be seen; also the alternative text
    """

    name: str
    caption: str
    draw: Draw
    width_in: float = 7.0
    height_in: float = 4.4

    def png(self, dress: Dress = "light") -> bytes:
        """The figure as PNG."""
        from matplotlib import rc_context
        from matplotlib.figure import Figure

        with rc_context(_style(dress)):
            figure = Figure(figsize=(self.width_in, self.height_in), layout="constrained")
            self.draw(figure)
            written = io.BytesIO()
            figure.savefig(written, format="png", dpi=DOTS_PER_INCH)
        return written.getvalue()


def _style(dress: Dress) -> dict[str, Any]:
    from cycler import cycler

    ground, ink, soft, line = _INKS[dress]
    return {
        "figure.facecolor": ground, "axes.facecolor": ground, "savefig.facecolor": ground, "text.color": ink,
        "axes.labelcolor": ink, "axes.edgecolor": soft, "xtick.color": soft, "ytick.color": soft,
        "grid.color": line, "axes.grid": True, "axes.spines.top": False, "axes.spines.right": False,
        "axes.prop_cycle": cycler(color=COLOURS[dress]), "axes.titlesize": "medium",
        "axes.titlelocation": "left", "font.size": 10, "legend.frameon": False, "axes.axisbelow": True,
    }  # fmt: skip
