"""What control is told, what it keeps between periods, and what it says happened."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ranvier.dtops.simulator.layout import Cells
from ranvier.dtops.simulator.population import Population
from ranvier.dtops.simulator.seeds import Seeds

IDLE, CONNECTED, PREPARING, ACCESS, REESTABLISHING, SEARCHING = range(6)
"""Phases of a user: without a cell; served; served while a handover is prepared; on the way into the target
(T304 runs); into a cell after a failure (T301); without a cell after a failure (T311)."""
NOWHERE = -1
NEVER = 2**62
"""A slot that does not come."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What is known at the beginning of a period.

    cell      (R, U, L) int64: the cell at the other end of each link, −1 for none; each cell at most once
    rsrp_dbm  (R, U, L) float32: SS-RSRP of its best beam; −inf where the cell is off or there is no link
    sinr_db   (R, U) float32: of the link to `ControlState.serving` as it was; −inf where there is none
    present   (R, U) bool: has a session
    """

    cell: Tensor
    rsrp_dbm: Tensor
    sinr_db: Tensor
    present: Tensor


@dataclass(frozen=True, slots=True)
class CellTable:
    """What control knows of cells, (C,) each.

    gnb        int64, of the cell
    carrier    int64
    offset_db  float32: Ofn + Ocn of TS 38.331 5.5.4, the offsets of a cell and of its frequency
    """

    gnb: Tensor
    carrier: Tensor
    offset_db: Tensor

    @classmethod
    def of(cls, cells: Cells, device: torch.device | str = "cpu") -> CellTable:
        """The table of a layout's cells."""
        return cls(
            torch.from_numpy(cells.gnb).to(device),
            torch.from_numpy(cells.carrier).to(device),
            torch.from_numpy(cells.offset_db).to(device, torch.float32),
        )


@dataclass(frozen=True, slots=True)
class Who:
    """Whose draws these are: the seeds of R realisations, and the keys (U,) int64 of the users."""

    seeds: Seeds
    user_key: Tensor

    @classmethod
    def of(cls, seeds: Seeds, population: Population) -> Who:
        """Of a population."""
        return cls(seeds, population.key)


@dataclass(frozen=True, slots=True)
class ControlState:
    """What control keeps; a step gives a new one and alters none.

    serving        (R, U) int64 cell; −1 without one. In ACCESS it is the target already
    ready_slot     (R, U) int64: the first slot in which the user may be sent anything
    phase          (R, U) int64: IDLE … SEARCHING
    deadline       (R, U) int64 slot at which the phase ends: the command, or the timer of the phase
    target         (R, U) int64 cell that a handover is prepared to, −1 without one
    present        (R, U) bool
    cell           (R, U, L) int32: whose values the next three are
    filtered_dbm   (R, U, L) float32: F_n
    run            (R, E, U, L) int16: periods in succession in which a link meets the entering condition of
                   each event, or, once it has triggered, the leaving one
    triggered      (R, E, U, L) bool: in cellsTriggeredList
    out_of_sync, in_sync   (R, U) int64 indications in succession
    t310           (R, U) int64 slot of its expiry; NEVER while it does not run
    source         (R, U) int64: the cell that the last handover came from, −1 before one
    handover_slot  (R, U) int64 at which that handover was commanded, then at which it succeeded
    returning      (R, U) bool: it is back to a cell left a moment ago
    lost           (R, U) int64: the cell of the failure that is being recovered from, −1 without one
    lost_soon      (R, U) bool: that failure is due to the last handover
    """

    serving: Tensor
    ready_slot: Tensor
    phase: Tensor
    deadline: Tensor
    target: Tensor
    present: Tensor
    cell: Tensor
    filtered_dbm: Tensor
    run: Tensor
    triggered: Tensor
    out_of_sync: Tensor
    in_sync: Tensor
    t310: Tensor
    source: Tensor
    handover_slot: Tensor
    returning: Tensor
    lost: Tensor
    lost_soon: Tensor


def fresh_state(cell: Tensor, events: int) -> ControlState:
    """Nobody is here yet: the first step attaches who is present. `cell` (R, U, L) as in Measured."""
    realisations, users, links = cell.shape

    def full(value: int | bool, dtype: torch.dtype = torch.int64) -> Tensor:
        return torch.full((realisations, users), value, dtype=dtype, device=cell.device)

    by_event = (realisations, events, users, links)
    return ControlState(
        serving=full(NOWHERE), ready_slot=full(0), phase=full(IDLE), deadline=full(NEVER),
        target=full(NOWHERE), present=full(False, torch.bool), cell=cell.to(torch.int32, copy=True),
        filtered_dbm=torch.full(cell.shape, -math.inf, dtype=torch.float32, device=cell.device),
        run=torch.zeros(by_event, dtype=torch.int16, device=cell.device),
        triggered=torch.zeros(by_event, dtype=torch.bool, device=cell.device),
        out_of_sync=full(0), in_sync=full(0), t310=full(NEVER), source=full(NOWHERE),
        handover_slot=full(-NEVER), returning=full(False, torch.bool), lost=full(NOWHERE),
        lost_soon=full(False, torch.bool),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class ControlEvents:
    """What happened in a step, (R, U) each; masks are bool.

    before, serving     int64 cells that served before and serve after the step, −1 for none
    source, target      int64: the cells of the handover that the next five masks speak of; −1 elsewhere
    preparing           its preparation began
    executing           the command reached the user: `serving` is the target from now on
    succeeded, failed   access to the target succeeded, or T304 expired
    ping_pong           (of succeeded) back to the cell left less than ping_pong_ms ago
    link_failed         radio link failure in the cell `before`
    reestablishing      asks the cell `serving` for re-establishment; `reestablished`: it succeeded
    too_late, too_early, to_wrong_cell   of those that reestablish: TS 38.300 15.5.2.2
    blamed              int64: the cell to which that, or being detached, is counted: the source of the
                        handover, the cell kept too long, or the one that was lost last; −1 elsewhere
    attached            to `serving`, from idle
    detached            to idle: no suitable cell in time, or no access to it
    arrived, left       session began, ended (in `before`, −1: without a cell)
    """

    before: Tensor
    serving: Tensor
    source: Tensor
    target: Tensor
    preparing: Tensor
    executing: Tensor
    succeeded: Tensor
    failed: Tensor
    ping_pong: Tensor
    link_failed: Tensor
    reestablishing: Tensor
    reestablished: Tensor
    too_late: Tensor
    too_early: Tensor
    to_wrong_cell: Tensor
    blamed: Tensor
    attached: Tensor
    detached: Tensor
    arrived: Tensor
    left: Tensor
