"""A figure of the soak as SVG: panels of lines over minutes, each line named at its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, PANEL, LEFT, RIGHT, TOP, GAP = 860, 190, 64, 150, 34, 48
COLOURS = ("#2563a8", "#b3541e", "#2e7d4f", "#7a4a9e", "#8a6d1b", "#a02c4a")
TICKS = 4


@dataclass(frozen=True, slots=True)
class Panel:
    """One quantity: its title with the unit, and lines by name as values at the figure's times."""

    title: str
    lines: Mapping[str, Sequence[float]]


def figure(title: str, minutes: Sequence[float], panels: Sequence[Panel], warm_up_min: float) -> str:
    """The whole figure. The stretch before `warm_up_min`, which is not judged, is shaded."""
    height = TOP + len(panels) * (PANEL + GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
        f'font-size="12"><rect width="{WIDTH}" height="{height}" fill="#ffffff"/>'
        f'<text x="{LEFT}" y="20" font-size="14" fill="#222">{escape(title)}</text>'
    ]
    for number, panel in enumerate(panels):
        parts.append(_panel(panel, minutes, TOP + number * (PANEL + GAP) + 16, warm_up_min))
    return "\n".join([*parts, "</svg>\n"])


def _panel(panel: Panel, minutes: Sequence[float], top: float, warm_up_min: float) -> str:
    highest = max((max(values, default=0.0) for values in panel.lines.values()), default=0.0) or 1.0
    step = _step(highest)
    ceiling = step * -(-highest // step)
    last = max(minutes[-1], 1e-9) if minutes else 1.0

    def x(minute: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * minute / last

    def y(value: float) -> float:
        return top + PANEL * (1 - value / ceiling)

    warm = x(min(warm_up_min, last)) - LEFT
    out = [
        f'<text x="{LEFT}" y="{top - 5}" fill="#222">{escape(panel.title)}</text>',
        f'<rect x="{LEFT}" y="{top}" width="{warm:.1f}" height="{PANEL}" fill="#f0f0f0"/>',
    ]
    for number in range(round(ceiling / step) + 1):
        at = y(number * step)
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}" stroke="#dddddd"/>')
        out.append(
            f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end" fill="#555">{number * step:g}</text>'
        )
    for tick in range(TICKS + 1):
        minute, below = last * tick / TICKS, top + PANEL + 15
        out.append(
            f'<text x="{x(minute):.1f}" y="{below}" text-anchor="middle" fill="#555">{minute:.3g} min</text>'
        )
    ends = _apart([(y(values[-1]), name) for name, values in panel.lines.items() if len(values)])
    for colour, (name, values) in zip(COLOURS, panel.lines.items(), strict=False):
        points = " ".join(f"{x(m):.1f},{y(v):.1f}" for m, v in zip(minutes, values, strict=True))
        out.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.4"/>')
        out.append(
            f'<text x="{WIDTH - RIGHT + 6}" y="{ends[name] + 4:.1f}" fill="{colour}">{escape(name)}</text>'
        )
    return "\n".join(out)


def _step(highest: float) -> float:
    """A round step that makes four lines or so."""
    power = 10.0 ** len(str(int(highest))) / 10 if highest >= 1 else 0.01
    while highest / power > 8:
        power *= 10
    return next(
        power * times for times in (0.1, 0.2, 0.25, 0.5, 1, 2, 2.5, 5, 10) if highest / (power * times) <= 5
    )


def _apart(ends: Sequence[tuple[float, str]]) -> dict[str, float]:
    """Where the names stand: at the ends of their lines, at least a line's height apart."""
    placed: dict[str, float] = {}
    above = float("-inf")
    for at, name in sorted(ends):
        above = max(at, above + 14)
        placed[name] = above
    return placed
