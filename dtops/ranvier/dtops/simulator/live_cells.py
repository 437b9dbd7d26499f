"""What the cells of a live network would count, by the simulator: members in, counters out.

Whose users they are, and where, is told by `live_users`.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from ranvier.dtops.members import Members
from ranvier.dtops.simulator import streams
from ranvier.dtops.simulator.deployment.from_snapshot import LiveNetwork
from ranvier.dtops.simulator.kpis import kpis
from ranvier.dtops.simulator.live_counters import QUANTITIES
from ranvier.dtops.simulator.live_users import Candidates, live_scenario
from ranvier.dtops.simulator.seeds import Seeds
from ranvier.dtops.simulator.simulator import Simulator

Floats = NDArray[np.float64]
WARM_SLOTS = 200


class CellModel(Protocol):
    """A model of the cells of one live network; made again when its graph changes."""

    @property
    def network(self) -> LiveNetwork:
        """Whose cells they are."""
        ...

    def counted(self, members: Members, run_seed: int) -> dict[str, Floats]:
        """Quantity to (E, c): what each member counts; NaN where it is undefined."""
        ...


class LiveCells:
    """The simulator as a `CellModel`.

    slots    of a run, after its warm-up; `threads` that work on members side by side
    """

    def __init__(self, network: LiveNetwork, slots: int = 1000, threads: int = 2) -> None:
        self.network, self._slots, self._threads = network, slots, threads
        self._scenario = live_scenario(network.layout)
        self._candidates: Candidates | None = None

    def counted(self, members: Members, run_seed: int) -> dict[str, Floats]:
        """Quantity to (E, c): what each member counts over the run's slots; NaN where it is undefined."""
        users = self._heard(members).of(members)
        run = Simulator(
            self._scenario, _seeds(members, run_seed), population=users.people, source=users.source,
            threads=self._threads, layout=self.network.layout,
        )  # fmt: skip
        state = run.start()
        state.demand = users.demand
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

    def _heard(self, members: Members) -> Candidates:
        wanted = tuple(int(each) for each in members.seed)
        if self._candidates is None or self._candidates.scene_seeds != wanted:
            self._candidates = Candidates(self.network.layout, wanted)
        return self._candidates


def _seeds(members: Members, run_seed: int) -> Seeds:
    scene = [int(each) for each in members.seed]
    keys = streams.chain(torch.tensor(scene), streams.purpose("live run"), run_seed)
    return Seeds.of(scene, [int(each) for each in keys])
