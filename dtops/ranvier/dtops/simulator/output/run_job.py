"""A simulation as a job: from a scenario to a folder, with progress, and taken up where it was stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ranvier.dtops.simulator.control.graph_changes import RunOrigin, changes
from ranvier.dtops.simulator.output.counters import Reporter
from ranvier.dtops.simulator.output.object_names import ObjectNames
from ranvier.dtops.simulator.output.run_folder import RunFolder
from ranvier.dtops.simulator.output.run_tables import (
    cell_trace_table,
    kpi_table,
    measurement_table,
    trace_table,
    user_table,
)
from ranvier.dtops.simulator.run_state import RunState
from ranvier.dtops.simulator.scenario import Scenario, parse
from ranvier.dtops.simulator.seeds import Seeds
from ranvier.dtops.simulator.simulator import BlockOutcome, Simulator
from ranvier.dtops.simulator.slots.backend import Backend
from ranvier.fabric.topology_change import TopologyChange
from ranvier.ontology.errors import InputError

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be run.

    run        its id
    seeds      one for each realisation; `scene_seed` fixes the scene of all of them, None: each its own
    start_ns   the time of slot 0, nanoseconds since the Unix epoch
    """

    run: str
    scenario: Scenario
    slots: int
    seeds: tuple[int, ...]
    scene_seed: int | None = None
    start_ns: int = 0
    backend: Backend = "compiled"
    threads: int = 2
    traces: bool = False
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.slots < 1:
            raise InputError("slots of 1 or more", str(self.slots), "simulate longer")
        if not self.seeds:
            raise InputError("one seed or more", "none", "give --seeds")

    def manifest(self) -> dict[str, Any]:
        """What the run's folder says of it."""
        return {
            "run": self.run, "scenario": self.scenario.model_dump(mode="json"), "slots": self.slots,
            "seeds": list(self.seeds), "scene_seed": self.scene_seed, "start_ns": self.start_ns,
            "backend": self.backend, "device": self.device, "traces": self.traces,
            "slot_ns": self.scenario.carriers[0].slot_ns,
        }  # fmt: skip

    @classmethod
    def of(cls, manifest: dict[str, Any], threads: int = 2) -> Plan:
        """The plan of a run that was begun."""
        names = ("run", "slots", "scene_seed", "start_ns", "backend", "device", "traces")
        return cls(
            scenario=parse(manifest["scenario"]), seeds=tuple(manifest["seeds"]), threads=threads,
            **{name: manifest[name] for name in names},
        )  # fmt: skip

    def simulator(self) -> Simulator:
        """The simulator of this run."""
        scene = self.seeds if self.scene_seed is None else (self.scene_seed,) * len(self.seeds)
        return Simulator(
            self.scenario, Seeds.of(scene, self.seeds), backend=self.backend, threads=self.threads,
            trace_users=self.traces, device=self.device,
        )  # fmt: skip


def begin(plan: Plan, path: Path, progress: Progress | None = None) -> RunFolder:
    """Run a plan into a new folder. What stops it (KeyboardInterrupt too) leaves a folder that goes on."""
    folder = RunFolder.create(path, plan.manifest())
    run = plan.simulator()
    return _go_on(plan, run, run.start(), folder, progress)


def resume(path: Path, threads: int = 2, progress: Progress | None = None) -> RunFolder:
    """Take up a run where its folder ends; a complete one is left as it is."""
    folder = RunFolder.open(path)
    plan = Plan.of(folder.manifest, threads)
    if folder.manifest["slots_done"] >= plan.slots:
        return folder
    folder.take_up()
    run = plan.simulator()
    state = folder.state() if folder.manifest["periods"] else run.start()
    return _go_on(plan, run, state, folder, progress)


def _go_on(
    plan: Plan, run: Simulator, state: RunState, folder: RunFolder, progress: Progress | None
) -> RunFolder:
    names = ObjectNames.of(run.layout, plan.scenario.name)
    reporter = Reporter(plan.run, run.layout, names, plan.start_ns, run.carrier.slot_ns)
    origin = RunOrigin(plan.run, names.du, plan.start_ns, run.carrier.slot_ns)
    held: list[TopologyChange] = []
    try:
        for outcome in run.blocks(state, plan.slots - state.slot):
            held += _changes(outcome, run, state, origin)
            if plan.traces:
                _trace(outcome, run, state, folder)
            if outcome.block.reports or state.slot >= plan.slots:
                _put_away(run, state, folder, reporter, held)
                held = []
            if progress is not None:
                progress(state.slot, plan.slots)
    except BaseException as error:
        stopped = isinstance(error, KeyboardInterrupt)
        folder.finish("ABORT" if stopped else "FAIL", error=str(error) or type(error).__name__)
        raise
    folder.finish("COMPLETE")
    return folder


def _changes(
    outcome: BlockOutcome, run: Simulator, state: RunState, origin: RunOrigin
) -> Iterator[TopologyChange]:
    if outcome.events is not None:
        for r in range(run.population.realisations):
            yield from changes(
                outcome.events, outcome.block.first, run.population.key, state.sessions.number, origin, r
            )


def _trace(outcome: BlockOutcome, run: Simulator, state: RunState, folder: RunFolder) -> None:
    folder.append("traces", trace_table(outcome, run))
    folder.append("cell_traces", cell_trace_table(outcome))
    if outcome.block.measures:
        folder.append("measurements", measurement_table(outcome, state, run))


def _put_away(
    run: Simulator, state: RunState, folder: RunFolder, reporter: Reporter, held: list[TopologyChange]
) -> None:
    period = run.period(state)
    tables = {"kpis": kpi_table(period, run.carrier.slot_s), "users": user_table(period, state, run)}
    folder.add(period, reporter.reports(period, state.layout.cells), tables, held, state)
