"""Restart of the whole platform on a large store, and the time that the command line takes to say what it can do.

    python -m bench.restart --points 5000000 --hours 3

The store holds points of 500 cells, and hours of forecasts, sealed and scored, of an emulated network's size.
A fresh process then opens the platform and serves it; the page cache is warm, as after a planned restart.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from bench.process import ENVIRONMENT, ROOT, in_process
from bench.report import Figure, Section
from bench.twin import KPIS, STEP_NS, S, cell
from ranvier.dtops.forecast import Forecast, Target
from ranvier.dtops.forecast_rows import rows_of
from ranvier.dtops.issue import FORECAST_KIND, issue_key
from ranvier.dtops.score_rows import Scored
from ranvier.dtops.score_rows import rows_of as score_rows_of
from ranvier.dtops.scorekeeper import SCORE_KIND
from ranvier.dtops.scoring import metrics
from ranvier.dtops.twin import Twin
from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.topology_change import NodeChange, RelationChange
from ranvier.gateway.bootstrap import HORIZON_STEPS, open_platform, open_stores, predictors
from ranvier.gateway.runtime.main_job import main_job
from ranvier.gateway.runtime.stores import Stores
from ranvier.gateway.settings import Settings, load_settings

CELLS, TWIN_CELLS = 500, 21
NETWORK = "emulated"
BATCH_REPORTS = 10_000
ISSUES_AT_ONCE = 20
MEMBERS = 32


def settings_of(folder: Path) -> Settings:
    """A platform on a free port whose feed sends nothing of the past."""
    return load_settings(
        None,
        store={"folder": folder},
        api={"port": 0},
        feed={"backfill_s": 0.0, "period_s": 10.0},
        network=NETWORK,
    )


def build(folder: Path, points: int, hours: float) -> dict[str, float]:
    """Fill the stores by their adapters, up to now."""
    now_ns = time.time_ns() // STEP_NS * STEP_NS
    begin = time.perf_counter()
    with open_stores(settings_of(folder)) as stores:
        network(stores, now_ns)
        measured(stores, now_ns, points)
        issues(stores, now_ns, hours)
    (folder / "platform.json").write_text(json.dumps({"network": NETWORK, "step_s": STEP_NS / S}))
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return {"built_s": time.perf_counter() - begin, "disk_mb": size / 2**20}


def network(stores: Stores, now_ns: int) -> None:
    """The cells and who is beside whom."""
    since_ns = now_ns - 86_400 * S
    nodes = [NodeChange(cell(n), "NRCellDU", since_ns, {}, network=NETWORK) for n in range(CELLS)]
    around = [
        RelationChange("adjacent", cell(n), cell((n + 1) % CELLS), since_ns, network=NETWORK)
        for n in range(CELLS)
    ]
    stores.graph.apply([*nodes, *around], since_ns)


def measured(stores: Stores, now_ns: int, points: int) -> None:
    """The newest `points` of all cells, ten counters each; the twin follows the first few cells."""
    others = [q.name for q in stores.ontology.quantities.values() if "NRCellDU" in q.object_classes]
    others = [name for name in others if name not in KPIS][:10]
    steps = points // (CELLS * len(others))
    batch: list[MeasurementReport] = []
    for step in range(-steps, 0):
        end_ns = now_ns + (step + 1) * STEP_NS
        values = np.random.default_rng(-step).integers(0, 100, (CELLS, len(others)))
        for number, row in enumerate(values.astype(float).tolist()):
            names = [*KPIS, *others[:5]] if number < TWIN_CELLS else others
            batch.append(
                MeasurementReport(
                    cell(number), "NRCellDU", end_ns - STEP_NS, end_ns, dict(zip(names, row, strict=True)),
                    network=NETWORK,
                )
            )  # fmt: skip
        if len(batch) >= BATCH_REPORTS or step == -1:
            stores.series.write(batch, [report.end_ns for report in batch])
            batch = []


def issues(stores: Stores, now_ns: int, hours: float) -> None:
    """Forecasts of all models each step for some hours, and the scores of those whose time has come."""
    targets = tuple(Target(cell(n), name) for n in range(TWIN_CELLS) for name in KPIS)
    horizons_s = tuple(float(n * STEP_NS // S) for n in HORIZON_STEPS)
    models = [model.name for model in predictors(stores.ontology)]
    for step in range(-int(hours * 3_600 * S / STEP_NS), 0):
        issued_ns = now_ns + step * STEP_NS + S
        made = list(forecasts(models, targets, horizons_s, issued_ns))
        key = issue_key(Twin(network=NETWORK), STEP_NS, issued_ns)
        stores.ledger.append(FORECAST_KIND, key, rows_of(made), issued_ns)
        scored = list(scores(models, targets, horizons_s, issued_ns))
        due = [each for each in scored if each.valid_ns <= now_ns]
        if due:
            rows = score_rows_of(due, ("default", NETWORK), issued_ns)
            stores.ledger.append(SCORE_KIND, f"default/{NETWORK}/{issued_ns}/{issued_ns}", rows, issued_ns)


def forecasts(
    models: list[str], targets: tuple[Target, ...], horizons_s: tuple[float, ...], issued_ns: int
) -> Iterator[Forecast]:
    """Samples of a plausible size."""
    shape = (len(targets), len(horizons_s), MEMBERS)
    for number, model in enumerate(models):
        values = np.random.default_rng([issued_ns // S, number]).uniform(0, 100, shape).round(2)
        yield Forecast(
            model, "1", issued_ns, issued_ns, targets, horizons_s, values, step_ns=STEP_NS, network=NETWORK
        )


def scores(
    models: list[str], targets: tuple[Target, ...], horizons_s: tuple[float, ...], issued_ns: int
) -> Iterator[Scored]:
    """One score for each distribution."""
    rng = np.random.default_rng(issued_ns // S)
    for horizon_s in horizons_s:
        valid_ns = issued_ns // STEP_NS * STEP_NS + round(horizon_s * S)
        outcome = rng.uniform(0, 100, len(targets))
        for model in models:
            statistics = rng.uniform(0, 10, (len(targets), metrics.WIDTH))
            yield Scored(model, list(targets), horizon_s, issued_ns, valid_ns, outcome, statistics, 1)


def start(folder: Path) -> dict[str, float]:
    """Seconds to open the platform, to its first state, and until the served one says that it is ready."""
    begin = time.perf_counter()
    with open_platform(settings_of(folder)) as platform:
        opened_s = time.perf_counter() - begin
        now_ns = platform.now_ns()
        platform.follower.catch_up(now_ns - platform.past_ns, now_ns)
        state_s = time.perf_counter() - begin
        state = platform.follower.state
        targets = 0 if state is None else len(state.targets)
    begin = time.perf_counter()
    with main_job(settings_of(folder)) as job, httpx.Client(base_url=job.url, trust_env=False) as client:
        served_s = time.perf_counter() - begin
        while client.get("/readyz").status_code != 200 and time.perf_counter() - begin < 120:
            time.sleep(0.02)
        ready_s = time.perf_counter() - begin
    return {
        "opened_s": opened_s, "state_s": state_s, "served_s": served_s, "ready_s": ready_s, "targets": targets,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }  # fmt: skip


def help_seconds(times: int = 7) -> tuple[float, float]:
    """Median and least time of `ranvier --help`, the interpreter's start included; and of the interpreter alone."""
    command = [sys.executable, "-m", "ranvier.gateway.cli.main", "--help"]
    bare = [sys.executable, "-c", "pass"]
    taken: dict[str, list[float]] = {"help": [], "bare": []}
    subprocess.run(
        command, capture_output=True, check=True, cwd=ROOT, env=ENVIRONMENT
    )  # compiles the modules
    for _ in range(times):
        for name, arguments in (("help", command), ("bare", bare)):
            begin = time.perf_counter()
            subprocess.run(arguments, capture_output=True, check=True, cwd=ROOT, env=ENVIRONMENT)
            taken[name].append(time.perf_counter() - begin)
    return float(np.median(taken["help"])), float(np.median(taken["bare"]))


