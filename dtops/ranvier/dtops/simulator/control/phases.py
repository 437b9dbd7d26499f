"""The phases of users: attach, handover, failure, re-establishment; each function is one kind of transition.

They alter a `Draft`, which one step makes and uses up. `draft.began` holds the phases at its beginning.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from ranvier.dtops.simulator.control.moment import Moment
from ranvier.dtops.simulator.control.settings import ControlSettings
from ranvier.dtops.simulator.control.state import (
    ACCESS,
    CONNECTED,
    IDLE,
    NEVER,
    NOWHERE,
    PREPARING,
    REESTABLISHING,
    SEARCHING,
    ControlEvents,
    ControlState,
    Measured,
)


@dataclass(slots=True)
class Draft:
    """What a step is making of the users, (R, U) each; the names are those of ControlState.

    began         phase at the beginning
    before        serving cell at the beginning, −1 for who has left
    sinr_db       of the serving link
    masks         by name in ControlEvents, of what has happened so far
    from_, to     the cells of the handover in question; blamed: as in ControlEvents
    """

    moment: Moment
    began: Tensor
    before: Tensor
    sinr_db: Tensor
    present: Tensor
    serving: Tensor
    ready_slot: Tensor
    phase: Tensor
    deadline: Tensor
    target: Tensor
    source: Tensor
    handover_slot: Tensor
    returning: Tensor
    lost: Tensor
    lost_soon: Tensor
    from_: Tensor
    to: Tensor
    blamed: Tensor
    masks: dict[str, Tensor] = field(default_factory=dict)

    def put(self, mask: Tensor, **values: Tensor | int | bool) -> None:
        """These fields have these values where `mask` is true."""
        for name, value in values.items():
            setattr(self, name, torch.where(mask, value, getattr(self, name)))


def begun(state: ControlState, measured: Measured, moment: Moment) -> Draft:
    """The users as they were, apart from those whose session ended: they are without a cell and a past."""
    left = state.present & ~measured.present
    nowhere = torch.full_like(state.serving, NOWHERE)
    draft = Draft(
        moment, state.phase, state.serving, measured.sinr_db, measured.present, state.serving, state.ready_slot,
        state.phase, state.deadline, state.target, state.source, state.handover_slot, state.returning,
        state.lost, state.lost_soon, nowhere, nowhere, nowhere,
    )  # fmt: skip
    draft.put(
        left, phase=IDLE, serving=NOWHERE, deadline=NEVER, target=NOWHERE, source=NOWHERE,
        handover_slot=-NEVER, returning=False, lost=NOWHERE, lost_soon=False,
    )  # fmt: skip
    draft.began = draft.phase
    draft.masks.update(left=left, arrived=measured.present & ~state.present)
    return draft


def _heard(draft: Draft, settings: ControlSettings) -> Tensor:
    """(R, U) bool: the serving link carries signalling, that is, its SINR is not below Q_out."""
    return draft.sinr_db >= settings.radio_link.out_db


def access(draft: Draft, settings: ControlSettings) -> None:
    """Random access to the cell of a handover or of a re-establishment.

    It succeeds once the link carries signalling, and has failed when T304 or T301 expires (TS 38.331
    5.3.5.8.3, 5.3.7.7).
    """
    moment = draft.moment
    moving, rejoining = draft.began == ACCESS, draft.began == REESTABLISHING
    open_ = draft.ready_slot <= moment.slot
    through = open_ & _heard(draft, settings)
    expired = ~through & (draft.deadline <= moment.slot)
    done = (moving | rejoining) & through
    draft.masks.update(
        succeeded=moving & through, failed=moving & expired, reestablished=rejoining & through,
        refused=rejoining & expired, ping_pong=moving & through & draft.returning,
    )  # fmt: skip
    draft.put(moving & (through | expired), from_=draft.source, to=draft.before)
    draft.put(done, phase=CONNECTED, deadline=NEVER)
    draft.put(moving & through, handover_slot=moment.slot, returning=False)
    waits = (moving | rejoining) & open_ & ~through & ~expired
    draft.put(waits, ready_slot=moment.slot + moment.period_slots)


def prepare(draft: Draft, called: Tensor, able: Tensor, settings: ControlSettings) -> None:
    """A report that reaches the network starts a preparation (TS 38.300 9.2.3.2.1, steps 1 to 5).

    called  (R, U) int64: the cell to hand over to, −1 for none; able (R, U) bool: connected, link not failed
    """
    begins = able & (draft.began == CONNECTED) & (called >= 0) & _heard(draft, settings)
    due = draft.moment.slot + draft.moment.slots_of(settings.preparation_ms)
    draft.put(begins, phase=PREPARING, target=called, deadline=due, from_=draft.serving, to=called)
    draft.masks["preparing"] = begins


def execute(draft: Draft, reachable: Tensor, able: Tensor, settings: ControlSettings) -> None:
    """The command reaches the user as soon as it is due and the link carries it (step 6); the user leaves.

    reachable  (R, U) bool: the target transmits; a target that no longer does ends the preparation
    """
    moment = draft.moment
    due = able & (draft.phase == PREPARING) & (draft.deadline <= moment.slot)
    goes = due & reachable & _heard(draft, settings)
    recent = moment.slot - draft.handover_slot <= moment.slots_of(settings.ping_pong_ms)
    draft.put(goes, from_=draft.serving, to=draft.target, returning=recent & (draft.target == draft.source))
    draft.put(goes, source=draft.serving, serving=draft.target, phase=ACCESS, handover_slot=moment.slot)
    draft.put(
        goes,
        ready_slot=moment.slot + moment.slots_of(settings.interruption_ms),
        deadline=moment.slot + moment.slots_of(settings.t304_ms),
    )
    draft.put(due & ~reachable, phase=CONNECTED, deadline=NEVER)
    draft.put(goes | (due & ~reachable), target=NOWHERE)
    draft.masks["executing"] = goes


def lose(draft: Draft, link_failed: Tensor, settings: ControlSettings) -> None:
    """A radio link failure, or a handover that failed: no cell any more; one is sought while T311 runs.

    TS 38.331 5.3.10.3, 5.3.7.2.
    """
    moment, failed = draft.moment, draft.masks["failed"]
    recent = moment.slot - draft.handover_slot <= moment.slots_of(settings.soon_ms)
    gone = link_failed | failed
    draft.put(gone, lost=draft.serving, lost_soon=failed | recent, serving=NOWHERE, target=NOWHERE)
    draft.put(
        gone,
        phase=SEARCHING,
        deadline=moment.slot + moment.slots_of(settings.radio_link.t311_ms),
        returning=False,
    )
    draft.masks["link_failed"] = link_failed


def search(draft: Draft, suitable: Tensor, settings: ControlSettings) -> None:
    """Who seeks a cell asks the strongest suitable one for re-establishment (TS 38.331 5.3.7.3).

    Without one the user goes idle when T311 expires (5.3.7.6), or when T301 does (5.3.7.7).

    What went wrong shows in the cell that is asked (TS 38.300 15.5.2): after a handover the source: too
    early; a third cell: to the wrong cell; long after one another cell: too late.

    suitable  (R, U) int64: the strongest suitable cell, −1 for none
    """
    moment, radio_link = draft.moment, settings.radio_link
    seeks = draft.phase == SEARCHING
    asks = seeks & (suitable >= 0)
    elsewhere, soon = asks & (suitable != draft.lost), draft.lost_soon
    early = elsewhere & soon & (suitable == draft.source)
    wrong, late = elsewhere & soon & ~early, elsewhere & ~soon
    over = seeks & ~asks & (draft.deadline <= moment.slot)
    refused = draft.masks.pop("refused")
    draft.masks.update(
        reestablishing=asks, too_early=early, to_wrong_cell=wrong, too_late=late, detached=over | refused
    )
    draft.put(early | wrong, blamed=draft.source)
    draft.put(late | over, blamed=draft.lost)
    draft.put(refused, blamed=draft.serving)
    draft.put(
        asks, phase=REESTABLISHING, serving=suitable,
        ready_slot=moment.slot + moment.slots_of(radio_link.reestablish_ms),
        deadline=moment.slot + moment.slots_of(radio_link.t301_ms),
    )  # fmt: skip
    draft.put(over | refused, phase=IDLE, serving=NOWHERE, deadline=NEVER)
    draft.put(asks | over, source=NOWHERE, handover_slot=-NEVER, lost=NOWHERE, lost_soon=False)


def attach(draft: Draft, suitable: Tensor, settings: ControlSettings) -> None:
    """Who was idle at the step's beginning connects to the strongest suitable cell (TS 38.304 5.2.3.2)."""
    attached = draft.present & (draft.began == IDLE) & (suitable >= 0)
    ready = draft.moment.slot + draft.moment.slots_of(settings.setup_ms)
    draft.put(attached, phase=CONNECTED, serving=suitable, ready_slot=ready, deadline=NEVER)
    draft.masks["attached"] = attached


def events_of(draft: Draft) -> ControlEvents:
    """What the step did."""
    return ControlEvents(
        before=draft.before, serving=draft.serving, source=draft.from_, target=draft.to, blamed=draft.blamed,
        **draft.masks,
    )  # fmt: skip
