"""Extended reality: video frames with truncated Gaussian size and jitter (TR 38.838 5.1.1).

    size   ~ N(μ, (0.105 μ)²) within [0.5 μ, 1.5 μ],   μ = bit rate / frame rate
    jitter ~ N(0, (2 ms)²) within ±4 ms around the instant at which the frame is due, the same for all: 4 ms later

Symmetric truncation leaves the means as they are.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ranvier.dtops.simulator.seeds import Seeds
from ranvier.dtops.simulator.traffic.frames import draw, frames
from ranvier.dtops.simulator.traffic.services import Xr
from ranvier.dtops.simulator.traffic.span import Span

SIZE_RANGE = 0.5
"""How far a frame's size is from its mean at most, as a part of it."""


def add(total: Tensor, service: Xr, seeds: Seeds, user: Tensor, demand: Tensor, span: Span) -> None:
    """Add the frames' bits to `total` (R, U, N); demand (R, U) is a factor on their size."""
    frame_s, most_s, jitter_s = (
        1 / service.frames_per_s,
        service.most_jitter_ms * 1e-3,
        service.jitter_ms * 1e-3,
    )
    number, due_s = frames(seeds, "first frame", user, frame_s, span, late_s=2 * most_s)
    jitter = truncated(draw(seeds, "frame jitter", user, number), service.most_jitter_ms / service.jitter_ms)
    size = truncated(draw(seeds, "frame size", user, number), SIZE_RANGE / service.size_deviation)
    mean = (service.bit_s * frame_s) * demand[..., None]
    bits = torch.round(mean * (1 + service.size_deviation * size)).to(torch.int64)
    span.add(total, span.slot_of(due_s + most_s + jitter_s * jitter), bits)


def truncated(uniform: Tensor, most: float) -> Tensor:
    """Standard normals within ±most from uniforms in [0, 1), by inversion."""
    low = 0.5 * math.erfc(most / math.sqrt(2))
    found: Tensor = torch.special.ndtri(low + (1 - 2 * low) * uniform)
    return found.clamp(-most, most)
