"""Who uses the cells of a live network, where, and for how much: members in, users out.

Each member is a realisation. Candidate users are dropped over the whole area; by the member's own gains each
belongs to a cell, and as many of a cell's candidates are present as the member has users there. Their load is
files whose rate is such that the cell is offered what the member says. Simulator and surrogate see the same users.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ranvier.dtops.members import Members
from ranvier.dtops.simulator import radio
from ranvier.dtops.simulator.control.settings import A3, ControlSettings
from ranvier.dtops.simulator.deployment.free_sites import FreeSites, Site
from ranvier.dtops.simulator.drop import Drop, population
from ranvier.dtops.simulator.layout import Layout
from ranvier.dtops.simulator.link_gains import GainSource, LinkGains
from ranvier.dtops.simulator.population import Population
from ranvier.dtops.simulator.propagation.statistical_gains import StatisticalGains
from ranvier.dtops.simulator.scenario import Scenario, Traffic
from ranvier.dtops.simulator.seeds import Seeds
from ranvier.dtops.simulator.slots.state import SlotSettings
from ranvier.dtops.simulator.traffic.services import Ftp3

CANDIDATES_PER_CELL = 24
FILE_BITS = 2_000_000


@dataclass(frozen=True, slots=True)
class OffsetGains:
    """A source's gains with an offset for each cell: `offset_db` (R, C) float32."""

    source: GainSource
    offset_db: Tensor

    def gains(self, layout: Layout, position_m: Tensor, which: Tensor | None = None) -> LinkGains:
        """See `GainSource`."""
        offset = self.offset_db[:, None] if which is None else self.offset_db[which[:, 0]][None]
        return shifted(self.source.gains(layout, position_m, which), offset)


@dataclass(frozen=True, slots=True)
class LiveUsers:
    """The users of E members: U candidates, of which some are present.

    source   of their gains, with each member's offsets; `gains` at their places
    files_s  (E, C) files a second of each user of a cell; `demand` (E, U) of each candidate, 0 if not present
    """

    people: Population
    source: OffsetGains
    gains: LinkGains
    files_s: Tensor
    demand: Tensor


class Candidates:
    """The users that members may have in a layout: dropped and heard once for their scene seeds."""

    def __init__(self, layout: Layout, scene_seeds: tuple[int, ...]) -> None:
        self.layout, self.scene_seeds = layout, scene_seeds
        self.scenario = live_scenario(layout)
        self.seeds = Seeds.of(list(scene_seeds))
        deployment, cells = self.scenario.deployment, len(layout.cells)
        self._people = population(self.scenario.users, deployment, cells, (1.0,), self.seeds)
        self._source = StatisticalGains(self.seeds, self._people, layout)
        self._gains = self._source.gains(layout, self._people.position_m)

    def of(self, members: Members, known: Tensor | None = None) -> LiveUsers:
        """Those of the members; `known` (E, C): users of each cell that stand beside them and share its load."""
        offset = torch.from_numpy(members.gain_db).to(torch.float32)
        gains = shifted(self._gains, offset[:, None])
        best = best_cell(gains, self.layout)
        cells = len(self.layout.cells)
        beside = torch.zeros((len(members), cells), dtype=torch.int64) if known is None else known
        wanted = torch.from_numpy(np.round(members.users)).to(torch.int64) - beside
        wanted = torch.maximum(wanted, (beside == 0).to(torch.int64))
        place = _order_in_cell(best, cells)
        present = (best >= 0) & (place < wanted.gather(1, best.clamp(min=0)))
        here = torch.where(present, best, -1)
        files_s = (
            torch.from_numpy(members.offered_bit_s) / FILE_BITS / (counted(here, cells) + beside).clamp(min=1)
        )
        people = replace(self._people, present=present)
        source = OffsetGains(self._source, offset)
        return LiveUsers(people, source, gains, files_s, by_cell(files_s, here))


def live_scenario(layout: Layout) -> Scenario:
    """What is simulated of a live network: candidates who stay where they are, and load files one after another."""
    sites = tuple(
        Site(name, float(x), float(y), float(h))
        for name, (x, y), h in zip(
            layout.sites.ids, layout.sites.position_m, layout.sites.height_m, strict=True
        )
    )
    return Scenario(
        name="live", environment=layout.environment, carriers=layout.carriers,
        deployment=FreeSites(sites), antenna=layout.antennas[0],
        users=Drop(total=CANDIDATES_PER_CELL * len(layout.cells), motion="static"),
        traffic=(Traffic(Ftp3(file_bits=FILE_BITS, files_per_s=1.0)),),
        link=SlotSettings(acknowledged=True),
        control=ControlSettings(events=(A3(),), minimum_rsrp_dbm=-140.0), energy=None,
        granularity_s=3600.0,
    )  # fmt: skip


def counted(cell: Tensor, cells: int) -> Tensor:
    """(E, C) how many users are in each cell; `cell` (E, U) of the users, −1 for none."""
    count = torch.zeros((len(cell), cells + 1), dtype=torch.int64)
    count.scatter_add_(1, cell % (cells + 1), torch.ones_like(cell))
    return count[:, :cells]


def by_cell(column: Tensor, cell: Tensor) -> Tensor:
    """(E, U) the entry (E, C) of each user's cell; 0 for none."""
    return torch.where(cell >= 0, column.gather(1, cell.clamp(min=0)), 0.0)


def shifted(found: LinkGains, offset_db: Tensor) -> LinkGains:
    """Gains with an offset (R or 1, 1 or n, C) of each link's cell."""
    mine = offset_db.expand(*found.cell.shape[:2], -1).gather(2, found.cell.clamp(min=0))
    return replace(found, gain_db=found.gain_db + mine[..., None])


def best_cell(gains: LinkGains, layout: Layout) -> Tensor:
    """(R, U) int64 the cell with the strongest RSRP; −1 where none is heard."""
    rsrp = radio.ss_rsrp_dbm(gains, layout, layout.carriers[0])
    value, link = rsrp.max(dim=-1)
    return torch.where(torch.isfinite(value), gains.cell.gather(2, link[..., None])[..., 0], -1)


def _order_in_cell(best: Tensor, cells: int) -> Tensor:
    """The place (R, U) of each candidate among those of its cell, by number."""
    place = torch.zeros_like(best)
    for cell in range(cells):
        mine = best == cell
        place = torch.where(mine, mine.long().cumsum(dim=1) - 1, place)
    return place
