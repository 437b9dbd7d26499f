"""Forecast and scoring rates: `python bench/scoring.py`. One thread; each figure is the best of five runs."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from ranvier.aiops.baselines.climatology import Climatology
from ranvier.aiops.baselines.persistence import Persistence
from ranvier.aiops.baselines.statistical import Statistical
from ranvier.dtops.scoring.metrics import ScoredPoints, statistics
from ranvier.dtops.synchroniser import LoadBinSynchroniser
from ranvier.dtops.twin_state import TwinState
from ranvier.fabric.ports import SeriesFrame

S = 10**9
TARGETS, POINTS, HORIZONS = 10_000, 20_000, (10.0, 30.0, 60.0)


def best_of_five(work: Callable[[], object]) -> float:
    """Seconds of processor time."""
    times = []
    for _ in range(5):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def frame(step: int, rng: np.random.Generator) -> SeriesFrame:
    """One value of each target in one step of ten seconds."""
    ends = np.full(TARGETS, step * 10 * S)
    objects = np.array([f"cell-{i}" for i in range(TARGETS)], dtype=object)
    kinds = np.full(TARGETS, "RRU.PrbTotDl", dtype=object)
    return SeriesFrame(
        objects, kinds, ends, ends, rng.random(TARGETS) * 100, ends, np.zeros(TARGETS, dtype=bool)
    )


def lived(sync: LoadBinSynchroniser, rng: np.random.Generator, steps: int) -> TwinState:
    """The state after some steps."""
    state = None
    for step in range(1, steps + 1):
        state = sync.update(state, frame(step, rng), None, step * 10 * S, step * 10 * S)
    assert state is not None
    return state


def main() -> None:
    """Print the figures."""
    rng = np.random.default_rng(0)
    points = ScoredPoints(
        rng.normal(size=(POINTS, 50)), None, "clamped", rng.normal(size=POINTS), rng.random(POINTS),
        np.full(POINTS, 0.5),
    )  # fmt: skip
    took = best_of_five(lambda: statistics(points))
    print(f"scoring, samples of 50:      {POINTS / took:12,.0f} points/s")
    levels = np.arange(1, 20) / 20
    quantiles = ScoredPoints(
        np.sort(rng.normal(size=(POINTS, 19)), axis=1),
        levels,
        "linear",
        points.outcome,
        points.u,
        points.tolerance,
    )
    took = best_of_five(lambda: statistics(quantiles))
    print(f"scoring, 19 quantiles:       {POINTS / took:12,.0f} points/s")
    sync = LoadBinSynchroniser(10 * S, lags=(1, 3, 6, 9), window=30)
    state = lived(sync, rng, 60)
    next_frame = frame(61, rng)
    took = best_of_five(lambda: sync.update(state, next_frame, None, 610 * S, 610 * S))
    print(f"synchroniser, 10,000 targets: {took * 1e3:10.1f} ms a step")
    handed = state.handed_out()
    for model in (Climatology(), Persistence(), Statistical()):
        model.forecast(handed, HORIZONS)  # what it learns is learned once for many issues
        took = best_of_five(lambda m=model: m.forecast(handed, HORIZONS))  # type: ignore[misc]
        print(f"{model.name + ', 3 horizons:':28} {TARGETS * len(HORIZONS) / took:12,.0f} distributions/s")


if __name__ == "__main__":
    main()
