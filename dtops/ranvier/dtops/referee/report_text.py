"""The report as text: a table for the terminal, and Markdown for the docs."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterable
from pathlib import Path

from rich.console import Group
from rich.table import Table
from rich.text import Text

from ranvier.dtops.referee.report import REFERENCE, SMALL_SHARE, Overall, Report, Row
from ranvier.dtops.scoring.bootstrap import Interval
from ranvier.ontology.errors import InputError

BEGIN, END = "<!-- backtest:begin -->", "<!-- backtest:end -->"


def number(value: float, digits: int = 3) -> str:
    """Three significant figures, without exponents; a dash where there is none."""
    if not math.isfinite(value):
        return "–"
    if value == 0 or abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    return f"{value:,.{max(0, digits - 1 - math.floor(math.log10(abs(value))))}f}"


def of_unit(unit: str) -> str:
    """The unit as it follows a number: nothing for plain counts, a factor where the unit begins with one."""
    if unit in ("", "1"):
        return ""
    return f" × {unit}" if unit[0].isdigit() else f" {unit}"


def of_interval(found: Interval, undefined: str = "") -> str:
    """A figure with its interval: 0.84 [0.81, 0.87]."""
    if not math.isfinite(found.value):
        return "undefined" if undefined else "–"
    if not math.isfinite(found.low):
        return f"{found.value:.2f}"
    return f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"


def lines_of(report: Report) -> list[tuple[str, ...]]:
    """The table: KPI, horizon, n, blocks, contender, CRPS, F, coverage, bias, hits, PIT."""
    return [_line(report, row) for row in report.rows]


HEAD = (
    "KPI", "horizon", "n", "blocks", "contender", "CRPS", "fidelity F", "in 80 % band", "bias", "hits", "PIT flat?"
)  # fmt: skip


def _line(report: Report, row: Row) -> tuple[str, ...]:
    f = row.fidelity
    best, sure = report.leader(f.quantity, f.horizon_s)
    mark = (" ★" if sure else " ☆") if f.model == best else ""
    figure = "reference" if f.model == REFERENCE else of_interval(f.fidelity, f.undefined if f.n else "")
    flat = "–" if math.isnan(f.pit_p) else ("yes" if f.pit_p > 0.05 else "no")
    unit = of_unit(row.unit) if f.n else ""
    return (
        f.quantity, f"{f.horizon_s:g} s", f"{f.n:,}", str(f.blocks), f.model + mark,
        number(f.crps.value) + unit, figure, _percent(f.coverage80.value), number(f.bias.value, 2),
        _percent(f.precision.value), flat,
    )  # fmt: skip


def _percent(share: float) -> str:
    return "–" if not math.isfinite(share) else f"{100 * share:.0f} %"


def headline(report: Report) -> str:
    """What was refereed, in a sentence."""
    begin, end = (dt.datetime.fromtimestamp(t / 1e9, dt.UTC).date() for t in (report.from_ns, report.to_ns))
    figures = report.figures
    return (
        f"{report.archive}: {figures.get('reports', 0):,} reports of {figures.get('objects', 0)} objects from "
        f"{begin} to {end}; {figures.get('issues', 0):,} issues of sealed forecasts, {figures.get('points', 0):,} "
        f"points with an outcome."
    )


LEGEND = (
    "F = 1 − ΣCRPS / ΣCRPS of climatology: 1 is perfect, 0 no better than climatology. Brackets: the {level:.0%} "
    "interval of a block bootstrap. ★ best and surely so, ☆ best, but the interval of a difference holds 0. In "
    "80 % band: 80 % is calibrated. Hits: medians within the tolerance (“twinning precision”). PIT flat: the "
    "distributions are as wide as they should be, as far as these blocks can tell."
)


FEWER = (
    " Contenders with fewer points than the predictors are scored against climatology on their own points, and "
    "ranked only where these are at least {share:.0%}."
)


def legend_of(report: Report) -> str:
    """How to read the table."""
    text = LEGEND.format(level=report.confidence)
    return text + FEWER.format(share=SMALL_SHARE) if any(each.share < 1 for each in report.overall) else text


def scope_of(each: Overall) -> str:
    """What a contender's figure over all horizons rests on, where it is not nearly all points."""
    if each.share == 0:
        return "not at every KPI and horizon"
    return "" if each.share >= SMALL_SHARE else f"on as few as {number(100 * each.share, 2)} % of the points"


def table_of(report: Report) -> Group:
    """The report for the terminal."""
    table = Table(*HEAD, title=headline(report), title_justify="left", title_style="bold", expand=False)
    for column in table.columns[1:4] + table.columns[5:]:
        column.justify = "right"
    before: tuple[str, ...] = ()
    for line in lines_of(report):
        if before and line[:2] != before[:2]:
            table.add_section()
        same = line[:2] == before[:2]
        table.add_row(*(("", "") if same else line[:2]), *line[2:])
        before = line
    notes = [Text("What the data cannot tell", style="bold"), *(Text(f"• {text}") for text in report.caveats)]
    return Group(table, Text(legend_of(report), style="dim"), _overall(report), *notes)


def _overall(report: Report) -> Table:
    table = Table("over all horizons", *_quantities(report), "mean over KPIs", expand=False)
    for model, *figures in _overall_lines(report):
        table.add_row(model, *figures)
    return table


def _quantities(report: Report) -> list[str]:
    return list(dict.fromkeys(name for each in report.overall for name in each.by_quantity))


def _overall_lines(report: Report) -> Iterable[tuple[str, ...]]:
    for each in report.overall:
        if each.model != REFERENCE:
            figures = (
                of_interval(each.by_quantity.get(name, Interval(math.nan))) for name in _quantities(report)
            )
            scope = scope_of(each)
            yield each.model + (f", {scope}" if scope else ""), *figures, of_interval(each.mean)


def to_markdown(report: Report) -> str:
    """The report in Markdown, without the markers."""
    parts = [
        headline(report),
        "",
        *_markdown_table(HEAD, lines_of(report)),
        "",
        legend_of(report),
    ]
    head = ("F over all horizons", *_quantities(report), "mean over KPIs")
    parts += ["", *_markdown_table(head, _overall_lines(report))]
    parts += ["", "What the data cannot tell:", "", *(f"- {text}" for text in report.caveats)]
    return "\n".join(parts) + "\n"


def _markdown_table(head: Iterable[str], lines: Iterable[tuple[str, ...]]) -> list[str]:
    head = list(head)
    rule = "|" + "|".join("---" for _ in head) + "|"
    return [f"| {' | '.join(head)} |", rule, *(f"| {' | '.join(line)} |" for line in lines)]


def write_markdown(report: Report, page: Path) -> None:
    """Put the report between the markers of a Markdown page. Raises InputError where it has none."""
    text = page.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        raise InputError(
            f"{BEGIN} and {END} in {page.name}", "a page without them", "add both, one after the other"
        )
    new = f"{BEGIN}\n{to_markdown(report)}{END}"
    page.write_text(re.sub(f"{BEGIN}.*?{END}", lambda _: new, text, flags=re.DOTALL), encoding="utf-8")
