"""How fast the simulator is, how its cost grows, and what its peers take for the same scenario in the same run.

    python -m bench.simulator [--slots 4000] [--peers] [--task JSON]

Everything on: two layers, fading on the serving link and eight interferers, mixed traffic, motion, handover,
energy. Each size runs in a process of its own. The peers are ns-3's LTE module, compiled against the package of
PyPI, and Sionna's system-level blocks, each in an environment of its own (`--peers`; it takes minutes).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench.process import ROOT, in_process
from bench.report import Figure, Section

REAL_TIME, AIM, AIM_MB = 57_000.0, 228_000.0, 2048.0
LINKS = 57
PEERS = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ranvier" / "peers"


def run(name: str, seeds: int, slots: int, users: int = 10, threads: int = 2) -> dict[str, float]:
    """A named scenario, or a grid of so many sites; steady state after a warm-up."""
    import torch

    torch.set_num_threads(1)
    from ranvier.dtops.simulator.deployment.hexagonal_grid import HexagonalGrid
    from ranvier.dtops.simulator.scenario_file import load_scenario
    from ranvier.dtops.simulator.seeds import Seeds
    from ranvier.dtops.simulator.simulator import Simulator

    scenario = load_scenario("uma-57" if name.endswith("sites") else name)
    if name.endswith("sites"):
        grid = HexagonalGrid(sites=int(name.removesuffix(" sites")))
        scenario = scenario.changed(deployment=grid, links=LINKS, users={"per_cell": users})
    begin = time.perf_counter()
    simulator = Simulator(scenario, Seeds.of(range(1, seeds + 1)), threads=threads)
    state = simulator.start()
    started = time.perf_counter() - begin
    for _ in simulator.blocks(state, 400):
        pass
    simulator.period(state)
    begin, cpu = time.perf_counter(), time.process_time()
    for _ in simulator.blocks(state, slots):
        pass
    wall, cpu = time.perf_counter() - begin, time.process_time() - cpu
    cells = len(simulator.layout.cells)
    done = cells * seeds * slots
    tally = simulator.period(state).tallies.cells
    return {
        "cells": cells, "users": len(simulator.population), "seeds": seeds, "start_s": started,
        "cell_slots_s": done / wall, "per_cpu_s": done / cpu,
        "us_per_user_slot": 1e6 * cpu / (len(simulator.population) * seeds * slots),
        "prb_percent": 100 * float(tally.prb_used.sum() / tally.prb_available.sum()),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }  # fmt: skip


def common_random_numbers(slots: int, pairs: int = 16) -> dict[str, float]:
    """How many times less a paired difference varies than one of independent runs, by KPI."""
    import torch

    torch.set_num_threads(1)
    from ranvier.dtops.simulator.intervention import Intervention
    from ranvier.dtops.simulator.kpis import network_kpis
    from ranvier.dtops.simulator.scenario_file import load_scenario
    from ranvier.dtops.simulator.seeds import Seeds
    from ranvier.dtops.simulator.simulator import Simulator

    cells = tuple(f"site-1-{i}" for i in (1, 2, 3))

    def kpis(first: int, interventions: tuple[Intervention, ...]) -> dict[str, np.ndarray]:
        seeds = Seeds.of([7] * pairs, range(first, first + pairs))
        simulator = Simulator(load_scenario("uma-21"), seeds)
        state = simulator.start()
        for _ in simulator.blocks(state, slots, interventions):
            pass
        found = network_kpis(simulator.period(state).tallies.cells, simulator.carrier.slot_s)
        return {name: column.numpy() for name, column in found.items()}

    tried = (Intervention(slots // 5, "power_dbm", 36.0, cells),)
    base, paired, apart = kpis(0, ()), kpis(0, tried), kpis(1000, tried)
    names = ("prb_percent", "throughput_kbit_s", "volume_mbit_s", "active_users", "rlc_delay_ms")
    return {
        name: float(
            (base[name].var(ddof=1) + apart[name].var(ddof=1)) / (paired[name] - base[name]).var(ddof=1)
        )
        for name in names
    }


def ns3(sites: int, users: int, seconds: float) -> dict[str, float]:
    """ns-3's LTE module on a grid of sites, saturated downlink; fetched and compiled the first time."""
    binary = PEERS / "ns3_lte"
    if not binary.exists():
        _build_ns3(binary)
    done = subprocess.run(
        [binary, str(sites), str(users), f"{seconds:g}"], capture_output=True, text=True, check=True
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _build_ns3(binary: Path) -> None:
    PEERS.mkdir(parents=True, exist_ok=True)
    environment = PEERS / "ns3-environment"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    subprocess.run([environment / "bin" / "pip", "install", "--quiet", "ns3==3.44.post0"], check=True)
    root = next((environment / "lib").glob("python3*/site-packages/ns3"))
    names = (
        "core", "lte", "network", "mobility", "antenna", "spectrum", "propagation", "buildings", "internet",
        "stats", "virtual-net-device", "point-to-point", "bridge", "applications", "traffic-control", "csma",
    )  # fmt: skip
    found = [next((root / "lib64").glob(f"libns3*-{name}.so")) for name in names]
    subprocess.run(
        ["g++", "-O2", "-std=c++20", f"-I{root / 'include'}", ROOT / "bench" / "peers" / "ns3_lte.cc", "-o", binary,
         f"-L{root / 'lib64'}", f"-Wl,-rpath,{root / 'lib64'}", "-Wl,--allow-shlib-undefined",
         "-Wl,--unresolved-symbols=ignore-in-shared-libs", *(f"-l{each.stem[3:]}" for each in found)],
        check=True,
    )  # fmt: skip


def sionna(cells: int, users: int, slots: int) -> dict[str, float]:
    """Sionna's scheduler, link adaptation and physical layer abstraction, one thread."""
    python = PEERS / "sionna-environment" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", python.parents[1]], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "sionna-no-rt==2.2.0"], check=True)
    script = ROOT / "bench" / "peers" / "sionna_system.py"
    done = subprocess.run(
        [python, script, str(cells), str(users), str(slots)], capture_output=True, text=True, check=True
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def section(quick: bool) -> Section:
    """The chapter; peers only in the whole bench."""
    slots = 1000 if quick else 4000
    arguments = ["--slots", str(slots)] + ([] if quick else ["--peers"])
    found = in_process("bench.simulator", *arguments)
    out = Section(
        "Simulator", f"python -m bench.simulator {' '.join(arguments)}",
        "Urban macro cells with ten users each, 20 MHz at 15 kHz (1 ms slots, 18 sub-bands), everything on. Real "
        "time is 1,000 slots a second. Each size in a process of its own; with more than 57 cells each user sees "
        "the nearest 57 one by one.",
    )  # fmt: skip
    speed, unit = found["uma-57"], "cell-slots/s"
    out.figures = [
        Figure("57 cells, 570 users: faster than real time", speed["cell_slots_s"], unit, REAL_TIME, True),
        Figure("the same, four times that", speed["cell_slots_s"], unit, AIM, True),
        Figure("the same per CPU second", speed["per_cpu_s"], unit, note="whatever else runs"),
        Figure("cost of a user's slot, largest against 21 cells",
               found["331 sites"]["us_per_user_slot"] / found["uma-21"]["us_per_user_slot"], "times", 1.5,
               note="linear is 1"),
        Figure("peak memory at about 1,000 cells and 10,000 users", found["331 sites"]["peak_mb"], "MB", AIM_MB),
    ]  # fmt: skip
    for name, factor in found["common random numbers"].items():
        out.figures.append(Figure(f"variance of a paired difference of {name}", factor, "times less"))
    head = (
        "scenario",
        "cells",
        "users",
        "realisations",
        "cell-slots/s",
        "per CPU s",
        "µs a user's slot",
        "PRBs, %",
        "start, s",
        "peak RSS, MB",
    )
    keys = (
        "cells",
        "users",
        "seeds",
        "cell_slots_s",
        "per_cpu_s",
        "us_per_user_slot",
        "prb_percent",
        "start_s",
        "peak_mb",
    )
    names = ("uma-21", "uma-57", "127 sites", "331 sites")
    out.tables = [(head, [[name, *(found[name][key] for key in keys)] for name in names])]
    if "ns3" in found:
        _beside(out, found)
    return out


def _beside(out: Section, found: dict[str, Any]) -> None:
    """The peers' figures, and what each leaves out."""
    peer, blocks = found["ns3"], found["sionna"]
    out.figures += [
        Figure(
            "against ns-3's LTE module, one core each, 21 cells",
            found["uma-21"]["per_cpu_s"] / peer["cell_slots_s"], "times as fast",
        ),
        Figure(
            "against Sionna's system-level blocks, one core each, 57 cells",
            found["uma-57"]["per_cpu_s"] / blocks["cell_slots_s"], "times as fast",
        ),
    ]  # fmt: skip
    out.remarks = [
        f"ns-3 3.44 simulated {peer['cells']} cells and {peer['users']} users for {peer['seconds']:g} s in "
        f"{peer['wall_s']:.1f} s of one core, after attaching them. It models RRC signalling as messages, RLC and "
        "PDCP entities and the uplink, which Ranvier's does not; it leaves out wraparound, fading, rank 2, "
        "penetration and energy, and its load is saturated, so each of its cells always sends.",
        f"Sionna 2.2's blocks took {blocks['wall_s']:.2f} s for {blocks['slots']} slots of {blocks['cells']} "
        "cells. They are written for GPUs and for gradients, which Ranvier's kernels do not give; here on one "
        "thread they do PF scheduling, link adaptation and block errors, with given local means, uncorrelated "
        "fading and full buffers: no channel model, traffic, queues, HARQ combining, motion, handover or energy.",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slots", type=int, default=4000)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--one", nargs=2, metavar=("NAME", "SEEDS"))
    parser.add_argument("--pairs", action="store_true")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(run(options.one[0], int(options.one[1]), options.slots)))
        return
    if options.pairs:
        print(json.dumps(common_random_numbers(options.slots)))
        return
    found: dict[str, Any] = {}
    for name, seeds, slots in (
        ("uma-21", 8, options.slots),
        ("uma-57", 8, options.slots),
        ("127 sites", 2, options.slots // 4),
        ("331 sites", 2, options.slots // 10),
    ):
        found[name] = in_process(
            "bench.simulator", "--slots", str(max(slots, 200)), "--one", name, str(seeds)
        )
    found["common random numbers"] = in_process("bench.simulator", "--slots", "2000", "--pairs")
    if options.peers:
        found["ns3"] = ns3(7, 10, 0.2)
        found["sionna"] = sionna(57, 10, 200)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
