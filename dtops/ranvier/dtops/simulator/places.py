"""Where users are whose session has just begun: a place of its own for each session, as in a fresh drop."""

from __future__ import annotations

import torch
from torch import Tensor

from ranvier.dtops.simulator import streams
from ranvier.dtops.simulator.control.moment import Moment
from ranvier.dtops.simulator.control.state import Who
from ranvier.dtops.simulator.deployment.plan import Deployment
from ranvier.dtops.simulator.motion import MotionState

_PURPOSE = streams.purpose("place of a session")


def restarted(
    state: MotionState, arrived: Tensor, deployment: Deployment, who: Who, session: Tensor, moment: Moment
) -> MotionState:
    """Users who `arrived` (R, U) bool stand at the place of their session (R, U), at the end of a leg."""
    part = torch.arange(4, device=session.device)
    keys = who.seeds.run_keys(_PURPOSE, who.user_key[None, :, None], session[..., None], part)
    place = deployment.places(streams.uniform(keys), torch.arange(session.shape[1], device=session.device))
    here = torch.where(arrived[..., None], place, state.position_m[..., :2])
    return MotionState(
        torch.cat([here, state.position_m[..., 2:]], dim=-1),
        torch.where(arrived[..., None], place, state.start_m),
        torch.where(arrived[..., None], place, state.end_m),
        torch.where(arrived, moment.time_s, state.begin_s), state.leg, state.heading,
    )  # fmt: skip
