"""Who is sent what in a slot, in torch: retransmissions first, then new data sub-band by sub-band.

In each cell users come in the order of their keys, which decides between equals. A retransmission takes as
many sub-bands as before, from the first free one on; the first that does not fit waits, and those after it.
A sub-band then goes to the user with the largest metric among those who still have something to send:

    round robin          slots since the user was last served
    proportional fair    r / r̄          r: rate on the sub-band by its CQI, r̄: average of what was sent
    maximum C/I          r
    delay aware          r / r̄ · (w + 1) / b     w: age of the oldest packet, b: delay budget (M-LWDF, Andrews
                         et al. 2001, with the budget for the weight)
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ranvier.dtops.simulator.layout import SCHEDULERS
from ranvier.dtops.simulator.slots.block import Block, pick
from ranvier.dtops.simulator.slots.harq import free_process, oldest_again
from ranvier.dtops.simulator.slots.state import SlotState

RES_OF_PRB = 156
"""Resource elements with data of a PRB in a slot, with one symbol of DM-RS (TS 38.214 5.1.3.2)."""
USUAL_BUDGET_SLOTS = 300
"""Of services without one, for the delay-aware scheduler (5QI 6, 8 and 9: TS 23.501 table 5.7.4-1, in ms)."""
ENDLESS = 1e18
"""Bits that a full buffer has to send."""


@dataclass(frozen=True, slots=True)
class Grants:
    """Who sends in a slot.

    mine      (R, U, S) bool: the user's sub-bands
    process   (R, U) int64: the HARQ process, −1 for who is sent nothing
    fresh     (R, U) bool: new data, not a retransmission
    """

    mine: Tensor
    process: Tensor
    fresh: Tensor


def schedule(state: SlotState, block: Block, slot: int) -> Grants:
    """The grants of a slot in all cells that are on."""
    ready = block.of_home(block.inputs.on.to(torch.int64)).bool() & (slot >= block.inputs.ready_slot)
    mine, process, used = _retransmissions(state, block, ready)
    fresh = _new_data(state, block, slot, ready & (process < 0), used)
    begins = fresh.any(-1)
    return Grants(mine | fresh, torch.where(begins, free_process(state), process), begins)


def _retransmissions(state: SlotState, block: Block, ready: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Sub-bands and process of retransmissions, and how many sub-bands each user's cell gave to them."""
    process = oldest_again(state)
    wants = torch.where(ready & (process >= 0), pick(state.harq_subbands, process.clamp(min=0)), 0)
    end = _up_to(wants, block)
    fits = (wants > 0) & (end <= len(block.prbs))
    band = torch.arange(len(block.prbs), device=wants.device)
    mine = fits[..., None] & (band < end[..., None]) & (band >= (end - wants)[..., None])
    used = block.by_cell(torch.where(fits, wants, 0))
    used = torch.nn.functional.pad(used, (0, 1)).gather(1, block.home)
    return mine, torch.where(fits, process, -1), used


def _up_to(values: Tensor, block: Block) -> Tensor:
    """(R, U): the sum of whole numbers over the users of the same cell up to this one in the order."""
    order = torch.argsort(block.home * len(block.turn) + block.turn, dim=1)
    summed = values.gather(1, order).cumsum(1)
    through = torch.empty_like(summed).scatter_(1, order, summed)
    own = torch.nn.functional.pad(block.by_cell(values), (0, 1)).to(summed.dtype)
    # The sums of the cells before, which come before in the order.
    before = own.cumsum(1) - own
    return through - before.gather(1, block.home)


def _new_data(state: SlotState, block: Block, slot: int, ready: Tensor, used: Tensor) -> Tensor:
    """(R, U, S) bool: sub-bands of new data."""
    full = block.inputs.full_buffer
    need = torch.where(full, ENDLESS, state.waiting().to(torch.float64))
    ready = ready & (free_process(state) >= 0)
    which = block.of_home(block.inputs.scheduler)
    weight = _weight(state, block, which, slot)
    round_robin = which == SCHEDULERS.index("round_robin")
    mine = []
    for band in range(len(block.prbs)):
        rate = block.tables.cqi_efficiency[state.cqi[..., band]] * state.rank
        metric = weight * torch.where(round_robin, 1.0, rate)
        asks = ready & (need > 0) & (rate > 0) & (band >= used)
        wins = _largest_of_cell(torch.where(asks, metric, 0.0), block)
        need = need - torch.where(wins, rate * RES_OF_PRB * block.prbs[band], 0.0)
        mine.append(wins)
    return torch.stack(mine, dim=-1)


def _largest_of_cell(metric: Tensor, block: Block) -> Tensor:
    """(R, U) bool: who has the largest metric above 0 in the cell, the first in the order among equals."""
    shape = (len(metric), block.cells + 1)
    most = metric.new_zeros(shape).scatter_reduce_(1, block.home, metric, "amax").gather(1, block.home)
    best = (metric > 0) & (metric == most) & (block.home < block.cells)
    late = len(block.turn)
    turn = torch.where(best, block.turn, late)
    first = turn.new_full(shape, late).scatter_reduce_(1, block.home, turn, "amin").gather(1, block.home)
    return best & (turn == first)


def _weight(state: SlotState, block: Block, which: Tensor, slot: int) -> Tensor:
    """(R, U) float64: what the rate is multiplied by; for round robin the metric itself."""
    fair = 1.0 / state.average.clamp(min=1.0)
    ring = state.packet_end.shape[2]
    age = torch.where(state.left < state.arrived, slot - pick(state.packet_arrival, state.left % ring), 0)
    budget = torch.where(block.inputs.budget_slots > 0, block.inputs.budget_slots, USUAL_BUDGET_SLOTS)
    choices = {
        "round_robin": (slot - state.served).to(torch.float64),
        "proportional_fair": fair,
        "max_ci": torch.ones_like(fair),
        "delay_aware": fair * (age + 1) / budget,
    }
    weight = torch.zeros_like(fair)
    for index, name in enumerate(SCHEDULERS):
        weight = torch.where(which == index, choices[name], weight)
    return weight
