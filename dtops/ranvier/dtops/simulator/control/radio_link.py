"""Radio link monitoring: out-of-sync and in-sync indications, T310, and radio link failure (TS 38.331 5.3.10)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ranvier.dtops.simulator.control.moment import Moment
from ranvier.dtops.simulator.control.settings import RadioLink
from ranvier.dtops.simulator.control.state import NEVER


@dataclass(frozen=True, slots=True)
class Monitored:
    """Counts of indications and T310 after a sample, (R, U) each as in ControlState; `failed` bool."""

    out_of_sync: Tensor
    in_sync: Tensor
    t310: Tensor
    failed: Tensor


def indications(count: int, radio_link: RadioLink, moment: Moment) -> int:
    """Periods that stand for `count` indications in succession: at least one, rounded up.

    Lower layers indicate once every `indication_ms` (TS 38.133 8.1.6), control samples once a period.
    """
    return max(1, math.ceil(count * radio_link.indication_ms * 1e-3 / moment.period_s - 1e-9))


def monitored(
    before: tuple[Tensor, Tensor, Tensor],
    sinr_db: Tensor,
    watched: Tensor,
    settings: RadioLink,
    moment: Moment,
) -> Monitored:
    """The next sample of the serving link's SINR.

    Below Q_out it is out of sync, above Q_in in sync, in between there is no indication. N310 out-of-sync
    indications in succession start T310; N311 in-sync indications in succession stop it (5.3.10.1, 5.3.10.2);
    its expiry is a radio link failure (5.3.10.3).

    before   out_of_sync, in_sync, t310
    watched  (R, U) bool: connected, and neither T301, T304 nor T311 runs; elsewhere everything is reset
    """
    out_of_sync, in_sync, t310 = before
    out, in_ = watched & (sinr_db < settings.out_db), watched & (sinr_db > settings.in_db)
    out_of_sync = (out_of_sync + out.long()) * (watched & ~in_)
    in_sync = (in_sync + in_.long()) * (watched & ~out)
    running = t310 < NEVER
    start = ~running & (out_of_sync >= indications(settings.n310, settings, moment))
    stop = ~watched | (in_sync >= indications(settings.n311, settings, moment))
    t310 = torch.where(start, moment.slot + moment.slots_of(settings.t310_ms), t310)
    t310 = torch.where(stop, NEVER, t310)
    return Monitored(out_of_sync, in_sync, t310, t310 <= moment.slot)
