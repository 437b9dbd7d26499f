"""What a step knows of each link: filtered powers, and which neighbours have triggered an event."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ranvier.dtops.simulator.control import events
from ranvier.dtops.simulator.control.measurement_filter import coefficient, filtered, places, with_error
from ranvier.dtops.simulator.control.moment import Moment
from ranvier.dtops.simulator.control.settings import ControlSettings, Neighbours
from ranvier.dtops.simulator.control.state import NOWHERE, CellTable, ControlState, Measured, Who

_LAST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Links:
    """cell, filtered_dbm, run and triggered as in ControlState, for the links as they are now."""

    cell: Tensor
    filtered_dbm: Tensor
    run: Tensor
    triggered: Tensor


def carried(state: ControlState, cell: Tensor) -> Links:
    """What was known of the cells that users' links `cell` (R, U, L) int32 lead to now; of others nothing."""
    known = Links(state.cell, state.filtered_dbm, state.run, state.triggered)
    if torch.equal(state.cell, cell):
        return known
    if state.cell.shape != cell.shape:
        known = _with_width(known, cell.shape[-1])
    changed = (known.cell != cell).any(dim=-1)
    r, u = changed.nonzero(as_tuple=True)
    place = places(state.cell[r, u], cell[r, u])
    there, at = place >= 0, place.clamp(min=0)
    filtered_dbm, run, triggered = known.filtered_dbm.clone(), known.run.clone(), known.triggered.clone()
    filtered_dbm[r, u] = torch.where(there, state.filtered_dbm[r, u].gather(-1, at), -math.inf)
    for event in range(run.shape[1]):
        run[r, event, u] = state.run[r, event, u].gather(-1, at) * there
        triggered[r, event, u] = state.triggered[r, event, u].gather(-1, at) & there
    return Links(cell, filtered_dbm, run, triggered)


def _with_width(known: Links, links: int) -> Links:
    """Room for as many links, in all of which something changes."""
    shape = (*known.filtered_dbm.shape[:-1], links)
    by_event = (*known.run.shape[:-1], links)
    return Links(
        known.cell.new_full(shape, NOWHERE - 1), known.filtered_dbm.new_zeros(shape),
        known.run.new_zeros(by_event), known.triggered.new_zeros(by_event),
    )  # fmt: skip


def sampled(measured: Measured, settings: ControlSettings, moment: Moment, who: Who) -> Tensor:
    """M_n (R, U, L): the powers as users measure them."""
    if settings.measurement_error_db == 0:
        return measured.rsrp_dbm
    return with_error(measured.rsrp_dbm, measured.cell, settings.measurement_error_db, who, moment)


def link_step(
    known: Links, sample_dbm: Tensor, fresh: Tensor, settings: ControlSettings, moment: Moment
) -> Tensor:
    """F_n (R, U, L). `fresh` (R, U) bool: users of whom nothing earlier counts."""
    a = coefficient(settings.filter_k, moment.period_s)
    previous = known.filtered_dbm
    if bool(fresh.any()):
        previous = torch.where(fresh[..., None], -math.inf, previous)
    return filtered(previous, sample_dbm, a)


def event_step(
    known: Links, serving: Tensor, active: Tensor, cells: CellTable, settings: ControlSettings, moment: Moment
) -> tuple[Links, Tensor]:
    """The links after another sample, and the cell (R, U) to which each user should be handed over.

    That is, of the cells in an event's cellsTriggeredList, the one with the greatest Mn + Ofn + Ocn; −1 for
    none. The network acts on the list in each period: a report interval no longer than that.

    known    with the filtered values of this period
    serving  (R, U) int64; active (R, U) bool: those whose measurements are evaluated, the lists of others
             are empty, for a new cell comes with a new measurement configuration (TS 38.331 5.5.2)
    """
    own = known.cell == serving[..., None].to(torch.int32)
    mp = torch.where(own, known.filtered_dbm, -math.inf).amax(dim=-1, keepdim=True)
    neighbour = known.filtered_dbm + _by_cell(cells.offset_db, known.cell)
    compared = events.Compared(mp, mp + cells.offset_db[serving.clamp(min=0)][..., None], neighbour)
    others = active[..., None] & ~own
    runs, lists = [], []
    for place, event in enumerate(settings.events):
        about = others & _of_carriers(event.neighbours, known.cell, serving, cells)
        before = known.run[:, place], known.triggered[:, place]
        run, triggered = events.followed(*before, compared, about, event, moment)
        runs.append(run)
        lists.append(triggered)
    if not runs:
        return known, torch.full_like(serving, NOWHERE)
    stacked = torch.stack(lists, dim=1)
    listed = stacked[:, 0] if len(lists) == 1 else stacked.any(dim=1)
    called = strongest(torch.where(listed, neighbour, -math.inf), known.cell)
    return Links(known.cell, known.filtered_dbm, torch.stack(runs, dim=1), stacked), called


def _of_carriers(which: Neighbours, cell: Tensor, serving: Tensor, cells: CellTable) -> Tensor:
    """(R, U, L) bool, or a single True: links to cells of the carriers that an event is about."""
    if which == "any":
        return torch.ones((), dtype=torch.bool, device=cell.device)
    same = _by_cell(cells.carrier, cell) == cells.carrier[serving.clamp(min=0)][..., None]
    return same if which == "same" else ~same


def _by_cell(column: Tensor, cell: Tensor) -> Tensor:
    """(R, U, L) the entry of `column` (C,) of each link's cell; that of cell 0 where there is no link."""
    return column.index_select(0, cell.clamp(min=0).flatten()).view(cell.shape)


def strongest(value_db: Tensor, cell: Tensor, above_db: float = -math.inf) -> Tensor:
    """(R, U) int64: the cell (R, U, L) int32 of the greatest value (R, U, L), −1 where none is above `above_db`.

    Among equals the one with the lowest index, so that the order of links decides nothing: co-sited sectors
    are equal behind their antennas, where the patterns' attenuation is capped.
    """
    best = value_db.amax(dim=-1, keepdim=True)
    first = torch.where(value_db == best, cell, _LAST).amin(dim=-1)
    return torch.where(best[..., 0] > above_db, first, NOWHERE).to(torch.int64)


def received(cell: Tensor, wanted: Tensor, power_dbm: Tensor) -> Tensor:
    """(R, U) bool: whether the cell `wanted` (R, U) is on and within reach of the links (R, U, L)."""
    return ((cell == wanted[..., None].to(torch.int32)) & (power_dbm > -math.inf)).any(dim=-1)
