"""What the error budget makes of each KPI: perturbed runs beside unperturbed ones, a part of the budget at a time.

    python -m ranvier.dtops.simulator.error_propagation [--scenario uma-21] [--slots 4000] [--draws 12]

Every draw of the error has the scene and the run of the unperturbed one, so that what differs is the error's
doing alone; its variance over draws is the part's share. It is printed beside the spread over runs of the same
scene, which is the oracle's own and is never added to it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

import numpy as np
import torch

from ranvier.dtops.simulator.error_budget import ErrorBudget, Part, PerturbedGains
from ranvier.dtops.simulator.kpis import network_kpis
from ranvier.dtops.simulator.propagation.statistical_gains import StatisticalGains
from ranvier.dtops.simulator.scenario import Scenario
from ranvier.dtops.simulator.scenario_file import load_scenario
from ranvier.dtops.simulator.seeds import Seeds
from ranvier.dtops.simulator.simulator import Simulator
from ranvier.ontology.errors import InputError, RanvierError

KPIS = (
    "prb_percent", "throughput_kbit_s", "volume_mbit_s", "active_users", "rlc_delay_ms", "error_ratio",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Propagated:
    """One KPI: its mean without error, and standard deviations.

    parts  by part of the budget alone, and "all": of the whole budget
    runs   over runs of the same scene without error
    """

    kpi: str
    mean: float
    parts: Mapping[str, float]
    runs: float


def propagated(
    scenario: Scenario, slots: int, draws: int = 12, budget: ErrorBudget | None = None, seed: int = 1
) -> list[Propagated]:
    """Propagate a budget (by default ±3 dB) to the KPIs of the network. Raises InputError for one draw."""
    if draws < 2:
        raise InputError("two draws or more", str(draws), "give --draws")
    budget = budget or ErrorBudget()
    base = _kpis(scenario, slots, [seed] * draws, list(range(seed, seed + draws)), None)
    still = _kpis(scenario, slots, [seed], [seed], None)
    budgets = {part: budget.only(part) for part in get_args(Part)} | {"all": budget}
    found = {
        name: _kpis(scenario, slots, [seed] * draws, [seed] * draws, each) for name, each in budgets.items()
    }
    return [
        Propagated(
            kpi, float(still[kpi][0]), {name: float(np.nanstd(each[kpi], ddof=1)) for name, each in found.items()},
            float(np.nanstd(base[kpi], ddof=1)),
        )
        for kpi in KPIS
    ]  # fmt: skip


def _kpis(
    scenario: Scenario, slots: int, scene: list[int], run: list[int], budget: ErrorBudget | None
) -> dict[str, np.ndarray]:
    seeds = Seeds.of(scene, run)
    people, layout = scenario.population(seeds), scenario.layout()
    source = StatisticalGains(seeds, people, layout, scenario.site_correlation)
    draws = torch.arange(len(scene)) + 1
    simulator = Simulator(
        scenario, seeds, population=people,
        source=source if budget is None else PerturbedGains(source, budget, draws, people.key),
    )  # fmt: skip
    state = simulator.start()
    for _ in simulator.blocks(state, slots):
        pass
    tally = simulator.period(state).tallies.cells
    return {name: column.numpy() for name, column in network_kpis(tally, simulator.carrier.slot_s).items()}


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", default="uma-21")
    parser.add_argument("--slots", type=int, default=4000)
    parser.add_argument("--draws", type=int, default=12)
    given = parser.parse_args()
    try:
        rows = propagated(load_scenario(given.scenario), given.slots, given.draws)
    except RanvierError as error:
        sys.exit(f"error propagation: {error}")
    names = ("common", "per_cell", "per_link", "all")
    lines = ["| KPI | mean | " + " | ".join(f"SD, {name}" for name in names) + " | SD over runs |"]
    lines.append("|---|" + "---:|" * (len(names) + 2))
    for row in rows:
        spread = " | ".join(f"{row.parts[name]:.4g}" for name in names)
        lines.append(f"| {row.kpi} | {row.mean:.5g} | {spread} | {row.runs:.4g} |")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
