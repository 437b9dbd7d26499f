"""The chapters on the stores and the scores, from benches that also run by themselves."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from bench.ingest import in_process as ingest_in_process
from bench.process import ENVIRONMENT, ROOT, in_process
from bench.report import Figure, Section

RAW_ROWS, RAW_BATCH = 2_000_000, 50_000
AIM_POINTS_S, AIM_MB = 100_000.0, 500.0


def raw_series() -> dict[str, float]:
    """Points a second that the engine alone takes: whole Arrow batches into a table without a key, committed."""
    rng = np.random.default_rng(0)
    batch = pa.table(
        {
            "series": rng.integers(0, 5_000, RAW_BATCH), "start": np.arange(RAW_BATCH),
            "end": np.arange(RAW_BATCH), "value": rng.uniform(0, 100, RAW_BATCH),
            "recorded": np.arange(RAW_BATCH), "revision": np.zeros(RAW_BATCH, np.int32),
        }
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="ranvier-bench-") as folder:
        connection = duckdb.connect(str(Path(folder) / "raw.duckdb"), config={"threads": 2})
        connection.execute("CREATE TABLE p (s INT, b BIGINT, e BIGINT, v DOUBLE, r BIGINT, n INT)")
        connection.register("batch", batch)
        begin = time.perf_counter()
        for _ in range(RAW_ROWS // RAW_BATCH):
            connection.execute("INSERT INTO p SELECT * FROM batch")
        taken = time.perf_counter() - begin
        connection.close()
    return {"points_s": RAW_ROWS / taken}


def ingest_section(quick: bool) -> Section:
    """Ingest end to end, its stages, and what a large store costs."""
    scales = (1,) if quick else (1, 10, 100)
    stages = ingest_in_process("stages")
    runs = [ingest_in_process("end", scale) for scale in scales]
    lag = ingest_in_process("lag")
    raw = in_process("bench.fabric", "--raw")
    last = runs[-1]
    out = Section(
        "Ingest", f"python bench/ingest.py --scale {' '.join(map(str, scales))}",
        "500 cells with ten counters each, in reports of ten points, with topology upkeep, through the log into "
        "series and graph on disk; one process publishes and ingests. Each scale in a process of its own.",
    )  # fmt: skip
    out.figures = [
        Figure("sustained into the series", last["points_s"], "points/s", AIM_POINTS_S, True,
               f"{last['points']:,.0f} points, topology kept up"),
        Figure("the same per CPU second", last["points_cpu_s"], "points/s", note="whatever else runs"),
        Figure("share of what the bare engine takes", last["points_s"] / raw["points_s"], "of 1",
               note=f"raw DuckDB, whole batches: {raw['points_s']:,.0f} points/s"),
        Figure("peak memory at the largest scale", last["peak_mb"], "MB", AIM_MB),
        Figure("memory, largest against smallest scale", last["peak_mb"] / runs[0]["peak_mb"], "times", 1.5,
               note="flat is 1"),
        Figure("lag to the store at 10,000 points/s, p99", lag["p99_ms"] / 1e3, "s", 1.0, note="ingest alone"),
        Figure("restart of the stores, largest", last["restart_s"], "s"),
    ]  # fmt: skip
    headings = (
        "points", "points/s", "points/CPU s", "events/s", "peak RSS, MB", "of it at start", "restart, s",
        "window read, ms", "one object's, ms", "disk, MB",
    )  # fmt: skip
    names = (
        "points", "points_s", "points_cpu_s", "events_s", "peak_mb", "base_mb", "restart_s", "as_of_ms",
        "as_of_one_ms", "disk_mb",
    )  # fmt: skip
    out.tables.append((headings, [[run[name] for name in names] for run in runs]))
    out.tables.append((("stage, alone", "points/s"), [list(pair) for pair in stages.items()]))
    return out


def graph_section(quick: bool) -> Section:
    """What bench/graph.py prints."""
    given = ["--sessions", "1000", "5000", "--bulk", "20000"] if quick else []
    out = _printed(
        "Topology graph", ["bench/graph.py", *given],
        "Bulk upserts of nodes and relations (aim: 20,000 a second), and reads at an early, a middle and the last "
        "instant as the history of UE sessions grows (aim: flat). Milliseconds are processor time.",
    )  # fmt: skip
    found = re.search(r"all new\s+([\d,]+) /s,\s+([\d.]+) µs", out.remarks[0])
    if found is not None:
        rate, busy_us = (float(each.replace(",", "")) for each in found.groups())
        out.figures = [
            Figure("bulk upserts, all new", rate, "changes/s", 20_000.0, True),
            Figure("the same per CPU second", 1e6 / busy_us, "changes/s", note="whatever else runs"),
        ]
    return out


def ledger_section(quick: bool) -> Section:
    """What bench/ledger.py prints."""
    return _printed(
        "Ledger", ["bench/ledger.py", "--appends", *(["20"] if quick else ["20", "200", "1000"])],
        "Appends and scans as the history of sealed forecasts grows (aim: flat, but for a node's whole past).",
    )  # fmt: skip


def scoring_section(quick: bool) -> Section:
    """What bench/scoring.py prints, and how fast each score is beside scoringrules' fastest way to it."""
    out = _printed(
        "Scores and models alone", ["bench/scoring.py"],
        "In memory, on one thread, without any store. Ratios: the same numbers in one run through ours and "
        "through scoringrules (`python -m bench.score_ratios`); above 1, ours is faster.",
    )  # fmt: skip
    if not quick:
        rows = in_process("bench.score_ratios")["rows"]
        table = [[row[name] or "–" for name in ("score", "points_s", "numpy", "numba")] for row in rows]
        out.tables.append((("score", "points/s", "times its numpy", "times its numba"), table))
    return out


def _printed(title: str, command: list[str], how: str) -> Section:
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, check=False, cwd=ROOT, env=ENVIRONMENT
    )
    out = Section(title, " ".join(["python", *command]), how)
    text = done.stdout.strip()
    if done.returncode:
        text = f"Not measured: {done.stderr.splitlines()[-1]}"
    out.remarks.append(text if text.startswith(("|", "Not")) else f"```text\n{text}\n```")
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--raw", action="store_true", help="what the series' engine takes by itself")
    if parser.parse_args().raw:
        print(json.dumps(raw_series()))


if __name__ == "__main__":
    main()
