"""Our scores against scoringrules', on the same numbers in one run: `python -m bench.score_ratios`.

Each is given the arrays in its own layout (ours: members last; theirs: nodes last). Theirs is the fastest way to
the same figure that it offers, in numpy and in numba, compiled before the clock starts. One thread, processor
time, the best of alternating runs. A ratio above 1: ours is faster.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import scoringrules

from ranvier.dtops.scoring import brier, crps, energy, pinball, variogram

ROUNDS = 5
NODES = 57
Work = Callable[[], object]


@dataclass(frozen=True)
class Case:
    """One score: ours, and the ways to it of each backend of theirs. `points` are scored at once."""

    name: str
    points: int
    ours: Work
    theirs: dict[str, list[Work]]


def backends() -> list[str]:
    """numpy, and numba where it is there."""
    return [name for name in ("numpy", "numba") if name in scoringrules.backends]


def theirs(make: Callable[..., object], *ways: dict[str, str]) -> dict[str, list[Work]]:
    return {name: [partial(make, backend=name, **way) for way in ways or ({},)] for name in backends()}


def cases() -> list[Case]:
    rng = np.random.default_rng(0)
    found = []
    for m in (20, 50, 200):
        n = 500_000 // m
        x, y = rng.normal(size=(n, m)), rng.normal(size=n)
        for name, ours, ways in (
            ("CRPS", crps.crps_samples, [{"estimator": "qd"}, {"estimator": "nrg"}]),
            ("fair CRPS", crps.fair_crps_samples, [{"estimator": "pwm"}, {"estimator": "fair"}]),
        ):
            peers = theirs(partial(scoringrules.crps_ensemble, y, x), *ways)
            found.append(Case(f"{name}, {m} members", n, partial(ours, x, y), peers))
    levels = (np.arange(19) + 0.5) / 19
    q, y = np.sort(rng.normal(size=(50_000, 19)), axis=1), rng.normal(size=50_000)
    peers = theirs(partial(scoringrules.crps_quantile, y, q, levels))
    found.append(Case("pinball CRPS, 19 levels", len(y), partial(pinball.crps_pinball, q, levels, y), peers))
    return [*found, *vector_cases(rng), *simple_cases(rng)]


def vector_cases(rng: np.random.Generator) -> list[Case]:
    found = []
    for m, n in ((20, 100), (50, 40)):
        x, y = rng.normal(size=(n, NODES, m)), rng.normal(size=(n, NODES))
        turned = np.ascontiguousarray(np.swapaxes(x, 1, 2))
        for name, ours, way in (
            ("energy", energy.energy_score, "nrg"), ("fair energy", energy.fair_energy_score, "fair"),
        ):  # fmt: skip
            peers = theirs(partial(scoringrules.es_ensemble, y, turned, estimator=way))
            found.append(Case(f"{name}, {m} × {NODES} nodes", n, partial(ours, x, y), peers))
        few = n // 4
        peers = theirs(partial(scoringrules.vs_ensemble, y[:few], turned[:few], p=0.5))
        ours = partial(variogram.variogram_score, x[:few], y[:few])
        found.append(Case(f"variogram, {m} × {NODES} nodes", few, ours, peers))
    return found


def simple_cases(rng: np.random.Generator) -> list[Case]:
    y, p, n = rng.normal(size=1_000_000), rng.random(1_000_000), 1_000_000
    low, high, came = y - rng.random(n), y + rng.random(n) - 0.2, (rng.random(n) < p).astype(float)
    alpha = 1 - 0.8
    return [
        Case("interval", n, partial(pinball.interval_score, low, high, y, 0.8),
             theirs(partial(scoringrules.interval_score, y, low, high, alpha))),
        Case("Brier", n, partial(brier.brier_score, p, came),
             theirs(partial(scoringrules.brier_score, came, p))),
    ]  # fmt: skip


def seconds(works: list[Work]) -> list[float]:
    """The best time of each, taken in turns so that a busy machine is so for all."""
    best = [float("inf")] * len(works)
    for _ in range(ROUNDS):
        for i, work in enumerate(works):
            start = time.process_time()
            work()
            best[i] = min(best[i], time.process_time() - start)
    return best


def measure(case: Case) -> dict[str, str | float | None]:
    """Points a second of ours, and how much faster that is than the fastest of each backend."""
    expected = np.asarray(case.ours())
    names = [name for name, ways in case.theirs.items() for _ in ways]
    works = [work for ways in case.theirs.values() for work in ways]
    for work in works:
        np.testing.assert_allclose(np.asarray(work()), expected, rtol=1e-7, atol=1e-9)
    ours, *others = seconds([case.ours, *works])
    ratios = {
        name: min(t for n, t in zip(names, others, strict=True) if n == name) / ours for name in case.theirs
    }
    return {
        "score": case.name, "points_s": case.points / ours, "numpy": ratios.get("numpy"),
        "numba": ratios.get("numba"),
    }  # fmt: skip


def main() -> None:
    rows = [measure(case) for case in cases()]
    print(f"{'':28}{'points/s':>14}{'× numpy':>10}{'× numba':>10}")
    for row in rows:
        ratios = "".join(f"{row[k]:10.2f}" if row[k] else f"{'–':>10}" for k in ("numpy", "numba"))
        print(f"{row['score']:28}{row['points_s']:14,.0f}{ratios}")
    print(json.dumps({"scoringrules": scoringrules.__version__, "rows": rows}))


if __name__ == "__main__":
    main()
