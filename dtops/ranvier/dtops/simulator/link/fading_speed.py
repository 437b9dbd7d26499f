"""How long the compiled fading takes: `python -m ranvier.dtops.simulator.link.fading_speed`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np

from ranvier.dtops.simulator.link import fading_compiled as compiled
from ranvier.dtops.simulator.link.fading import ENTRIES

CELLS, SUBBANDS, SUBBAND_HZ = 57, 18, 1.08e6
REPEATS = 50


def fading_ms(users: int = 570, interferers: int = 8) -> tuple[float, float, float]:
    """Milliseconds for an instant, for scaling all rays, and for drawing all: the fastest of some repeats."""
    rng = np.random.default_rng(1)
    shape = interferers + 1, users
    cell = np.stack([rng.permutation(CELLS)[: shape[0]] for _ in range(users)], axis=1)
    spread, k_db = np.full(shape, 3e-7, np.float32), np.where(rng.random(shape) < 0.5, -np.inf, 9.0)
    key, way, grid = np.arange(users), rng.uniform(0, 1e3, users), compiled.Grid(SUBBANDS, SUBBAND_HZ)
    store, room = compiled.ray_store(users, interferers), compiled.scratch(SUBBANDS)
    serving = np.zeros((2, ENTRIES, SUBBANDS, users), np.float32)
    power = np.zeros((interferers, SUBBANDS, users), np.float32)

    def draw() -> None:
        store.cell[:] = -1
        compiled.refresh(store, 1, key, cell, spread, k_db.astype(np.float32), grid)

    def scale() -> None:
        store.delay_spread[:] = np.nan
        compiled.refresh(store, 1, key, cell, spread, k_db.astype(np.float32), grid)

    drawing, scaling = _fastest_ms(draw), _fastest_ms(scale)
    return _fastest_ms(lambda: compiled.fading(store, way, serving, power, room)), scaling, drawing


def _fastest_ms(call: Callable[[], None]) -> float:
    call()
    found = np.inf
    for _ in range(REPEATS):
        begun = time.perf_counter()
        call()
        found = min(found, time.perf_counter() - begun)
    return 1e3 * float(found)


def main() -> None:
    """Print what docs/link.md says of 570 users with eight interferers on one core."""
    users, interferers = 570, 8
    instant, scaling, drawing = fading_ms(users, interferers)
    sums = users * (ENTRIES + interferers) * SUBBANDS
    sys.stdout.write(f"an instant: {instant:.2f} ms, {1e6 * instant / sums:.1f} ns an entry and sub-band\n")
    sys.stdout.write(f"scaling all rays: {scaling:.1f} ms; drawing them too: {drawing:.1f} ms\n")


if __name__ == "__main__":
    main()
