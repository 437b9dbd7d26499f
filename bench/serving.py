"""Forecasts of scenes on request: how long one takes and how many a second, in process and by replicas.

    python -m bench.serving [--seconds 5] [--folder SURROGATE --loader module:function]

Scenes are what-ifs of one drawn deployment: 21 cells, 210 users. The predictor is the surrogate of
`surrogate.folder` where that is set, else the tests' double, whose own cost is next to nothing: then it is the way
there and back that is measured. The same predictor and scenes in both.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from bench.process import in_process
from bench.report import Figure, Section
from ranvier.aiops.serving.in_process import InProcess
from ranvier.aiops.serving.replica import nodes_of
from ranvier.aiops.serving.service import ForecastService, loader_of
from ranvier.dtops.scenes.intervened import intervened
from ranvier.dtops.scenes.outcomes import HORIZONS_S
from ranvier.dtops.scenes.scene import Scene
from ranvier.dtops.simulator.intervention import Intervention
from ranvier.gateway.settings import Settings
from tests import scene_double

DOUBLE = "tests.scene_double:load"
SHAPES = ((1, 1), (8, 1), (1, 32), (4, 32))
"""Callers at once, and scenes in each ask."""


def scenes(many: int) -> list[Scene]:
    """A drawn deployment with each time another power of one site."""
    from ranvier.dtops.scenes.drawn import Deployment, drawn
    from ranvier.dtops.simulator.scenario_file import load_scenario

    scene = drawn(Deployment.of(load_scenario("uma-21"), 7))
    return [
        intervened(scene, [Intervention(0, "power_dbm", 30.0 + i % 16, scene.cell_ids[:3])])
        for i in range(many)
    ]


def measure(service: ForecastService, given: Sequence[Scene], seconds: float) -> list[dict[str, float]]:
    """For each shape: quantiles of the latency, and the rates."""
    found = []
    for callers, size in SHAPES:
        ask = list(given[:size])
        service.forecast(ask, HORIZONS_S)
        end = time.perf_counter() + seconds

        def one(_: int, ask: Sequence[Scene] = ask, end: float = end) -> list[float]:
            took = []
            while (begin := time.perf_counter()) < end:
                service.forecast(ask, HORIZONS_S)
                took.append(time.perf_counter() - begin)
            return took

        begin = time.perf_counter()
        with ThreadPoolExecutor(callers) as pool:
            took = np.concatenate(list(pool.map(one, range(callers))))
        whole = time.perf_counter() - begin
        found.append({
            "callers": callers, "scenes": size, "p50_ms": 1e3 * float(np.quantile(took, 0.5)),
            "p99_ms": 1e3 * float(np.quantile(took, 0.99)), "asks_s": len(took) / whole,
            "scenes_s": size * len(took) / whole,
        })  # fmt: skip
    return found


def run(loader: str, folder: Path | None, seconds: float) -> dict[str, Any]:
    """Both services, one after the other."""
    given = scenes(32)
    with tempfile.TemporaryDirectory(prefix="ranvier-bench-") as made:
        folder = folder or scene_double.model(Path(made) / "model")
        near = InProcess(loader_of(loader), folder)
        found: dict[str, Any] = {
            "nodes": nodes_of(given[0]), "scene_kb": len(pickle.dumps(given[0])) / 1e3,
            "scenes_kb": len(pickle.dumps(given)) / 1e3,
            "model": near.ping().detail["model"], "in_process": measure(near, given, seconds),
        }  # fmt: skip
        from ranvier.aiops.serving.ray_serve import RayServe, Replicas

        begin = time.perf_counter()
        far = RayServe(loader, folder, Replicas(count=2))
        found["start_s"] = time.perf_counter() - begin
        try:
            found["ray_serve"] = measure(far, given, seconds)
            found |= _footprint()
        finally:
            begin = time.perf_counter()
            far.close()
            found["stop_s"] = time.perf_counter() - begin
    return found


def _footprint() -> dict[str, float]:
    """The processes that Ray has started, and the memory that is theirs alone."""
    import psutil

    children = psutil.Process(os.getpid()).children(recursive=True)
    return {
        "processes": len(children),
        "memory_mb": sum(each.memory_full_info().uss for each in children) / 2**20,
    }


def section(quick: bool) -> Section:
    """The chapter: latency and rate, the handle of Ray Serve beside in process."""
    surrogate, seconds = Settings().surrogate, 2.0 if quick else 6.0
    arguments = ["--seconds", f"{seconds:g}"]
    if surrogate.folder is not None:
        arguments += ["--folder", str(surrogate.folder), "--loader", surrogate.loader]
    found = in_process("bench.serving", *arguments)
    out = Section(
        "Forecasts of scenes on request", f"python -m bench.serving {' '.join(arguments)}",
        f"Scenes of {found['nodes']} cells and users, three horizons, the predictor `{found['model']}`"
        + (" (the tests' double, which costs next to nothing: it is the way that is measured)"
           if found["model"] == "constant" else "")
        + "; callers ask again as soon as they are answered. Two replicas on this machine's cores.",
    )  # fmt: skip
    near, far = found["in_process"], found["ray_serve"]
    out.figures = [
        Figure("one ask in process, median", near[0]["p50_ms"], "ms"),
        Figure("one ask by replicas, median", far[0]["p50_ms"], "ms"),
        Figure("one ask by replicas, 99 %", far[0]["p99_ms"], "ms"),
        Figure("from nothing to two replicas", found["start_s"], "s"),
        Figure("processes of Ray", found["processes"], "", note=f"{found['memory_mb']:.0f} MB of their own"),
        Figure("a scene on its way", found["scene_kb"], "kB"),
        Figure("32 what-ifs of it on their way", found["scenes_kb"], "kB"),
    ]
    rows: list[Any] = [
        (where, f["callers"], f["scenes"], f["p50_ms"], f["p99_ms"], f["asks_s"], f["scenes_s"])
        for where, part in (("in process", near), ("Ray Serve", far))
        for f in part
    ]
    head = ("where", "callers", "scenes an ask", "p50, ms", "p99, ms", "asks/s", "scenes/s")
    out.tables.append((head, rows))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=6.0, help="for each line of the table")
    parser.add_argument("--folder", type=Path, help="of a trained surrogate; else the tests' double")
    parser.add_argument("--loader", default=DOUBLE)
    options = parser.parse_args()
    print(json.dumps(run(options.loader, options.folder, options.seconds)), flush=True)


if __name__ == "__main__":
    main()
