"""`Simulator`: a scenario with its seeds, and what it does with time.

    run = Simulator(load_scenario("uma-57"), Seeds.of(range(4)))
    state = run.start()
    for period in run.periods(state, slots=60_000):     # a granularity period at a time
        print(network_kpis(period.tallies.cells, run.carrier.slot_s))

    state, kpis = run.step(state, [Intervention(state.slot, "power_dbm", 40.0, ("site-1-1",))], slots=1000)

A measurement period, in order:

    sessions ► motion ► gains of who moved ► RSRP, SINR ► control ► queues of who changed cell ► arrivals ► slots
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import torch
from numpy.typing import NDArray
from torch import Tensor

from ranvier.dtops.simulator import motion as motions
from ranvier.dtops.simulator import radio
from ranvier.dtops.simulator.air import Air
from ranvier.dtops.simulator.block_clock import Block, blocks
from ranvier.dtops.simulator.carrier import Carrier
from ranvier.dtops.simulator.control.moment import Moment
from ranvier.dtops.simulator.control.sessions import fresh_sessions, session_step
from ranvier.dtops.simulator.control.state import CellTable, ControlEvents, Measured, Who
from ranvier.dtops.simulator.control.state import fresh_state as fresh_control
from ranvier.dtops.simulator.control.step import control_step
from ranvier.dtops.simulator.control.tally import ControlTally
from ranvier.dtops.simulator.energy import EnergyModel, EnergySettings
from ranvier.dtops.simulator.intervention import Intervention, applied
from ranvier.dtops.simulator.kpis import Kpis, kpis
from ranvier.dtops.simulator.layout import Layout
from ranvier.dtops.simulator.link.noise import prb_noise_mw
from ranvier.dtops.simulator.link_gains import GainSource, LinkGains
from ranvier.dtops.simulator.places import restarted
from ranvier.dtops.simulator.population import Population
from ranvier.dtops.simulator.propagation.statistical_gains import GRID_M, StatisticalGains
from ranvier.dtops.simulator.run_state import RunState
from ranvier.dtops.simulator.scenario import Scenario
from ranvier.dtops.simulator.seeds import Seeds
from ranvier.dtops.simulator.slots.backend import Backend, slot_loop
from ranvier.dtops.simulator.slots.serving_change import detached, handed_over
from ranvier.dtops.simulator.slots.state import BlockInputs, BlockTraces, Tallies, fresh_state
from ranvier.dtops.simulator.tally import CellTally, UserTally
from ranvier.dtops.simulator.traffic.arrivals import Span, arrivals
from ranvier.dtops.simulator.traffic.services import FullBuffer
from ranvier.ontology.errors import InputError

T = TypeVar("T")
RECOMPUTES = frozenset({"tilt_deg", "azimuth_deg"})
"""Knobs that change gains themselves, not only powers."""


@dataclass(frozen=True, slots=True)
class BlockOutcome:
    """What a block did. `events` is None where no measurement period began with it."""

    block: Block
    traces: BlockTraces
    events: ControlEvents | None


@dataclass(frozen=True, slots=True)
class Period:
    """A granularity period, or what of it the run reached: slots [first, first + slots), and its sums.

    energy_ws  (R, C) float64 watt seconds of each cell
    """

    first: int
    slots: int
    tallies: Tallies
    control: ControlTally
    energy_ws: Tensor


STRIDE_S = 20.0
"""In which users are moved ahead of a run."""


class Simulator:
    """R realisations of a scenario. All that changes in a run is in its `RunState`; this object only knows how.

    seeds        of the realisations
    population   by default the scenario's drop; another one places users elsewhere
    source       of gains; by default TR 38.901
    layout       by default the scenario's; another one on the same ground and carriers, as of a live network
    backend      "compiled" for processors, "torch" for any device
    threads      that run realisations side by side (compiled)
    device       where tensors lie; another one than "cpu" needs the backend "torch"
    trace_users  whether outcomes hold users' traces by slot
    motion_ahead_s  users are where they would be so much later than the slots' clock says; below 0: they stand
                 until then
    """

    def __init__(  # noqa: PLR0913 - what a run is made of, each by name
        self, scenario: Scenario, seeds: Seeds, *, population: Population | None = None,
        source: GainSource | None = None, backend: Backend = "compiled", threads: int = 2,
        trace_users: bool = False, layout: Layout | None = None, device: str = "cpu",
        motion_ahead_s: float = 0.0,
    ) -> None:  # fmt: skip
        self.device = torch.device(device)
        if backend == "compiled" and self.device.type != "cpu":
            raise InputError("a processor for compiled kernels", device, "choose the backend torch for it")
        # As a context a device costs each call of torch some microseconds: not where it is the default anyway.
        self._place: AbstractContextManager[Any] = nullcontext() if self.device.type == "cpu" else self.device
        seeds = seeds.to(self.device)
        self.scenario, self.seeds, self.trace_users = scenario, seeds, trace_users
        self.motion_ahead_s = motion_ahead_s
        self.layout = layout if layout is not None else scenario.layout()
        self.carrier: Carrier = scenario.carriers[0]
        people = population if population is not None else scenario.population(seeds.to("cpu"))
        self.population = people.to(self.device)
        self.source: GainSource = (
            source
            if source is not None
            else StatisticalGains(seeds, self.population, self.layout, scenario.site_correlation)
        )
        self._loop = slot_loop(backend, self.carrier, scenario.link, threads, device)
        self._ground, self._who = scenario.ground(), Who.of(seeds, self.population)
        self._services = [each.service for each in scenario.traffic]
        self._traits = _traits(self._services, self.population, self.carrier.slot_s)
        self._order = torch.argsort(self.population.key, stable=True)
        self.noise_mw = prb_noise_mw(self.carrier, scenario.noise_figure_db)
        self._step_turns = self.population.speed_m_s * (self.carrier.slot_s / self.carrier.wavelength_m)
        self._energy = EnergyModel(
            scenario.energy or EnergySettings(), self.carrier, self._of_cells(self.layout.cells.power_dbm),
            self.layout.antennas[0].beams,
        )  # fmt: skip

    # ------------------------------------------------------------ what users of it call
    def start(self) -> RunState:
        """The state before slot 0: everybody placed, nobody attached."""
        with self._place:
            return self._start()

    def _start(self) -> RunState:
        people, seeds = self.population, self.seeds
        realisations, users, cells = people.realisations, len(people), len(self.layout.cells)
        moment = self._moment(0)
        motion = self._ahead(motions.begun(people, self._ground, seeds))
        gains = self.source.gains(self.layout, motion.position_m)
        nobody = torch.full((realisations, users), radio.NOWHERE)
        return RunState(
            slot=0, layout=self.layout, demand=people.demand.expand(realisations, users).clone(),
            square=_square(motion.position_m), motion=motion, gains=gains,
            air=Air.of(gains, self.layout, nobody, self.scenario.link.interferers),
            sessions=fresh_sessions(people.present, self.scenario.control.sessions, moment, self._who),
            control=fresh_control(gains.cell, len(self.scenario.control.events)),
            slots=fresh_state(realisations, users, self.carrier.subbands, self.scenario.link, self.device),
            energy=self._energy.fresh(realisations), load=torch.zeros(realisations, cells),
            used=torch.zeros(realisations, cells), tallies=self._tallies(realisations, cells),
            control_tally=ControlTally.zeros(realisations, cells, self.device),
            energy_ws=torch.zeros(realisations, cells, dtype=torch.float64),
        )  # fmt: skip

    def blocks(
        self, state: RunState, slots: int, interventions: Sequence[Intervention] = ()
    ) -> Iterator[BlockOutcome]:
        """Go on by `slots`, block by block; alters `state`. The scenario's own interventions come first."""
        changes = (*self.scenario.interventions, *interventions)
        cuts = [each.slot for each in changes]
        for block in blocks(
            state.slot,
            state.slot + slots,
            self.scenario.measurement_slots,
            self.scenario.granularity_slots,
            cuts,
        ):
            # What torch makes lies on the device, but only while this runs and not where its outcome is used.
            with self._place:
                self._intervene(state, [each for each in changes if each.slot == block.first])
                events = self._measure(state, block.first) if block.measures else None
                traces = self._slots(state, block)
            yield BlockOutcome(block, moved(traces, "cpu"), None if events is None else moved(events, "cpu"))

    def periods(
        self, state: RunState, slots: int, interventions: Sequence[Intervention] = ()
    ) -> Iterator[Period]:
        """Go on by `slots`; gives each granularity period that ends, and what is left at the end."""
        for outcome in self.blocks(state, slots, interventions):
            if outcome.block.reports:
                yield self.period(state)
        if bool((state.tallies.cells.slots > 0).any()):
            yield self.period(state)

    def period(self, state: RunState) -> Period:
        """Take the sums so far out of a state, which counts from nothing again."""
        taken = Period(
            state.slot - int(state.tallies.cells.slots[0, 0]), int(state.tallies.cells.slots[0, 0]),
            Tallies(moved(state.tallies.cells, "cpu"), moved(state.tallies.users, "cpu")),
            moved(state.control_tally, "cpu"), state.energy_ws.cpu(),
        )  # fmt: skip
        realisations, cells = state.energy_ws.shape
        state.tallies = self._tallies(realisations, cells)
        state.control_tally = ControlTally.zeros(realisations, cells, self.device)
        state.energy_ws = torch.zeros_like(state.energy_ws)
        return taken

    def step(
        self, state: RunState, interventions: Sequence[Intervention] = (), slots: int = 1
    ) -> tuple[RunState, Kpis]:
        """One move of a policy: a new state and the KPIs of these slots. The state given stays as it is."""
        after = state.copy()
        self.period(after)
        for _ in self.blocks(after, slots, interventions):
            pass
        found = self.period(after)
        return after, kpis(found.tallies.cells, found.tallies.users, self.carrier.slot_s)

    # ------------------------------------------------------------ a block
    def _intervene(self, state: RunState, changes: Sequence[Intervention]) -> None:
        if not changes:
            return
        state.layout = applied(state.layout, changes)
        place = {name: i for i, name in enumerate(state.layout.cells.ids)}
        for each in changes:
            if each.knob == "demand":
                cells = torch.tensor([place[name] for name in each.cells] or list(place.values()))
                served = torch.isin(state.control.serving, cells)
                state.demand = torch.where(served | (not each.cells), each.value, state.demand)
        if any(each.knob in RECOMPUTES for each in changes):
            state.gains = self.source.gains(state.layout, state.motion.position_m)
        state.air = Air.of(state.gains, state.layout, state.control.serving, self.scenario.link.interferers)

    def _measure(self, state: RunState, slot: int) -> ControlEvents:
        moment, control = self._moment(slot), self.scenario.control
        state.load = state.used / (self.carrier.prbs * self.scenario.measurement_slots)
        state.used = torch.zeros_like(state.used)
        state.sessions, sessions = session_step(state.sessions, control.sessions, moment, self._who)
        state.motion = motions.advanced(
            state.motion, self.population, self._ground, self.seeds,
            max(0.0, moment.time_s + self.motion_ahead_s),
        )  # fmt: skip
        if bool(sessions.arrived.any()):
            state.motion = restarted(
                state.motion,
                sessions.arrived,
                self.scenario.deployment,
                self._who,
                state.sessions.number,
                moment,
            )
        moved = self._moved(state)
        state.air.renew(moved, state.gains, state.layout, state.control.serving)
        link = radio.link_of(state.gains.cell, state.control.serving)
        sinr = state.air.sinr_db(link, state.load, state.gains.cell, self.noise_mw)
        before = state.control.serving
        state.control, events = control_step(
            state.control, Measured(state.gains.cell, state.air.rsrp_dbm, sinr, state.sessions.present),
            CellTable.of(state.layout.cells, self.device), control, moment, self._who,
        )  # fmt: skip
        state.control_tally.add(events)
        self._change_cells(state, events, before)
        return events

    def _ahead(self, motion: motions.MotionState) -> motions.MotionState:
        """As it is when slot 0 begins; in strides, as a step finishes so many legs only."""
        done_s = 0.0
        while done_s < self.motion_ahead_s:
            done_s = min(done_s + STRIDE_S, self.motion_ahead_s)
            motion = motions.advanced(motion, self.population, self._ground, self.seeds, done_s)
        return motion

    def _moved(self, state: RunState) -> Tensor:
        """Bring gains up to date; who (n, 2) stands on another square metre than before."""
        square = _square(state.motion.position_m)
        which = torch.nonzero((square != state.square).any(dim=-1))
        if len(which):
            new = self.source.gains(state.layout, state.motion.position_m, which)
            at = which[:, 0], which[:, 1]
            for each in fields(LinkGains):
                getattr(state.gains, each.name)[at] = getattr(new, each.name)[0]
            state.square = square
        return which

    def _change_cells(self, state: RunState, events: ControlEvents, before: Tensor) -> None:
        gone = events.detached | events.left
        changed = state.control.serving != before
        if bool(gone.any()):
            detached(state.slots, gone, before, state.tallies)
        if bool((changed & ~gone).any()):
            handed_over(state.slots, changed & ~gone)
        state.air.renew(torch.nonzero(changed), state.gains, state.layout, state.control.serving)

    def _slots(self, state: RunState, block: Block) -> BlockTraces:
        people, cells = self.population, state.layout.cells
        demand = torch.where(state.sessions.present, state.demand, 0.0)
        span = Span(block.first, block.slots, self.carrier.slot_s)
        on = self._of_cells(cells.on)
        inputs = BlockInputs(
            block.first, arrivals(self._services, people.service, people.key, demand, self.seeds, span),
            people.key, self._order, self.seeds.run, state.control.ready_slot, *self._traits,
            self._of_cells(cells.scheduler), on,
            state.air.radio(state.gains, state.control.serving, self._step_turns, self.noise_mw),
        )  # fmt: skip
        shape = (people.realisations, len(cells), len(people) if self.trace_users else 0)
        traces = BlockTraces.empty(shape, block.slots, self.device)
        self._loop.run(state.slots, inputs, state.tallies, traces)
        state.used += traces.cell_prbs.to(state.used.dtype).sum(dim=-1)
        if self.scenario.energy is not None:
            power_dbm = self._of_cells(cells.power_dbm)
            state.energy_ws += self._energy.spent(state.energy, traces.cell_prbs, block.first, power_dbm, on)
        state.slot = block.end
        return traces

    def _of_cells(self, column: NDArray[Any]) -> Tensor:
        return torch.from_numpy(column).to(self.device)

    def _tallies(self, realisations: int, cells: int) -> Tallies:
        users = len(self.population)
        return Tallies(
            CellTally.zeros(realisations, cells, self.device),
            UserTally.zeros(realisations, users, self.device),
        )

    def _moment(self, slot: int) -> Moment:
        return Moment(slot, self.scenario.measurement_slots, self.carrier.slot_s)


def _traits(services: Sequence[object], people: Population, slot_s: float) -> tuple[Tensor, Tensor, Tensor]:
    """Delay budget in slots, whether what is older is discarded, whether there is always more: (U,) each."""
    budget = [round(getattr(each, "budget_ms", 0.0) * 1e-3 / slot_s) for each in services] + [0]
    discard = [bool(getattr(each, "discard", False)) for each in services] + [False]
    full = [isinstance(each, FullBuffer) for each in services] + [False]
    columns = (torch.tensor(each, device=people.service.device) for each in (budget, discard, full))
    first, second, third = (column[people.service] for column in columns)
    return first, second, third


def moved(holder: T, device: str) -> T:
    """A dataclass of tensors with all of them on another device; itself where they are there."""
    columns = {each.name: getattr(holder, each.name) for each in fields(holder)}  # type: ignore[arg-type]
    if all(column.device.type == device for column in columns.values()):
        return holder
    return type(holder)(**{name: column.to(device) for name, column in columns.items()})


def _square(position_m: Tensor) -> Tensor:
    return torch.floor(position_m[..., :2] / GRID_M).to(torch.int64)
