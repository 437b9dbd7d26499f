"""What the cells of a live network would count, by the simulator: members in, counters out.

Each member is a realisation. Candidate users are dropped over the whole area; by the member's own gains each
belongs to a cell, and as many of a cell's candidates are present as the member has users there. Their load is
files whose rate is such that the cell is offered what the member says.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ranvier.dtops.members import Members
from ranvier.dtops.simulator import radio, streams
from ranvier.dtops.simulator.control.settings import A3, ControlSettings
from ranvier.dtops.simulator.deployment.free_sites import FreeSites, Site
from ranvier.dtops.simulator.deployment.from_snapshot import LiveNetwork
from ranvier.dtops.simulator.drop import Drop, population
from ranvier.dtops.simulator.kpis import kpis
from ranvier.dtops.simulator.layout import Layout
from ranvier.dtops.simulator.link_gains import GainSource, LinkGains
from ranvier.dtops.simulator.population import Population
from ranvier.dtops.simulator.propagation.statistical_gains import StatisticalGains
from ranvier.dtops.simulator.scenario import Scenario, Traffic
from ranvier.dtops.simulator.seeds import Seeds
from ranvier.dtops.simulator.simulator import Simulator
from ranvier.dtops.simulator.slots.state import SlotSettings
from ranvier.dtops.simulator.traffic.services import Ftp3

Floats = NDArray[np.float64]
CANDIDATES_PER_CELL = 24
FILE_BITS = 2_000_000
WARM_SLOTS = 200
QUANTITIES = ("RRU.PrbTotDl", "DRB.UEThpDl", "DRB.MeanActiveUeDl", "RRC.ConnMean", "DRB.RlcSduDelayDl")
"""What is counted here; RRC.ConnMean is of the cell in the CU, the others of that in the DU."""


@dataclass(frozen=True, slots=True)
class OffsetGains:
    """A source's gains with an offset for each cell: `offset_db` (R, C) float32."""

    source: GainSource
    offset_db: Tensor

    def gains(self, layout: Layout, position_m: Tensor, which: Tensor | None = None) -> LinkGains:
        """See `GainSource`."""
        found = self.source.gains(layout, position_m, which)
        offset = self.offset_db[:, None] if which is None else self.offset_db[which[:, 0]][None]
        mine = offset.expand(*found.cell.shape[:2], -1).gather(2, found.cell.clamp(min=0))
        return replace(found, gain_db=found.gain_db + mine[..., None])


class LiveCells:
    """A model of the cells of one live network; made again when its graph changes.

    slots    of a run, after its warm-up; `threads` that work on members side by side
    """

    def __init__(self, network: LiveNetwork, slots: int = 1000, threads: int = 2) -> None:
        self.network, self._slots, self._threads = network, slots, threads
        layout = network.layout
        sites = tuple(
            Site(name, float(x), float(y), float(h))
            for name, (x, y), h in zip(
                layout.sites.ids, layout.sites.position_m, layout.sites.height_m, strict=True
            )
        )
        self._scenario = Scenario(
            name="live", environment=layout.environment, carriers=layout.carriers,
            deployment=FreeSites(sites), antenna=layout.antennas[0],
            users=Drop(total=CANDIDATES_PER_CELL * len(layout.cells), motion="static"),
            traffic=(Traffic(Ftp3(file_bits=FILE_BITS, files_per_s=1.0)),),
            link=SlotSettings(acknowledged=True),
            control=ControlSettings(events=(A3(),), minimum_rsrp_dbm=-140.0), energy=None,
            granularity_s=3600.0,
        )  # fmt: skip

    @property
    def cells(self) -> tuple[str, ...]:
        """Ids of the cells in the DU, in order."""
        return self.network.names.du

    def counted(self, members: Members, run_seed: int) -> dict[str, Floats]:
        """Quantity to (E, c): what each member counts over the run's slots; NaN where it is undefined."""
        seeds = self._seeds(members, run_seed)
        people, source = self._people(members, seeds)
        run = Simulator(
            self._scenario,
            seeds,
            population=people,
            source=source,
            threads=self._threads,
            layout=self.network.layout,
        )
        state = run.start()
        state.demand = self._demand(members, people, source)
        for _ in run.blocks(state, WARM_SLOTS):
            pass
        run.period(state)
        for _ in run.blocks(state, self._slots):
            pass
        period = run.period(state)
        found = kpis(period.tallies.cells, period.tallies.users, run.carrier.slot_s)
        columns = (
            found.prb_percent, found.throughput_kbit_s, found.active_users, found.connected_users,
            10 * found.rlc_delay_ms,
        )  # fmt: skip
        return {name: column.numpy() for name, column in zip(QUANTITIES, columns, strict=True)}

    def _seeds(self, members: Members, run_seed: int) -> Seeds:
        scene = [int(each) for each in members.seed]
        keys = streams.chain(torch.tensor(scene), streams.purpose("live run"), run_seed)
        return Seeds.of(scene, [int(each) for each in keys])

    def _people(self, members: Members, seeds: Seeds) -> tuple[Population, GainSource]:
        drop, layout = self._scenario.users, self.network.layout
        people = population(drop, self._scenario.deployment, len(layout.cells), (1.0,), seeds)
        offset = torch.from_numpy(members.gain_db).to(torch.float32)
        source = OffsetGains(StatisticalGains(seeds, people, layout), offset)
        wanted = torch.from_numpy(np.maximum(np.round(members.users), 1)).to(torch.int64)
        order = _order_in_cell(_best_cell(source, layout, people), len(layout.cells))
        best, place = order
        present = (best >= 0) & (place < wanted.gather(1, best.clamp(min=0)))
        return replace(people, present=present), source

    def _demand(self, members: Members, people: Population, source: GainSource) -> Tensor:
        """(R, U): files a second of each user, so that its cell is offered what the member says."""
        best = _best_cell(source, self.network.layout, people)
        here = torch.where(people.present, best, -1)
        cells = len(self.network.layout.cells)
        count = torch.zeros((people.realisations, cells + 1), dtype=torch.float64)
        count.scatter_add_(1, here.clamp(min=-1) % (cells + 1), torch.ones_like(here, dtype=torch.float64))
        offered = torch.from_numpy(members.offered_bit_s) / FILE_BITS
        each = offered / count[:, :cells].clamp(min=1)
        return torch.where(here >= 0, each.gather(1, here.clamp(min=0)), 0.0)


def _best_cell(source: GainSource, layout: Layout, people: Population) -> Tensor:
    """(R, U) int64 the cell with the strongest RSRP; −1 where none is heard."""
    gains = source.gains(layout, people.position_m)
    rsrp = radio.ss_rsrp_dbm(gains, layout, layout.carriers[0])
    value, link = rsrp.max(dim=-1)
    return torch.where(torch.isfinite(value), gains.cell.gather(2, link[..., None])[..., 0], -1)


def _order_in_cell(best: Tensor, cells: int) -> tuple[Tensor, Tensor]:
    """`best` again, and the place (R, U) of each candidate among those of its cell, by number."""
    place = torch.zeros_like(best)
    for cell in range(cells):
        mine = best == cell
        place = torch.where(mine, mine.long().cumsum(dim=1) - 1, place)
    return best, place
