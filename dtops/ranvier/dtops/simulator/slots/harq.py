"""HARQ in torch: processes, feedback after k1 slots, retransmission, and what RLC does when it gives up.

    FREE ─begin─► WAITING ─k1 slots─┬─ acknowledged ► FREE, delivered
                     ▲              ├─ not, transmissions left ► AGAIN ─┐
                     └──────────────┼───────────────────────────────────┘
                                    └─ not, none left ► FREE; RLC sends the bits again (AM) or they are lost (UM)

A user sends at most one block in a slot, so at most one acknowledgement comes in a slot.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ranvier.dtops.simulator.link.link_adaptation import outer_loop
from ranvier.dtops.simulator.slots.block import Block, pick, put
from ranvier.dtops.simulator.slots.queues import complete, lose
from ranvier.dtops.simulator.slots.state import AGAIN, FREE, WAITING, SlotState


def acknowledge(state: SlotState, block: Block, slot: int) -> Tensor:
    """Acknowledgements due: deliver, send again, or give up (TS 38.321 5.3.2). (R, U) bits delivered."""
    due = (state.harq_phase == WAITING) & (state.harq_due <= slot)
    comes, process = due.any(-1), due.to(torch.int8).argmax(-1)
    bits, sent, good = (pick(each, process) for each in (state.harq_bits, state.harq_sent, state.harq_ok))
    loop = block.settings.loop
    state.offset_db.copy_(outer_loop(state.offset_db, good, comes & (sent == 1), loop))
    delivered = torch.where(comes & good, bits, 0)
    again = comes & ~good & (sent < block.settings.transmissions)
    given_up = comes & ~good & ~again
    put(state.harq_phase, process, torch.where(again, AGAIN, FREE), comes)
    state.delivered += delivered
    block.count(delivered_bits=delivered)
    block.count_cells(residual_errors=given_up.to(torch.int64))
    left = torch.where(given_up, bits, 0)
    if block.settings.acknowledged:
        state.again += left
        state.done += delivered
    else:
        state.done += delivered + left
        lose(state, block, left)
    complete(state, block, slot)
    return delivered


def oldest_again(state: SlotState) -> Tensor:
    """(R, U) int64: the process that has waited longest to be sent again; −1 for none."""
    waits = state.harq_phase == AGAIN
    number = torch.where(waits, state.harq_number, torch.iinfo(torch.int64).max)
    return torch.where(waits.any(-1), number.argmin(-1), -1)


def free_process(state: SlotState) -> Tensor:
    """(R, U) int64: the first process that is unused; −1 for none."""
    free = state.harq_phase == FREE
    return torch.where(free.any(-1), free.to(torch.int8).argmax(-1), -1)


def begin(state: SlotState, block: Block, mine: Tensor, process: Tensor, begins: Tensor) -> None:
    """New blocks on the sub-bands `mine` (R, U, S), where one `begins` (R, U): MCS, size and number.

    The expected SINR is the mean in dB of what the reported CQIs promise of its PRBs, and Δ of the outer loop;
    the MCS is the highest whose block would then be lost at most as often as the target says.
    """
    tables, prbs = block.tables, (mine * block.prbs).sum(-1)
    promised = tables.cqi_threshold_db[(state.rank - 1)[..., None], state.cqi]
    total = torch.zeros_like(state.offset_db)
    for band in range(len(block.prbs)):
        total = total + torch.where(mine[..., band], block.prbs[band] * promised[..., band], 0.0)
    expected_db = total / prbs.clamp(min=1) + state.offset_db
    fits = tables.threshold_db[state.rank - 1] <= expected_db[..., None]
    mcs = torch.where(fits, torch.arange(fits.shape[-1], device=fits.device), 0).amax(-1)
    nothing = torch.zeros_like(mcs)
    for table, value in (
        (state.harq_mcs, mcs), (state.harq_rank, state.rank), (state.harq_prbs, prbs),
        (state.harq_subbands, mine.sum(-1)), (state.harq_sent, nothing), (state.harq_sinr, nothing),
        (state.harq_number, state.blocks),
    ):  # fmt: skip
        put(table, process, value, begins)
    state.blocks += begins


def room(state: SlotState, block: Block, process: Tensor) -> Tensor:
    """(R, U) int64: bits of the transport block in `process` (R, U)."""
    rank, mcs, prbs = (pick(each, process) for each in (state.harq_rank, state.harq_mcs, state.harq_prbs))
    return block.tables.transport_bits[rank.clamp(min=1) - 1, mcs, prbs]
