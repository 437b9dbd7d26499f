"""Queues of users, in torch: packets arrive, are sent in parts, and are complete, lost or given up.

A user's bits are numbered as they come. `offered` have come, `taken` have been sent at least once, `done` are
acknowledged or lost. A packet has left RLC when taken reaches its end, and is complete when done does:

    DRB.RlcSduDelayDl   from arrival to the slot in which its last part was sent       (TS 28.552 5.1.3.3.3)
    DRB.AirIfDelayDl    from there to the acknowledgement of all of it                 (TS 28.552 5.1.1.1.1)

Bits are counted and not named: what is acknowledged out of order counts as if it had been in order.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ranvier.dtops.simulator.slots.block import Block, put
from ranvier.dtops.simulator.slots.state import SlotState

DISCARDED = -1
"""packet_taken of a packet that was given up."""


def arrive(state: SlotState, block: Block, bits: Tensor, slot: int) -> None:
    """A packet of `bits` (R, U) comes where that is above 0; it is lost where the ring has no room."""
    ring = state.packet_end.shape[2]
    fits = state.arrived - state.gone < ring
    kept = (bits > 0) & fits
    dropped = (bits > 0) & ~fits
    block.count(
        offered_bits=bits, lost_bits=torch.where(dropped, bits, 0), late_packets=dropped.to(torch.int64)
    )
    place = state.arrived % ring
    state.offered += torch.where(kept, bits, 0)
    put(state.packet_end, place, state.offered, kept)
    put(state.packet_arrival, place, torch.full_like(bits, slot), kept)
    state.arrived += kept


def take(state: SlotState, block: Block, room: Tensor, sends: Tensor, slot: int) -> Tensor:
    """(R, U) bits taken for a transport block of up to `room` (R, U), where a user `sends`.

    What RLC sends again comes first. A full buffer makes as much as there is room for.
    """
    room = torch.where(sends, room, 0)
    full = block.inputs.full_buffer
    again = torch.minimum(room, state.again)
    fresh = torch.where(full, room - again, torch.minimum(room - again, state.offered - state.taken))
    made = torch.where(full, fresh, 0)
    state.offered += made
    block.count(offered_bits=made)
    state.again -= again
    state.taken += fresh
    leave(state, block, slot)
    _burst(state, block, again + fresh, sends, slot)
    return again + fresh


def leave(state: SlotState, block: Block, slot: int) -> None:
    """Packets all of which has been sent once have left RLC."""
    gone = _ring(state.left, state.arrived, state.packet_end) & (state.packet_end <= state.taken[..., None])
    state.packet_taken.masked_fill_(gone, slot)
    number = gone.sum(-1)
    state.left += number
    waited = torch.where(gone, slot - state.packet_arrival, 0).sum(-1)
    block.count(rlc_delay_slots=waited, rlc_packets=number)


def complete(state: SlotState, block: Block, slot: int) -> None:
    """Packets all of whose bits are acknowledged, or lost, are complete."""
    ends = _ring(state.gone, state.left, state.packet_end) & (state.packet_end <= state.done[..., None])
    state.gone += ends.sum(-1)
    counted = ends & (state.packet_taken != DISCARDED)
    flown = torch.where(counted, slot - state.packet_taken, 0).sum(-1)
    budget = block.inputs.budget_slots[:, None]
    late = counted & (budget > 0) & (slot - state.packet_arrival > budget)
    block.count(air_delay_slots=flown, air_packets=counted.sum(-1), late_packets=late.sum(-1))


def discard(state: SlotState, block: Block, slot: int) -> None:
    """What is older than its delay budget is given up, of a service with a discard timer (TS 38.323 5.3)."""
    old = slot - state.packet_arrival > block.inputs.budget_slots[:, None]
    old = old & _ring(state.left, state.arrived, state.packet_end) & block.inputs.discard[:, None]
    # Packets are in the order of their arrival, so the old ones come first, and the last ends them all.
    end = torch.where(old, state.packet_end, 0).amax(-1)
    bits = (end - state.taken).clamp(min=0)
    state.taken += bits
    state.done += bits
    state.packet_taken.masked_fill_(old, DISCARDED)
    number = old.sum(-1)
    state.left += number
    lose(state, block, bits)
    block.count(late_packets=number)
    complete(state, block, slot)


def lose(state: SlotState, block: Block, bits: Tensor) -> None:
    """Count bits (R, U) that will never be delivered."""
    state.lost += bits
    block.count(lost_bits=bits)


def _ring(first: Tensor, end: Tensor, like: Tensor) -> Tensor:
    """(R, U, Q) bool: places of the ring that hold packets `first` (R, U) up to `end`."""
    place = torch.arange(like.shape[2], device=like.device)
    return (place - first[..., None]) % like.shape[2] < (end - first)[..., None]


def _burst(state: SlotState, block: Block, bits: Tensor, sends: Tensor, slot: int) -> None:
    """Volume and time of bursts without the block that empties the buffer (TS 28.552 5.1.1.3.1)."""
    within = sends & (state.burst_until >= 0)
    more = sends & (block.inputs.full_buffer | (state.waiting() > 0))
    block.count_cells(
        burst_slots=torch.where(within, slot - state.burst_until, 0),
        burst_bits=torch.where(more, bits, 0),
        short_burst_bits=torch.where(sends & ~more, bits, 0),
    )
    state.burst_until.copy_(torch.where(sends, torch.where(more, slot, -1), state.burst_until))
