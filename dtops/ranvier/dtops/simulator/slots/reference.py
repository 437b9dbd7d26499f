"""The slot loop in torch, on any device: the form that reads beside the clauses, and that `compiled` is held to.

in each slot   arrivals ► queues.arrive
               acknowledgements due ► harq.acknowledge ► queues.complete
               packets too old ► queues.discard
               reports that arrive ► what the scheduler knows
               scheduling.schedule ► harq.begin, queues.take
               interference.snr ► reception.decode         what is really sent decides who is decoded
               interference.snr ► reception.report         and what users report
               averages and tallies
"""

from __future__ import annotations

import torch
from torch import Tensor

from ranvier.dtops.simulator.carrier import Carrier
from ranvier.dtops.simulator.link.noise import subband_prbs
from ranvier.dtops.simulator.link.tables import link_tables, on
from ranvier.dtops.simulator.slots import harq, interference, queues, reception, scheduling
from ranvier.dtops.simulator.slots.block import Block, pick, put
from ranvier.dtops.simulator.slots.reception import cqi_levels
from ranvier.dtops.simulator.slots.scheduling import Grants
from ranvier.dtops.simulator.slots.state import (
    FREE,
    BlockInputs,
    BlockTraces,
    SlotSettings,
    SlotState,
    Tallies,
)


class ReferenceSlots:
    """The reference form for one carrier. Keeps nothing but tables, on the device of what it is given."""

    def __init__(self, carrier: Carrier, settings: SlotSettings, device: torch.device | str = "cpu") -> None:
        self._carrier, self._settings = carrier, settings
        self._prbs = torch.tensor(subband_prbs(carrier), dtype=torch.int64, device=device)
        tables = link_tables(carrier.prbs, settings.mcs_table, settings.loop.target_bler)
        self._tables, self._levels = on(tables, device), torch.tensor(cqi_levels(tables), device=device)

    def run(self, state: SlotState, inputs: BlockInputs, tallies: Tallies, traces: BlockTraces) -> None:
        """Run a block: alters `state`, adds to `tallies`, fills `traces` (with no users: nothing)."""
        serving = inputs.radio.serving_cell
        cells = tallies.cells.slots.shape[1]
        block = Block(
            self._settings, self._tables, self._prbs, inputs, tallies, traces,
            home=torch.where(serving >= 0, serving, cells), turn=torch.argsort(inputs.order),
            levels=self._levels,
        )  # fmt: skip
        subbands, settings = len(self._prbs), self._settings
        fading = interference.no_fading(inputs.radio, subbands)
        if settings.fading:
            width_hz = self._carrier.prb_hz * self._carrier.prbs_of_subband
            rays = interference.rays_of(inputs.radio, inputs.user_key, inputs.run_seed, width_hz)
        for n in range(inputs.arrivals.shape[2]):
            slot = inputs.first_slot + n
            since = slot % settings.fading_period_slots
            if settings.fading and (n == 0 or since == 0):
                fading = interference.fading_at(inputs.radio, rays, slot - since, subbands)
            self._slot(state, block, n, fading)

    def _slot(self, state: SlotState, block: Block, n: int, fading: interference.Fading) -> None:
        slot = block.inputs.first_slot + n
        queues.arrive(state, block, block.inputs.arrivals[..., n], slot)
        got = harq.acknowledge(state, block, slot)
        queues.discard(state, block, slot)
        _reports_arrive(state, slot)
        grants = scheduling.schedule(state, block, slot)
        fresh = _fill(state, block, grants, slot)
        rows, sinr_db = reception.decode(state, block, grants, slot, fading)
        _count_blocks(state, block, grants, rows, sinr_db)
        reception.report(state, block, interference.activity(grants.mine, block), slot, fading)
        state.average += (fresh - state.average) / block.settings.average_slots
        _count_cells(state, block, grants, n)
        if block.traces_users:
            _trace(state, block, grants, n, (rows, sinr_db, got))


def _reports_arrive(state: SlotState, slot: int) -> None:
    """CSI reports that the scheduler knows from this slot on."""
    now = state.next_slot == slot
    state.cqi.copy_(torch.where(now[..., None], state.next_cqi, state.cqi))
    state.rank.copy_(torch.where(now, state.next_rank, state.rank))
    state.next_slot.masked_fill_(now, -1)


def _fill(state: SlotState, block: Block, grants: Grants, slot: int) -> Tensor:
    """Begin new blocks and fill them with data: (R, U) bits of each."""
    process = grants.process.clamp(min=0)
    harq.begin(state, block, grants.mine, process, grants.fresh)
    bits = queues.take(state, block, harq.room(state, block, process), grants.fresh, slot)
    put(state.harq_bits, process, bits, grants.fresh)
    state.served.masked_fill_(grants.fresh, slot)
    return bits


def _count_blocks(
    state: SlotState, block: Block, grants: Grants, rows: tuple[Tensor, Tensor], sinr_db: Tensor
) -> None:
    """Transport blocks sent, and those that were not decoded."""
    process = grants.process.clamp(min=0)
    sends = grants.process >= 0
    fails = sends & ~pick(state.harq_ok, process)
    prbs = (grants.mine * block.prbs).sum(-1)
    block.count(blocks=sends, errors=fails, scheduled_slots=sends)
    block.count_cells(
        blocks_initial=grants.fresh, errors_initial=fails & grants.fresh,
        prb_layers=prbs * pick(state.harq_rank, process),
    )  # fmt: skip
    block.tallies.users.sinr_db[rows] += sinr_db
    r, u = grants.fresh.nonzero(as_tuple=True)
    mcs = block.tallies.cells.mcs_blocks
    one = torch.ones((), dtype=mcs.dtype, device=mcs.device)
    mcs.index_put_((r, block.home[r, u], state.harq_mcs[r, u, process[r, u]]), one, accumulate=True)


def _count_cells(state: SlotState, block: Block, grants: Grants, n: int) -> None:
    """PRBs of each cell, and its users with something to send."""
    cells, attached = block.tallies.cells, torch.ones_like(block.home)
    used = block.by_cell((grants.mine * block.prbs).sum(-1))
    active = block.inputs.full_buffer | (state.waiting() > 0) | (state.harq_phase != FREE).any(-1)
    active_users, connected = block.by_cell(active), block.by_cell(attached)
    cells.slots += 1
    cells.prb_used += used
    cells.busy_slots += used > 0
    cells.prb_available += block.inputs.on * block.prbs.sum()
    cells.active_users += active_users
    cells.active_users_max.copy_(torch.maximum(cells.active_users_max, active_users))
    cells.connected_users += connected
    cells.connected_users_max.copy_(torch.maximum(cells.connected_users_max, connected))
    block.traces.cell_prbs[..., n] = used.to(torch.int16)


def _trace(
    state: SlotState,
    block: Block,
    grants: Grants,
    n: int,
    heard: tuple[tuple[Tensor, Tensor], Tensor, Tensor],
) -> None:
    """Users' arrays of one slot; `heard` are rows, SINR in dB, and delivered bits."""
    (r, u), sinr_db, got = heard
    traces = block.traces
    traces.user_bits[..., n] = got.to(torch.int32)
    traces.user_prbs[..., n] = (grants.mine * block.prbs).sum(-1).to(torch.int16)
    traces.user_sinr_db[r, u, n] = sinr_db.to(torch.float32)
    mcs = pick(state.harq_mcs, grants.process.clamp(min=0))
    traces.user_mcs[..., n] = torch.where(grants.process >= 0, mcs, -1).to(torch.int8)
    traces.user_queue[..., n] = state.waiting()
