"""How long a step of control takes: `python -m ranvier.dtops.simulator.control.control_speed`."""

from __future__ import annotations

import sys
import time

import torch

from ranvier.dtops.simulator.control.moment import Moment
from ranvier.dtops.simulator.control.settings import A3, A5, ControlSettings
from ranvier.dtops.simulator.control.state import CellTable, Measured, Who, fresh_state
from ranvier.dtops.simulator.control.step import control_step
from ranvier.dtops.simulator.seeds import Seeds

LINKS, SLOTS, SLOT_S = 57, 40, 1e-3
REPEATS = 60


def step_ms(users: int, cells: int, settings: ControlSettings, moving: int = 0) -> float:
    """Milliseconds of a step of one realisation, one thread: the fastest of some repeats.

    moving  users whose links come in another order than in the period before
    """
    random = torch.Generator().manual_seed(1)
    cell = torch.rand(1, users, cells, generator=random).argsort(dim=-1)[..., :LINKS].contiguous()
    level = -100 + 10 * torch.randn(1, users, LINKS, generator=random)
    index = torch.arange(cells)
    table = CellTable(index // 3, torch.zeros_like(index), torch.zeros(cells))
    who, present = Who(Seeds.of([1]), torch.arange(users)), torch.ones(1, users, dtype=torch.bool)
    state, found = fresh_state(cell, len(settings.events)), float("inf")
    for period in range(REPEATS):
        cell = cell.clone()
        cell[:, :moving] = cell[:, :moving].flip(-1)
        power = level + 3 * torch.randn(1, users, LINKS, generator=random)
        measured = Measured(cell, power, 5 * torch.randn(1, users, generator=random), present)
        begun = time.perf_counter()
        state, _ = control_step(state, measured, table, settings, Moment(period * SLOTS, SLOTS, SLOT_S), who)
        found = min(found, time.perf_counter() - begun)
    return 1e3 * found


def main() -> None:
    """Print what docs/mobility-control.md says."""
    torch.set_num_threads(1)
    plain = ControlSettings()
    for words, users, cells, settings, moving in (
        ("570 users", 570, 57, plain, 0),
        ("with A3 and A5", 570, 57, ControlSettings(events=(A3(), A5())), 0),
        ("with an error of measurements", 570, 57, ControlSettings(measurement_error_db=1.0), 0),
        ("with other links for a tenth of the users", 570, 57, plain, 57),
        ("10,000 users of 1,000 cells", 10_000, 1000, plain, 0),
    ):
        sys.stdout.write(f"{words}: {step_ms(users, cells, settings, moving):.1f} ms\n")


if __name__ == "__main__":
    main()
