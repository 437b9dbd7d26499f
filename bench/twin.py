"""The live twin alone: how fast it synchronises, forecasts, seals and scores, by the number of targets.

    python -m bench.twin --targets 100 1000 10000

A target is one KPI of one cell; five KPIs a cell. Each step of the grid brings one value for each target. The
stores are the embedded ones, on disk. Each size runs in a process of its own, so that its memory is its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from bench.process import in_process
from bench.report import Figure, Section
from ranvier.dtops.block_sums import Axes
from ranvier.dtops.issue import FORECAST_KIND
from ranvier.dtops.scorekeeper import Scorekeeper, ScoringPlan
from ranvier.dtops.synchroniser import LoadBinSynchroniser
from ranvier.fabric.graph.sqlite import SqliteGraph
from ranvier.fabric.ledger.parquet import ParquetLedger
from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.series.duckdb import DuckdbSeries
from ranvier.fabric.topology_change import NodeChange, RelationChange
from ranvier.gateway.api.platform import Whose
from ranvier.gateway.bootstrap import HORIZON_STEPS, predictors
from ranvier.gateway.runtime.follower import Follower, Pace, TwinStores
from ranvier.ontology.ontology import load

S = 10**9
STEP_NS = 10 * S
T0 = 1_700_000_000 * S
KPIS = ("RRU.PrbTotDl", "DRB.UEThpDl", "DRB.MeanActiveUeDl", "RRC.ConnMean", "DRB.RlcSduDelayDl")
PAST_STEPS = 120
STAGES = ("read", "synchronise", "forecast", "seal", "score")


class Timed:
    """Hands calls on and adds up how long those named take."""

    def __init__(self, inner: Any, methods: dict[str, str], spent: dict[str, float]) -> None:
        self._inner, self._methods, self._spent = inner, methods, spent

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        stage = self._methods.get(name)
        return found if stage is None else self._timed(found, stage)

    def _timed(self, method: Callable[..., Any], stage: str) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            begin, inside = time.perf_counter(), sum(self._spent.values())
            try:
                return method(*given, **named)
            finally:
                nested = sum(self._spent.values()) - inside
                self._spent[stage] += time.perf_counter() - begin - nested

        return call


def cell(number: int) -> str:
    """The distinguished name of a cell; three to a site."""
    return f"SubNetwork=Bench,ManagedElement={number // 3},GNBDUFunction=1,NRCellDU={number}"


def reports(cells: int, step: int) -> Iterator[MeasurementReport]:
    """What all cells measured in the step that ends at `step`: a daily wave, and noise that lasts."""
    rng = np.random.default_rng(step)
    base = 50 + 30 * np.sin(2 * np.pi * (step / 360 + np.arange(cells) / cells))
    values = np.maximum(0, base[:, None] + rng.normal(0, 8, (cells, len(KPIS)))).round(1).tolist()
    end_ns = T0 + step * STEP_NS
    for number in range(cells):
        yield MeasurementReport(
            cell(number), "NRCellDU", end_ns - STEP_NS, end_ns, dict(zip(KPIS, values[number], strict=True))
        )


def measure(folder: Path, targets: int, steps: int) -> dict[str, float]:
    """The seconds of each stage over some steps, after a past that the twin has caught up with."""
    cells, ontology = targets // len(KPIS), load()
    spent: dict[str, float] = defaultdict(float)
    series, graph = (
        DuckdbSeries(folder / "series.duckdb", ontology),
        SqliteGraph(folder / "graph.db", ontology),
    )
    ledger = ParquetLedger(folder / "ledger")
    graph.apply([NodeChange(cell(n), "NRCellDU", T0, {}) for n in range(cells)], T0)
    around = [
        RelationChange("adjacent", cell(n), cell((n + k) % cells), T0) for n in range(cells) for k in (1, 2)
    ]
    graph.apply(around, T0)
    for step in range(1, PAST_STEPS + 1):
        series.write(list(reports(cells, step)), T0 + step * STEP_NS)
    whose, horizons_s = Whose(), tuple(float(n * STEP_NS // S) for n in HORIZON_STEPS)
    models = predictors(ontology)
    axes = Axes(tuple(model.name for model in models), KPIS, horizons_s, 3 * STEP_NS)
    keeper = Scorekeeper(Timed(ledger, {"append": "score"}, spent), ScoringPlan(whose, STEP_NS, axes, {}))
    stores = TwinStores(
        Timed(series, {"read": "read"}, spent), graph, Timed(ledger, {"append": "seal"}, spent)
    )
    follower = Follower(
        stores, Timed(LoadBinSynchroniser(STEP_NS, quantities=KPIS), {"update": "synchronise"}, spent),
        [Timed(model, {"forecast": "forecast"}, spent) for model in models],
        Pace(STEP_NS, STEP_NS, 0, horizons_s), whose, KPIS,
        Timed(keeper, {"score": "score", "enter": "score"}, spent),
    )  # fmt: skip
    begin = time.perf_counter()
    follower.catch_up(T0, T0 + PAST_STEPS * STEP_NS)
    caught_up_s = time.perf_counter() - begin
    spent.clear()
    whole: list[float] = []
    cpu = time.process_time()
    for step in range(PAST_STEPS + 1, PAST_STEPS + 1 + steps):
        now_ns = T0 + step * STEP_NS
        series.write(list(reports(cells, step)), now_ns)
        begin = time.perf_counter()
        follower.step(now_ns)
        whole.append(time.perf_counter() - begin)
    cpu = time.process_time() - cpu
    raw_s = raw_write(ledger, folder)
    for store in (series, graph, ledger):
        store.close()
    found = {stage: spent[stage] / steps for stage in STAGES}
    return found | {
        "targets": cells * len(KPIS), "distributions": cells * len(KPIS) * len(horizons_s) * len(models),
        "step_s": float(np.median(whole)), "worst_s": max(whole), "scored": follower.scored / steps,
        "caught_up_s": caught_up_s, "raw_s": raw_s, "cpu_s": cpu / steps,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }  # fmt: skip


def raw_write(ledger: ParquetLedger, folder: Path) -> float:
    """Seconds to write the rows of one issue as Parquet and nothing else: the limit of sealing."""
    last = ledger.seals(FORECAST_KIND, limit=10_000)[-1]
    rows = ledger.get(FORECAST_KIND, last.key)
    taken = []
    for number in range(3):
        begin = time.perf_counter()
        pq.write_table(rows, folder / f"raw-{number}.parquet", compression="zstd")
        taken.append(time.perf_counter() - begin)
    return min(taken)


def section(quick: bool) -> Section:
    """The chapter on the live twin."""
    sizes = (100, 1_000) if quick else (100, 1_000, 10_000)
    found = [in_process("bench.twin", "--targets", str(n), "--steps", "8" if quick else "12") for n in sizes]
    largest = found[-1]
    per = largest["distributions"]
    out = Section(
        "The live twin", f"python -m bench.twin --targets {' '.join(map(str, sizes))}",
        "Each step of ten seconds: read what became known, synchronise, forecast (three models, four horizons), "
        "seal and score. One distribution is one target at one horizon by one model.",
    )  # fmt: skip
    out.figures = [
        Figure("forecasting, all models", per / largest["forecast"], "distributions/s",
               note=f"{sizes[-1]:,} targets"),
        Figure("sealing", per / largest["seal"], "distributions/s"),
        Figure("sealing against a bare Parquet write", largest["seal"] / largest["raw_s"], "times as long"),
        Figure("scoring", largest["scored"] / largest["score"], "scores/s"),
        Figure("a whole step", largest["step_s"], "s", aim=10.0,
               note=f"{sizes[-1]:,} targets, median; the step lasts 10 s"),
        Figure("the worst step", largest["worst_s"], "s", aim=10.0, note="beyond it the twin falls behind"),
    ]  # fmt: skip
    headings = (
        "targets", "distributions a step", "read, ms", "synchronise, ms", "forecast, ms", "seal, ms", "score, ms",
        "step median, ms", "worst, ms", "scored a step", "caught up with 120 steps, s", "peak RSS, MB",
    )  # fmt: skip
    rows: list[Any] = [
        (
            f["targets"], f["distributions"], *(f[stage] * 1e3 for stage in STAGES), f["step_s"] * 1e3,
            f["worst_s"] * 1e3, f["scored"], f["caught_up_s"], f["peak_mb"],
        )
        for f in found
    ]  # fmt: skip
    out.tables.append((headings, rows))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--targets", type=int, nargs="+", default=[1_000])
    parser.add_argument("--steps", type=int, default=12)
    options = parser.parse_args()
    for targets in options.targets:
        with tempfile.TemporaryDirectory(prefix="ranvier-bench-") as folder:
            print(json.dumps(measure(Path(folder), targets, options.steps)), flush=True)


if __name__ == "__main__":
    main()
