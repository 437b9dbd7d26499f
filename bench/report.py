"""What a bench found, and how it is printed: figures beside their aims, tables, the machine in general terms."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number; `aim` None: no aim is set. `at_least`: whether more is better."""

    name: str
    value: float
    unit: str
    aim: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def met(self) -> str:
        if self.aim is None:
            return "–"
        return (
            "met" if (self.value >= self.aim if self.at_least else self.value <= self.aim) else "**missed**"
        )

    def row(self) -> str:
        sign = "≥" if self.at_least else "≤"
        aim = "–" if self.aim is None else f"{sign} {shown(self.aim)} {self.unit}"
        return f"| {self.name} | {shown(self.value)} {self.unit} | {aim} | {self.met} | {self.note} |"


@dataclass(slots=True)
class Section:
    """One chapter: what was done, the figures, and tables as (headings, rows)."""

    title: str
    command: str
    how: str
    figures: list[Figure] = field(default_factory=list)
    tables: list[tuple[Sequence[str], list[Sequence[str | float]]]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        parts = [f"## {self.title}", self.how]
        if self.figures:
            head = "| figure | measured | aim | | |\n|---|---:|---:|---|---|"
            parts.append("\n".join([head, *(figure.row() for figure in self.figures)]))
        parts += [_table(headings, rows) for headings, rows in self.tables]
        parts += self.remarks
        parts.append(f"Made by `{self.command}`.")
        return "\n\n".join(parts)


def shown(value: float) -> str:
    """Three significant digits, thousands with commas."""
    if value != value:  # noqa: PLR0124
        return "none"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _table(headings: Sequence[str], rows: list[Sequence[str | float]]) -> str:
    lines = ["| " + " | ".join(headings) + " |", "|" + "---:|" * len(headings)]
    lines += ["| " + " | ".join(c if isinstance(c, str) else shown(c) for c in row) + " |" for row in rows]
    return "\n".join(lines)


def machine() -> str:
    """Cores, processor, memory and Python; nothing that names the machine."""
    cores = len(os.sched_getaffinity(0))
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{cores} cores ({_processor()}), {memory_gb:.0f} GiB of memory, {platform.system()}, "
        f"Python {platform.python_version()}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")


def version() -> str:
    """The commit that was measured; marked where the tree differed from it."""
    try:
        given = subprocess.run(
            ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return given.stdout.strip()


def page(sections: Sequence[Section], command: str, took_s: float, begun: str) -> str:
    """The page of the manual."""
    load = os.getloadavg()[2]
    ended = version()
    measured = begun if begun == ended else f"{begun} at the start and {ended} at the end"
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    head = f"""# Benchmarks

All figures on this page are printed by `{command}`, which also writes the page; `make bench ARGS=--quick` measures
less in under two minutes and writes nothing. Benches run in processes of their own, one after the other.

- Machine: {machine()}
- When: {today}, version {measured}; the whole took {took_s / 60:.0f} minutes
- Other load while it ran: a mean of {load:.1f} runnable processes over the last 15 minutes, the bench's own
  included. Wall-clock figures suffer from it; figures "per CPU second" do not.
"""
    aims = [(section, figure) for section in sections for figure in section.figures if figure.aim is not None]
    missed = [f"{figure.name} ({section.title})" for section, figure in aims if figure.met != "met"]
    verdict = f"{len(aims) - len(missed)} of {len(aims)} aims are met."
    verdict += f" Missed: {'; '.join(missed)}." if missed else ""
    return "\n\n".join([head.rstrip(), verdict, *(section.markdown() for section in sections)]) + "\n"
