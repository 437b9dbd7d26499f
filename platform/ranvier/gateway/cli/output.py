"""How the command line shows things: a table for people, JSON for programs, errors in one line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Column = tuple[str, Callable[[Mapping[str, Any]], Any]]


def show(data: Any, as_json: bool, columns: Sequence[Column], title: str = "") -> None:
    """`data` (a list of mappings) as JSON or as a table of `columns` (heading, how to get the cell)."""
    if as_json:
        say_json(data)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title or None, title_justify="left", show_edge=False, pad_edge=False)
    rows = [[shown(cell(row)) for _, cell in columns] for row in data]
    for index, (heading, _) in enumerate(columns):
        numeric = bool(rows) and all(_is_numeric(row[index]) for row in rows)
        table.add_column(heading, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    console = Console(highlight=False)
    console.print(table)
    if not rows:
        console.print("nothing found", style="dim")


def say_json(data: Any) -> None:
    """`data` as indented JSON on standard output."""
    sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def say(text: str) -> None:
    """One line on standard output."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def complain(text: str) -> None:
    """One line on standard error."""
    sys.stderr.write(text + "\n")


def shown(value: Any) -> str:
    """A cell: four significant digits, times without nanoseconds, a dash for nothing."""
    if value is None or value == "":
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return ", ".join(f"{key}={shown(inner)}" for key, inner in value.items())
    return str(value)


def field(name: str) -> Callable[[Mapping[str, Any]], Any]:
    """The cell that holds `name`."""
    return lambda row: row.get(name)


def estimate(name: str) -> Callable[[Mapping[str, Any]], Any]:
    """The cell that shows an estimate with its interval, or why it is undefined."""

    def cell(row: Mapping[str, Any]) -> str:
        figure = row[name]
        if figure["value"] is None:
            return f"undefined: {figure.get('undefined') or 'no data'}"
        if figure["low"] is None:
            return f"{figure['value']:.3f}"
        return f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"

    return cell


def _is_numeric(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return text == "–"
    return True
