"""What becomes of a user's data when its serving cell changes, or when it has none any more. Between blocks."""

from __future__ import annotations

import torch
from torch import Tensor

from ranvier.dtops.simulator.slots.state import FREE, SlotState, Tallies


def handed_over(state: SlotState, moves: Tensor) -> None:
    """Users who move, (R, U) bool, to another cell: nothing of their data is lost.

    The MAC is reset (TS 38.321 5.12): what was in HARQ waits to be sent again. The new cell knows no report of
    theirs, begins its outer loop anew and measures bursts of its own. The average of proportional fairness
    belongs to the user and stays.
    """
    state.again += torch.where(moves, state.in_flight(), 0)
    _forget(state, moves)


def detached(state: SlotState, leaves: Tensor, serving_cell: Tensor, tallies: Tallies) -> None:
    """Users who leave, (R, U) bool, their cells (R, U), −1 for none: their queues are given up as lost.

    Volume counts as lost and packets as late, for the user and for the cell that they leave.
    """
    bits = torch.where(leaves, state.waiting() + state.in_flight(), 0)
    packets = torch.where(leaves, _open_packets(state), 0)
    for name, values in (("lost_bits", bits), ("late_packets", packets)):
        getattr(tallies.users, name).add_(values)
        of_cells = getattr(tallies.cells, name)
        cell = torch.where(serving_cell >= 0, serving_cell, of_cells.shape[1])
        padded = torch.nn.functional.pad(of_cells, (0, 1)).scatter_add_(1, cell, values.to(torch.float64))
        of_cells.copy_(padded[:, :-1])
    state.lost += bits
    for counter in (state.taken, state.done):
        counter.copy_(torch.where(leaves, state.offered, counter))
    for counter in (state.left, state.gone):
        counter.copy_(torch.where(leaves, state.arrived, counter))
    for column, value in ((state.again, 0), (state.average, 0), (state.served, -1)):
        column.masked_fill_(leaves, value)
    _forget(state, leaves)


def _open_packets(state: SlotState) -> Tensor:
    """(R, U) int64: packets that are not complete, without those that were given up already."""
    ring = state.packet_end.shape[2]
    place = torch.arange(ring, device=state.gone.device)
    sent = (place - state.gone[..., None]) % ring < (state.left - state.gone)[..., None]
    return state.arrived - state.left + (sent & (state.packet_taken >= 0)).sum(-1)


def _forget(state: SlotState, users: Tensor) -> None:
    """Reset HARQ, reports, outer loop and burst of `users` (R, U) bool."""
    for column, value in (
        (state.harq_phase, FREE), (state.offset_db, 0), (state.cqi, 0), (state.rank, 1),
        (state.next_slot, -1), (state.burst_until, -1),
    ):  # fmt: skip
        column.masked_fill_(users[..., None] if column.dim() == 3 else users, value)
