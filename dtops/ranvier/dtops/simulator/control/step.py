"""One step of mobility control, at the beginning of a measurement period.

    presence ► filter ► events ► access ► monitoring ► preparation ► execution ► failure ► search ► attach

A user makes one transition of its phase in a step, save that a failure looks for a cell at once, and that a
handover without preparation time is commanded at once:

    IDLE ──attach──► CONNECTED ──event──► PREPARING ──command──► ACCESS ──► CONNECTED
                         └───────T310 expires──┴──┐         T304 expires │
                                                  ▼                      │
                     IDLE ◄──T311 expires── SEARCHING ◄──────────────────┘
                     IDLE ◄──T301 expires── REESTABLISHING ◄──a suitable cell      ──► CONNECTED
"""

from __future__ import annotations

import torch
from torch import Tensor

from ranvier.dtops.simulator.control import links, phases
from ranvier.dtops.simulator.control.moment import Moment
from ranvier.dtops.simulator.control.radio_link import monitored
from ranvier.dtops.simulator.control.settings import ControlSettings
from ranvier.dtops.simulator.control.state import (
    CONNECTED,
    PREPARING,
    CellTable,
    ControlEvents,
    ControlState,
    Measured,
    Who,
)


def control_step(
    state: ControlState,
    measured: Measured,
    cells: CellTable,
    settings: ControlSettings,
    moment: Moment,
    who: Who,
) -> tuple[ControlState, ControlEvents]:
    """Control's decisions at `moment`, for all users at once. No argument is altered.

    The same for each user, whatever else is in the batch and in which order its links come.
    """
    draft = phases.begun(state, measured, moment)
    cell = measured.cell.to(torch.int32, copy=True)
    known = links.carried(state, cell)
    sample_dbm = links.sampled(measured, settings, moment, who)
    filtered_dbm = links.link_step(known, sample_dbm, ~state.present, settings, moment)
    known = links.Links(known.cell, filtered_dbm, known.run, known.triggered)
    active = (draft.phase == CONNECTED) | (draft.phase == PREPARING)
    known, called = links.event_step(known, draft.serving, active, cells, settings, moment)
    watch = monitored(
        (state.out_of_sync, state.in_sync, state.t310), measured.sinr_db, active, settings.radio_link, moment
    )
    suitable = _suitable(sample_dbm, cell, settings)
    phases.access(draft, settings)
    phases.prepare(draft, called, active & ~watch.failed, settings)
    reachable = links.received(cell, draft.target, sample_dbm)
    phases.execute(draft, reachable, active & ~watch.failed, settings)
    phases.lose(draft, watch.failed, settings)
    phases.search(draft, suitable, settings)
    phases.attach(draft, suitable, settings)
    after = ControlState(
        serving=draft.serving, ready_slot=draft.ready_slot, phase=draft.phase, deadline=draft.deadline,
        target=draft.target, present=measured.present.clone(), cell=known.cell, filtered_dbm=filtered_dbm,
        run=known.run, triggered=known.triggered, out_of_sync=watch.out_of_sync, in_sync=watch.in_sync,
        t310=watch.t310, source=draft.source, handover_slot=draft.handover_slot, returning=draft.returning,
        lost=draft.lost, lost_soon=draft.lost_soon,
    )  # fmt: skip
    return after, phases.events_of(draft)


def _suitable(sample_dbm: Tensor, cell: Tensor, settings: ControlSettings) -> Tensor:
    """(R, U) the strongest cell with Srxlev = Q_rxlevmeas − Q_rxlevmin > 0 (TS 38.304 5.2.3.2); −1 for none."""
    return links.strongest(sample_dbm, cell, settings.minimum_rsrp_dbm)
