"""The report as one HTML page that stands by itself: no script, no request, light and dark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from importlib.resources import files

from ranvier.dtops.fidelity import Fidelity
from ranvier.dtops.referee.report import REFERENCE, SMALL_SHARE, Overall, Report
from ranvier.dtops.referee.report_pictures import fidelity_picture, pit_picture
from ranvier.dtops.referee.report_text import (
    HEAD,
    headline,
    legend_of,
    lines_of,
    number,
    of_interval,
    of_unit,
    scope_of,
)


def to_html(report: Report) -> str:
    """The whole page."""
    style = files("ranvier.dtops.referee").joinpath("report_page.css").read_text("utf-8")
    kpis = list(dict.fromkeys(quantity for quantity, _ in report.cells))
    body = [
        "<header><p class='brand'>Ranvier · the referee</p>", f"<h1>{escape(_title(report))}</h1>",
        f"<p class='lead'>{escape(headline(report))}</p></header>", _cards(report),
        *(_kpi(report, kpi) for kpi in kpis), _caveats(report), _table(report), _method(report),
    ]  # fmt: skip
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<meta name='color-scheme' content='light dark'><title>Backtest of {escape(report.archive)}</title>"
        f"<style>{style}</style></head><body><main>{''.join(body)}</main></body></html>"
    )


def _title(report: Report) -> str:
    """The finding, as far as it is sure."""
    won = [report.leader(*cell) for cell in report.cells]
    names = [name for name, _ in won if name]
    if not names:
        return "No forecast met an outcome"
    best = max(dict.fromkeys(names), key=names.count)
    sure = sum(1 for name, certain in won if name == best and certain)
    return f"{best} leads in {names.count(best)} of {len(names)} comparisons, in {sure} of them beyond doubt"


def _cards(report: Report) -> str:
    cards = []
    for each in sorted(report.overall, key=_rank):
        if each.model == REFERENCE:
            continue
        by_kpi = "".join(
            f"<li><span>{escape(name)}</span><b>{escape(of_interval(found))}</b></li>"
            for name, found in each.by_quantity.items()
        )
        cards.append(
            f"<section class='card'><h3><i class='c{_colour(report, each.model)}'></i>{escape(each.model)}</h3>"
            f"<p class='big'>{_signed(each.mean.value)}</p>"
            f"<p class='small'>{escape(_said_of(report, each))}</p><ul>{by_kpi}</ul></section>"
        )
    return f"<div class='cards'>{''.join(cards)}</div>"


def _said_of(report: Report, each: Overall) -> str:
    scope = scope_of(each)
    if not math.isfinite(each.mean.value):
        return f"no mean over KPIs and horizons{': ' if scope else ''}{scope}"
    return (
        f"fidelity, mean over KPIs and all horizons{', ' if scope else ''}{scope}; {report.confidence:.0%} "
        f"interval {_signed(each.mean.low)} to {_signed(each.mean.high)}"
    )


def _rank(each: Overall) -> tuple[bool, float]:
    """The best first; last those whose figure rests on few points, or who have none."""
    value = each.mean.value
    return each.share < SMALL_SHARE, -value if math.isfinite(value) else math.inf


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-", "−") if math.isfinite(value) else "–"


def _colour(report: Report, model: str) -> int:
    return list(report.contenders).index(model) % 6


def _kpi(report: Report, kpi: str) -> str:
    rows = [row for row in report.rows if row.fidelity.quantity == kpi]
    unit = of_unit(rows[0].unit)
    groups: dict[float, list[Fidelity]] = {}
    for row in rows:
        if row.fidelity.model != REFERENCE:
            groups.setdefault(row.fidelity.horizon_s, []).append(row.fidelity)
    order = list(report.contenders)
    picture = fidelity_picture([(f"{horizon:g} s", found) for horizon, found in groups.items()], order)
    usual = [row.fidelity for row in rows if row.fidelity.model == REFERENCE]
    first, last = usual[0], usual[-1]
    scale = (
        f"Climatology's mean CRPS is {number(first.crps_reference)}{escape(unit)} at {first.horizon_s:g} s and "
        f"{number(last.crps_reference)}{escape(unit)} at {last.horizon_s:g} s: that is what F is measured against."
    )
    return (
        f"<section class='kpi'><h2>{escape(kpi)}</h2><p class='small'>{scale}</p>"
        f"<div class='two'><figure>{picture}<figcaption>Fidelity by horizon, with its interval. To the right is "
        f"better.</figcaption></figure>{_calibration(report, [row.fidelity for row in rows])}</div></section>"
    )


def _calibration(report: Report, found: Sequence[Fidelity]) -> str:
    horizons = sorted({f.horizon_s for f in found})
    shown = [horizons[0], horizons[len(horizons) // 2], horizons[-1]] if len(horizons) > 2 else horizons
    head = "".join(f"<th>{horizon:g} s</th>" for horizon in dict.fromkeys(shown))
    lines = []
    for model in report.contenders:
        cells = []
        for horizon in dict.fromkeys(shown):
            f = next((f for f in found if (f.model, f.horizon_s) == (model, horizon)), None)
            if f is None or not f.n:
                cells.append("<td class='none'>no common points</td>")
                continue
            inside = f"{100 * f.coverage80.value:.0f} % in band"
            cells.append(f"<td>{pit_picture(f, _colour(report, model))}<br><span>{inside}</span></td>")
        lines.append(f"<tr><th>{escape(model)}</th>{''.join(cells)}</tr>")
    return (
        f"<figure><table class='pits'><thead><tr><th></th>{head}</tr></thead><tbody>{''.join(lines)}"
        "</tbody></table><figcaption>Where outcomes fell in the forecast distributions (randomised PIT). Flat on "
        "the dotted line is calibrated; a hump is too wide, horns are too narrow. 80 % in band is right."
        "</figcaption></figure>"
    )


def _caveats(report: Report) -> str:
    items = "".join(f"<li>{escape(text)}</li>" for text in report.caveats)
    return f"<section class='caveats'><h2>What the data cannot tell</h2><ul>{items}</ul></section>"


def _table(report: Report) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in HEAD)
    lines, before = [], ("", "")
    for line in lines_of(report):
        new = line[:2] != before
        before = (line[0], line[1])
        cells = [*(line[:2] if new else ("", "")), *line[2:]]
        text = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        lines.append(f"<tr class='{'first' if new else ''}'>{text}</tr>")
    return (
        f"<section><h2>The table</h2><div class='scroll'><table class='all'><thead><tr>{head}</tr></thead><tbody>"
        f"{''.join(lines)}</tbody></table></div>"
        f"<p class='small'>{escape(legend_of(report))}</p></section>"
    )


def _method(report: Report) -> str:
    figures = "".join(
        f"<li>{escape(name)}: {value:,}</li>"
        for name, value in report.figures.items()
        if value not in ("", None)
    )
    versions = ", ".join(f"{name} {version}".strip() for name, version in report.contenders.items())
    return (
        "<section class='method'><h2>How this was done</h2><p>The archive was replayed in the order in which it "
        "became known. At each issue every contender got a copy of what was known then, and its forecast was "
        "sealed into a hash chain before another record was read. Predictors are scored on the points that "
        "every one of them forecast and that have an outcome; a third party on those of these that it forecast. "
        "Equations: <code>docs/fidelity.md</code>; columns and the "
        "Parquet of third parties: <code>docs/backtest.md</code>.</p>"
        f"<p class='small'>Contenders: {escape(versions)}.</p><ul class='figures'>{figures}</ul></section>"
    )
