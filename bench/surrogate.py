"""The surrogate beside the simulator: how long a forecast takes, and how many simulations it is worth.

    python -m bench.surrogate [--model SURROGATE/model] [--quick]

A forecast is of all KPIs of all cells and users at the three horizons. Without a model an untrained network of the
same shape is timed, which costs the same; what it is worth is then not known. m simulations score 1 + 1/m times
the floor, so a surrogate at r times the floor is worth m* = 1 / (r − 1) of them.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.process import in_process
from bench.report import Figure, Section

SIZES = {"57 cells, 570 users": (19, 10), "1,000 cells, 10,000 users": (331, 10)}
MODEL = "RANVIER_SURROGATE__FOLDER"
AIM = 1000.0
HORIZONS = (1.0, 60.0, 900.0)


def deployment_of(sites: int, per_cell: int) -> Any:
    """A hexagonal grid with files to send, at medium load."""
    from ranvier.dtops.scenes.drawn import Deployment
    from ranvier.dtops.simulator.scenario_file import load_scenario

    scenario = load_scenario("uma-57").changed(
        deployment={"sites": sites}, users={"per_cell": per_cell},
        granularity_s=1.0, energy=None, links=19,
    )  # fmt: skip
    return Deployment.of(scenario, 1)


def predictor_of(model: Path | None, scene: Any) -> Any:
    """The model's predictor, or one of an untrained network."""
    from ranvier.aiops.surrogate.features import features
    from ranvier.aiops.surrogate.network import Network, Shape
    from ranvier.aiops.surrogate.predictor import SurrogatePredictor, load_predictor
    from ranvier.aiops.surrogate.scaling import Scaling

    if model is not None:
        return load_predictor(model)
    scaling = Scaling.fitted([features(scene)])
    columns = {kind: len(names) + 1 for kind, names in scaling.names.items()}
    return SurrogatePredictor(Network(Shape(columns, HORIZONS)), scaling, "untrained")


def timed(sites: int, per_cell: int, model: Path | None, quick: bool) -> dict[str, float]:
    """Milliseconds of a forecast, of which the network; simulations of the same scene; memory."""
    import torch

    from ranvier.aiops.surrogate.graph import graph
    from ranvier.dtops.scenes.drawn import drawn
    from ranvier.dtops.scenes.rollout import rollout

    torch.set_num_threads(2)
    chosen = deployment_of(sites, per_cell)
    scene = drawn(chosen)
    predictor = predictor_of(model, scene)
    before = _resident_mb()
    whole = _least(lambda: predictor.forecast([scene], HORIZONS), 3 if quick else 9)
    made = graph(scene, predictor._scaling, HORIZONS)
    with torch.inference_mode():
        network = _least(lambda: predictor._network(made, [0, 1, 2]), 3 if quick else 9)
    found = {
        "cells": len(scene.cells), "users": len(scene.users), "forecast_ms": whole * 1e3,
        "network_ms": network * 1e3, "memory_mb": _resident_mb() - before,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }  # fmt: skip
    batch = [scene] * (4 if sites > 100 else 32)
    found["scenes_s"] = len(batch) / _least(lambda: predictor.forecast(batch, HORIZONS), 2)
    if sites <= 100:  # the simulator takes as long for each cell, whatever their number
        rollout(chosen, scene, [1], (1.0,))
        runs = 2 if quick else 4
        begin = time.perf_counter()
        rollout(chosen, scene, range(runs), HORIZONS, threads=2)
        found["run_s"] = (time.perf_counter() - begin) / runs
    return found


def section(quick: bool) -> Section:
    model = os.environ.get(MODEL)
    given = ["--model", model] if model else []
    found = in_process("bench.surrogate", *given, *(["--quick"] if quick else []))
    out = Section(
        "The surrogate", "python -m bench.surrogate",
        f"A forecast of all KPIs at three horizons, on two threads. Model: {found['version']}.",
    )  # fmt: skip
    for name, each in found["sizes"].items():
        alone = f"the network alone {each['network_ms']:.0f} ms"
        out.figures += [
            Figure(f"a forecast, {name}", each["forecast_ms"], "ms", note=alone),
            Figure(f"memory, {name}", each["memory_mb"], "MB", note=f"process {each['peak_mb']:.0f} MB at most"),
            Figure(f"throughput, {name}", each["scenes_s"], "scenes/s"),
        ]  # fmt: skip
    first = next(iter(found["sizes"].values()))
    out.figures.append(
        Figure("one simulation, 57 cells, three horizons", first["run_s"], "s", note="two threads")
    )
    names = ("horizon", "ratio", "worth", "speed_up", "speed_up_whole")
    heads = (
        "horizon, s",
        "CRPS / floor",
        "worth simulations m*",
        "speed-up",
        "with all seconds to it simulated",
    )
    out.tables.append((heads, [[row[name] for name in names] for row in found["worth"]]))
    if not found["worth"]:
        out.remarks.append("No trained model was given: what it is worth is not known.")
    return out


def worth(model: Path | None, first: dict[str, float]) -> list[dict[str, float]]:
    """By horizon: the model's ratio to the floor on held-out deployments of known kinds, and what follows."""
    from ranvier.dtops.scenes.rollout import WARM_S

    path = model.parent / "card" / "scores.json" if model else None
    if path is None or not path.exists():
        return []
    rows = []
    scores = json.loads(path.read_text())["known"]
    for horizon, by_kpi in scores.items():
        ratio = sum(by_kpi.values()) / len(by_kpi)
        many = 1 / max(ratio - 1, 1e-6)
        once_s = first["run_s"] / len(HORIZONS)
        forecast_s = first["forecast_ms"] / 1e3 / len(HORIZONS)
        longer = (float(horizon) + WARM_S) / (1.0 + WARM_S)
        rows.append({
            "horizon": float(horizon), "ratio": ratio, "worth": many, "speed_up": many * once_s / forecast_s,
            "speed_up_whole": many * once_s * longer / forecast_s,
        })  # fmt: skip
    return rows


def _least(work: Any, times: int) -> float:
    work()
    taken = []
    for _ in range(times):
        begin = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begin)
    return min(taken)


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args(arguments)
    sizes = {name: timed(*size, options.model, options.quick) for name, size in SIZES.items()}
    version = "an untrained network"
    if options.model is not None:
        version = json.loads((options.model / "model.json").read_text())["version"]
    print(json.dumps({
        "version": version, "sizes": sizes, "worth": worth(options.model, next(iter(sizes.values()))),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
