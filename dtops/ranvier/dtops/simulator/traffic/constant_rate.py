"""Packets of one size at even intervals."""

from __future__ import annotations

import torch
from torch import Tensor

from ranvier.dtops.simulator.seeds import Seeds
from ranvier.dtops.simulator.traffic.frames import frames
from ranvier.dtops.simulator.traffic.services import ConstantRate
from ranvier.dtops.simulator.traffic.span import Span


def add(total: Tensor, service: ConstantRate, seeds: Seeds, user: Tensor, demand: Tensor, span: Span) -> None:
    """Add the packets' bits to `total` (R, U, N); demand (R, U) is a factor on their size."""
    interval_s = service.interval_ms * 1e-3
    _, time_s = frames(seeds, "first packet", user, interval_s, span)
    bits = torch.round(service.bit_s * interval_s * demand).to(torch.int64)
    span.add(total, span.slot_of(time_s), bits[..., None].expand(time_s.shape))
