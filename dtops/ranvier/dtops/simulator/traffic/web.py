"""Pages: a Poisson process whose rate follows the hour of the day; sizes are truncated lognormal.

    ln(size) ~ N(ln median, σ²), given that the size is at most the largest

by inversion: z = Φ⁻¹(u · Φ((ln largest − ln median) / σ)). Each page has a size of its own.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ranvier.dtops.simulator import streams
from ranvier.dtops.simulator.seeds import Seeds
from ranvier.dtops.simulator.traffic.keys import again
from ranvier.dtops.simulator.traffic.poisson_points import STRETCH_SLOTS, points
from ranvier.dtops.simulator.traffic.services import Web
from ranvier.dtops.simulator.traffic.span import Span


def add(total: Tensor, service: Web, seeds: Seeds, user: Tensor, demand: Tensor, span: Span) -> None:
    """Add the pages' bits to `total` (R, U, N); demand (R, U) is a factor on the rate of pages."""
    mean = (service.pages_per_s * span.slot_s * STRETCH_SLOTS) * demand
    factor = hour_factor(service, user.device)
    # A stretch is far shorter than an hour, so the hours of its ends are all it has.
    ends = torch.tensor([span.first - STRETCH_SLOTS, span.first, span.end, span.end + STRETCH_SLOTS])
    most = float(factor[hour(service, ends.to(user.device), span.slot_s)].max())
    for each in points(seeds, "page", user, mean * most, span):
        happens = each.height < (
            mean[each.realisation, each.user] * factor[hour(service, each.slot, span.slot_s)]
        )
        bits = torch.where(happens, page_bits(service, each.key), 0)
        total[each.realisation, each.user, each.slot - span.first] += bits


def hour(service: Web, slot: Tensor, slot_s: float) -> Tensor:
    """Hour of the day, 0 to 23, of absolute slots."""
    return torch.floor(service.start_hour + slot * (slot_s / 3600)).to(torch.int64) % 24


def hour_factor(service: Web, device: torch.device) -> Tensor:
    """(24,) factors on the mean rate: of mean 1, so that a day has as many pages whatever its profile."""
    hourly = torch.tensor(service.hourly, dtype=torch.float64, device=device)
    return hourly * (24 / math.fsum(service.hourly))


def page_bits(service: Web, key: Tensor) -> Tensor:
    """int64 sizes of the pages with these keys; at least one bit."""
    most = math.log(service.largest_page_bits / service.page_bits) / service.page_deviation
    below = 0.5 * math.erfc(-most / math.sqrt(2))
    normal = torch.special.ndtri((streams.uniform(again(key, 2)) * below).clamp(min=1e-16))
    size = service.page_bits * torch.exp(service.page_deviation * normal)
    return torch.round(size.clamp(1, service.largest_page_bits)).to(torch.int64)
