"""Voice: frames while the other end talks, and now and then one while it is silent (TR 36.814 table A.2.1.3-2).

Whether it talks is a process of two states. Time is cut into cells of length d, each with one instant, uniform
within it, at which the state is drawn anew: talk with the probability a (the activity), whatever it was. The
state at any moment is that of the last such instant, so nothing need be kept. A draw ends a spurt with the
probability 1 − a, and draws come at the rate 1/d, hence

    mean spurt = d / (1 − a),   mean pause = d / a,   and d = spurt_s · (1 − a)

A user's frames are its own in number and phase; demand says only whether there is a call.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ranvier.dtops.simulator import streams
from ranvier.dtops.simulator.seeds import Seeds
from ranvier.dtops.simulator.traffic.frames import frames
from ranvier.dtops.simulator.traffic.keys import again, run_keys
from ranvier.dtops.simulator.traffic.services import Voice
from ranvier.dtops.simulator.traffic.span import Span


def add(total: Tensor, service: Voice, seeds: Seeds, user: Tensor, demand: Tensor, span: Span) -> None:
    """Add the frames' bits to `total` (R, U, N), for users whose demand (R, U) is above 0."""
    number, time_s = frames(seeds, "first voice frame", user, service.frame_ms * 1e-3, span)
    silent = torch.where(number % service.silence_frames == 0, service.silence_bits, 0)
    bits = torch.where(talks(service, seeds, user, time_s), service.frame_bits, silent)
    span.add(total, span.slot_of(time_s), torch.where(demand[..., None] > 0, bits, 0))


def talks(service: Voice, seeds: Seeds, user: Tensor, time_s: Tensor) -> Tensor:
    """(R, U, n) bool: whether the other end of each user talks at moments (R, U, n), in seconds."""
    if service.activity >= 1:
        return torch.ones_like(time_s, dtype=torch.bool)
    length_s = service.spurt_s * (1 - service.activity)
    # One draw more than any moment of the span needs: the first cell may still be in the state before it.
    first = int(torch.floor(time_s.min() / length_s)) - 1 if time_s.numel() else 0
    last = int(torch.floor(time_s.max() / length_s)) if time_s.numel() else 0
    cell = torch.arange(first, last + 1, device=user.device)
    key = run_keys(seeds, "talk spurt", user, cell)
    instant = (cell + streams.uniform(again(key, 0))) * length_s
    state = streams.uniform(again(key, 1)) < service.activity
    found = state[..., :1].expand(time_s.shape)
    for each in range(1, len(cell)):
        found = torch.where(time_s >= instant[..., each : each + 1], state[..., each : each + 1], found)
    return found
