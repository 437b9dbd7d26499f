"""Frames at even intervals, from an instant of the user's own on; by their numbers each has its own draws."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ranvier.dtops.simulator import streams
from ranvier.dtops.simulator.seeds import Seeds
from ranvier.dtops.simulator.traffic.keys import run_keys, user_keys
from ranvier.dtops.simulator.traffic.span import Span


def frames(
    seeds: Seeds, purpose: str, user: Tensor, interval_s: float, span: Span, late_s: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Numbers (n,) int64 of the frames that may fall into the span, and when they are due (R, U, n) in seconds.

    Frame k of a user is due at (k + φ)·interval, with a phase φ uniform in [0, 1) of the user's own: users
    are staggered. Frames that come up to `late_s` after they are due are among them.
    """
    begin = span.first * span.slot_s - late_s
    first = max(0, math.floor(begin / interval_s) - 1)
    last = math.ceil(span.end * span.slot_s / interval_s) + 1
    number = torch.arange(first, last + 1, device=user.device)
    phase = streams.uniform(user_keys(seeds, purpose, user))[..., None]
    return number, (number + phase) * interval_s


def draw(seeds: Seeds, purpose: str, user: Tensor, number: Tensor) -> Tensor:
    """(R, U, n) uniforms in [0, 1): one for each user and number."""
    return streams.uniform(run_keys(seeds, purpose, user, number))
