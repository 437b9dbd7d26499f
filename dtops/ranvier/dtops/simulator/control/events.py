"""Events A3 and A5: which neighbours of a user call for a handover (TS 38.331 5.5.4)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ranvier.dtops.simulator.control.moment import Moment
from ranvier.dtops.simulator.control.settings import A3, A5, Event


@dataclass(frozen=True, slots=True)
class Compared:
    """The quantities of the conditions, offsets included.

    mp            (R, U, 1) Mp: of the serving cell; −inf where it is not received
    serving       (R, U, 1) Mp + Ofp + Ocp
    neighbour     (R, U, L) Mn + Ofn + Ocn: of each link
    """

    mp: Tensor
    serving: Tensor
    neighbour: Tensor


def a3_entering(m: Compared, event: A3) -> Tensor:
    """A3-1 (TS 38.331 5.5.4.4): Mn + Ofn + Ocn − Hys > Mp + Ofp + Ocp + Off."""
    return m.neighbour - event.hysteresis_db > m.serving + event.offset_db


def a3_leaving(m: Compared, event: A3) -> Tensor:
    """A3-2 (TS 38.331 5.5.4.4): Mn + Ofn + Ocn + Hys < Mp + Ofp + Ocp + Off."""
    return m.neighbour + event.hysteresis_db < m.serving + event.offset_db


def a5_entering(m: Compared, event: A5) -> Tensor:
    """A5-1 and A5-2 (TS 38.331 5.5.4.6): Mp + Hys < Thresh1, and Mn + Ofn + Ocn − Hys > Thresh2."""
    serving = m.mp + event.hysteresis_db < event.serving_below_dbm
    return serving & (m.neighbour - event.hysteresis_db > event.neighbour_above_dbm)


def a5_leaving(m: Compared, event: A5) -> Tensor:
    """A5-3 or A5-4 (TS 38.331 5.5.4.6): Mp − Hys > Thresh1, or Mn + Ofn + Ocn + Hys < Thresh2."""
    serving = m.mp - event.hysteresis_db > event.serving_below_dbm
    return serving | (m.neighbour + event.hysteresis_db < event.neighbour_above_dbm)


def entering(m: Compared, event: Event) -> Tensor:
    """(R, U, L) bool: the entering condition of whichever event."""
    return a3_entering(m, event) if isinstance(event, A3) else a5_entering(m, event)


def leaving(m: Compared, event: Event) -> Tensor:
    """(R, U, L) bool: the leaving condition."""
    return a3_leaving(m, event) if isinstance(event, A3) else a5_leaving(m, event)


def followed(
    run: Tensor, triggered: Tensor, m: Compared, compared: Tensor, event: Event, moment: Moment
) -> tuple[Tensor, Tensor]:
    """`run` and `triggered` (R, U, L) of one event after another sample (TS 38.331 5.5.4.1).

    A cell enters cellsTriggeredList when its entering condition has held for all samples during
    timeToTrigger, and leaves it when the leaving condition has. Samples are a period apart: with
    m = ⌈timeToTrigger / period⌉ that is the sample in which the condition appears, and m more.

    compared  (R, U, L) bool: the links that the event is about; others are in no list
    """
    holds = torch.where(triggered, leaving(m, event), entering(m, event)) & compared
    run = (run + 1) * holds
    turned = run > moment.periods_of(event.time_to_trigger_ms)
    return run * ~turned, (triggered ^ turned) & compared
