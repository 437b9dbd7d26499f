"""How the command line shows things: a table for people, JSON for programs, errors in one line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from ranvier.ontology.view import Branch, Overview

Column = tuple[str, Callable[[Mapping[str, Any]], Any]]


def show(data: Any, as_json: bool, columns: Sequence[Column], title: str = "") -> None:
    """`data` (a list of mappings) as JSON or as a table of `columns` (heading, how to get the cell)."""
    if as_json:
        say_json(data)
        return
    from rich import box
    from rich.table import Table

    table = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    rows = [[shown(cell(row)) for _, cell in columns] for row in data]
    for index, (heading, _) in enumerate(columns):
        numeric = bool(rows) and all(_is_numeric(row[index]) for row in rows)
        table.add_column(heading, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    out = console()
    out.print(table)
    if not rows:
        out.print("nothing found", style="dim")


def show_tree(overview: Overview) -> None:
    """The ontology as counts and a tree: domains with their terms, classes under their parents."""
    from rich.tree import Tree

    def grown(tree: Tree, branches: Sequence[Branch]) -> None:
        for branch in branches:
            grown(tree.add(f"{branch.name}  {branch.label}"), branch.branches)

    root = Tree(f"ontology {overview.version}: " + ", ".join(f"{n} {k}" for k, n in overview.counts.items()))
    grown(root.add("classes"), overview.classes)
    grown(root.add("domains"), overview.domains)
    console().print(root)


def console() -> Console:
    """As wide as the terminal; wide enough for whole lines where there is none."""
    from rich.console import Console

    return Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 220)


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
    """A cell: six significant digits, times without nanoseconds, a dash for nothing."""
    if value is None or value == "":
        return "–"
    if isinstance(value, float):
        return f"{value:.6g}"
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