def section(quick: bool) -> Section:
    """The chapter on starting."""
    sizes = ((200_000, 0.2),) if quick else ((500_000, 1.0), (5_000_000, 4.0))
    rows: list[Any] = []
    for points, hours in sizes:
        with tempfile.TemporaryDirectory(prefix="ranvier-bench-") as folder:
            given = ("--folder", folder, "--points", str(points), "--hours", str(hours))
            built = in_process("bench.restart", "--build", *given)
            found = in_process("bench.restart", "--start", *given)
        rows.append(
            (
                points, hours, built["disk_mb"], found["opened_s"], found["state_s"], found["served_s"],
                found["ready_s"], found["peak_mb"],
            )
        )  # fmt: skip
    help_s, bare_s = help_seconds()
    out = Section(
        "Starting", "python -m bench.restart --points 5000000 --hours 4",
        f"A store of that size is built; a fresh process then opens the platform, catches up with the past "
        f"({TWIN_CELLS * len(KPIS)} targets), restores scores and waiting forecasts, and serves.",
    )  # fmt: skip
    out.figures = [
        Figure("`ranvier --help`", help_s, "s", aim=0.5, note="the interpreter's own start included"),
        Figure("of it the bare interpreter", bare_s, "s"),
        Figure("restart until ready, largest store", rows[-1][6], "s"),
        Figure("restart, largest against smallest store", rows[-1][6] / rows[0][6], "times as long"),
    ]
    headings = (
        "points", "hours of forecasts", "disk, MB", "opened, s", "first state, s", "main job serves, s",
        "ready, s", "peak RSS, MB",
    )  # fmt: skip
    out.tables.append((headings, rows))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=500_000)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--build", action="store_true")
    parser.add_argument("--start", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ranvier-bench-") as spare:
        folder = options.folder or Path(spare)
        if options.build or not options.start:
            print(json.dumps(build(folder, options.points, options.hours)))
        if options.start or not options.build:
            print(json.dumps(start(folder)))


if __name__ == "__main__":
    main()
