"""`RunState`: everything that goes on from block to block; a run can be put away with it and taken up again."""

from __future__ import annotations

import copy
import io
from dataclasses import dataclass

import torch
from torch import Tensor

from ranvier.dtops.simulator.air import Air
from ranvier.dtops.simulator.control.sessions import SessionState
from ranvier.dtops.simulator.control.state import ControlState
from ranvier.dtops.simulator.control.tally import ControlTally
from ranvier.dtops.simulator.energy import EnergyState
from ranvier.dtops.simulator.layout import Layout
from ranvier.dtops.simulator.link_gains import LinkGains
from ranvier.dtops.simulator.motion import MotionState
from ranvier.dtops.simulator.slots.state import SlotState, Tallies


@dataclass(slots=True)
class RunState:
    """R realisations at one slot, altered in place as the run goes on.

    slot      absolute: the next one
    layout    with the cells as they are set up now
    demand    (R, U) float64 factor on the traffic of each user
    square    (R, U, 2) int64: the square metre that gains were last worked out for
    load      (R, C) float64: part of the PRBs used in the last measurement period
    used      (R, C) float64: PRB·slots in the period so far
    tallies, control_tally, energy_ws   of the granularity period so far; energy (R, C) float64 in joules
    """

    slot: int
    layout: Layout
    demand: Tensor
    square: Tensor
    motion: MotionState
    gains: LinkGains
    air: Air
    sessions: SessionState
    control: ControlState
    slots: SlotState
    energy: EnergyState
    load: Tensor
    used: Tensor
    tallies: Tallies
    control_tally: ControlTally
    energy_ws: Tensor

    def copy(self) -> RunState:
        """A state that shares no tensor with this one."""
        return copy.deepcopy(self)

    def to_bytes(self) -> bytes:
        """The state to keep; `RunState.from_bytes` takes it up."""
        written = io.BytesIO()
        torch.save(self, written)
        return written.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> RunState:
        """The state that `to_bytes` gave. The bytes are code as well as data: only ever of one's own runs."""
        found = torch.load(io.BytesIO(data), weights_only=False)
        if not isinstance(found, cls):
            raise TypeError(f"expected a RunState, got {type(found).__name__}")
        return found
