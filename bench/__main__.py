"""`make bench`: every bench, one after the other, and docs/benchmarks.md from what they found.

    python -m bench [--quick] [--only ingest twin …] [--to docs/benchmarks.md]

`--quick` measures less of the main things, in under two minutes, and prints instead of writing.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench import fabric, lag, page, report, restart, servers, serving, simulator, surrogate, twin
from bench.process import ROOT
from bench.report import Section

CHAPTERS: dict[str, Callable[[bool], Section]] = {
    "ingest": fabric.ingest_section,
    "graph": fabric.graph_section,
    "ledger": fabric.ledger_section,
    "scores": fabric.scoring_section,
    "twin": twin.section,
    "lag": lag.section,
    "restart": restart.section,
    "page": page.section,
    "servers": servers.section,
    "simulator": simulator.section,
    "surrogate": surrogate.section,
    "serving": serving.section,
}
QUICK = ["ingest", "graph", "twin", "lag", "restart"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything, printed, not written")
    parser.add_argument("--only", nargs="+", choices=list(CHAPTERS), help="some chapters; they are printed")
    parser.add_argument("--to", type=Path, default=ROOT / "docs" / "benchmarks.md")
    options = parser.parse_args()
    begin, sections, begun = time.monotonic(), list[Section](), report.version()
    names = options.only or (QUICK if options.quick else list(CHAPTERS))
    for number, name in enumerate(names, 1):
        print(f"[{number}/{len(names)}] {name} …", end="", file=sys.stderr, flush=True)
        started = time.monotonic()
        sections.append(CHAPTERS[name](options.quick))
        print(f" {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    command = "make bench" + (" ARGS=--quick" if options.quick else "")
    found = report.page(sections, command, time.monotonic() - begin, begun)
    if options.quick or options.only:
        print(found)
        return
    options.to.write_text(found)
    print(f"written to {options.to}", file=sys.stderr)


if __name__ == "__main__":
    main()
