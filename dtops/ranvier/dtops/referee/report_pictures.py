"""Small pictures for the page, as SVG text whose colours come from the page's style."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from ranvier.dtops.fidelity import Fidelity

WIDTH, LEFT, RIGHT, ROW = 680, 150, 58, 17


def fidelity_picture(groups: Sequence[tuple[str, Sequence[Fidelity]]], order: Sequence[str]) -> str:
    """Fidelity with its interval for each contender, one group of lines for each horizon; 0 is climatology."""
    low = min([-0.25, *(f.fidelity.value for _, fs in groups for f in fs if math.isfinite(f.fidelity.value))])
    low = max(low - 0.1, -1.1)
    parts, y = [], 22
    for label, found in groups:
        height = ROW * len(found)
        parts.append(f'<text class="group" x="{LEFT - 112}" y="{y + height / 2 + 4:.1f}" text-anchor="end">'
                     f"{escape(label)}</text>")  # fmt: skip
        for f in found:
            parts.append(_bar(f, y + ROW / 2, low, order.index(f.model)))
            y += ROW
        y += 9
    axis = [_tick(x, low, y) for x in (-1, -0.5, 0, 0.5, 1) if x >= low]
    return (
        f'<svg viewBox="0 0 {WIDTH} {y + 6}" role="img" aria-label="Fidelity by horizon">{"".join(axis)}'
        f"{''.join(parts)}</svg>"
    )


def _at(x: float, low: float) -> float:
    return LEFT + (max(x, low) - low) / (1 - low) * (WIDTH - LEFT - RIGHT)


def _tick(x: float, low: float, bottom: float) -> str:
    at = _at(x, low)
    kind = "zero" if x == 0 else "grid"
    text = {0.0: "0 = climatology", 1.0: "1 = perfect"}.get(x, f"{x:g}".replace("-", "−"))
    return (
        f'<line class="{kind}" x1="{at:.1f}" x2="{at:.1f}" y1="16" y2="{bottom - 4:.1f}"/>'
        f'<text class="tick" x="{at:.1f}" y="11" text-anchor="middle">{text}</text>'
    )


def _bar(f: Fidelity, y: float, low: float, colour: int) -> str:
    name = f'<text class="name" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{escape(f.model)}</text>'
    value = f.fidelity
    if not math.isfinite(value.value):
        why = "undefined" if f.n else "no points"
        return name + f'<text class="tick" x="{_at(0, low) + 6:.1f}" y="{y + 4:.1f}">{why}</text>'
    marks = ""
    if math.isfinite(value.low):
        marks = (
            f'<line class="span c{colour}" x1="{_at(value.low, low):.1f}" x2="{_at(value.high, low):.1f}" '
            f'y1="{y:.1f}" y2="{y:.1f}"/>'
        )
    beyond = "◂ " if value.value < low else ""
    figure = f"{beyond}{value.value:.2f}".replace("-", "−")
    title = f"{f.model}: F = {value.value:.3f}, {value.low:.3f} to {value.high:.3f}; {f.n:,} points"
    return (
        f"<g><title>{escape(title)}</title>{name}{marks}"
        f'<circle class="dot c{colour}" cx="{_at(value.value, low):.1f}" cy="{y:.1f}" r="4.5"/>'
        f'<text class="value" x="{WIDTH}" y="{y + 4:.1f}" text-anchor="end">{figure}</text></g>'
    )


def pit_picture(f: Fidelity, colour: int, width: int = 120, height: int = 44) -> str:
    """The PIT histogram: flat on the dotted line where the forecasts are calibrated."""
    if not f.pit:
        return ""
    top = max(0.25, *f.pit)
    step = width / len(f.pit)
    bars = "".join(
        f'<rect class="bar c{colour}" x="{i * step + 0.5:.1f}" width="{step - 1:.1f}" '
        f'y="{height - share / top * height:.1f}" height="{share / top * height:.1f}"/>'
        for i, share in enumerate(f.pit)
    )
    level = height - height / len(f.pit) / top
    return (
        f'<svg class="pit" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'aria-label="PIT histogram of {escape(f.model)}">{bars}'
        f'<line class="even" x1="0" x2="{width}" y1="{level:.1f}" y2="{level:.1f}"/></svg>'
    )
