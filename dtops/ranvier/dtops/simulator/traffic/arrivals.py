"""Packets that arrive in each slot of a block, for users of any mix of services."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ranvier.dtops.simulator import streams
from ranvier.dtops.simulator.seeds import Seeds
from ranvier.dtops.simulator.traffic.services import (
    AnyService,
    ConstantRate,
    Ftp3,
    FullBuffer,
    Voice,
    Web,
    Xr,
)

MOST_AT_ONCE = 8
"""Poisson arrivals of one slot that are told apart; more have a probability below 1e-9 at 0.1 a slot."""


@dataclass(frozen=True, slots=True)
class Span:
    """Slots [first, first + slots) of `slot_s` seconds each."""

    first: int
    slots: int
    slot_s: float

    def index(self) -> Tensor:
        """(N,) int64 absolute slots."""
        return torch.arange(self.first, self.first + self.slots)


def arrivals(
    services: Sequence[AnyService],
    service: Tensor,
    user_key: Tensor,
    demand: Tensor,
    seeds: Seeds,
    span: Span,
) -> Tensor:
    """(R, U, N) int64 bits that arrive in each slot; what comes in one slot is one packet.

    service   (U,) int64 index into `services`; −1 for none
    user_key  (U,) int64
    demand    (R, U) float64 factor on the rate or the size, 0 and more; 0 for users who are not here
    """
    found = torch.zeros((len(seeds), len(user_key), span.slots), dtype=torch.int64, device=user_key.device)
    for index, each in enumerate(services):
        users = torch.nonzero(service == index)[:, 0]
        if len(users) and not isinstance(each, FullBuffer):
            found[:, users] = _of(each, seeds, user_key[users], demand[:, users], span)
    return found


def _of(service: AnyService, seeds: Seeds, user: Tensor, demand: Tensor, span: Span) -> Tensor:
    if isinstance(service, Ftp3):
        return _ftp3(service, seeds, user, demand, span)
    if isinstance(service, ConstantRate):
        return _constant(service, seeds, user, demand, span)
    if isinstance(service, Voice):
        return _voice(service, seeds, user, demand, span)
    if isinstance(service, Xr):
        return _xr(service, seeds, user, demand, span)
    if isinstance(service, Web):
        return _web(service, seeds, user, demand, span)
    return torch.zeros((*demand.shape, span.slots), dtype=torch.int64, device=user.device)


def poisson(uniforms: Tensor, mean: Tensor) -> Tensor:
    """Poisson counts (…) int64 by inversion: never fewer for a larger mean at the same uniform."""
    term = torch.exp(-mean)
    below, count = term.clone(), torch.zeros_like(uniforms, dtype=torch.int64)
    for k in range(1, MOST_AT_ONCE + 1):
        count += uniforms >= below
        term = term * mean / k
        below = below + term
    return count


def _ftp3(service: Ftp3, seeds: Seeds, user: Tensor, demand: Tensor, span: Span) -> Tensor:
    slot = span.index().to(user.device)
    keys = seeds.run_keys(streams.purpose("file"), user[None, :, None], slot[None, None])
    mean = (service.files_per_s * span.slot_s) * demand[..., None]
    return poisson(streams.uniform(keys), mean.expand(keys.shape)) * service.file_bits


def _constant(service: ConstantRate, seeds: Seeds, user: Tensor, demand: Tensor, span: Span) -> Tensor:
    interval_s = service.interval_ms * 1e-3
    count = _ticks(seeds, "first packet", user, interval_s, span)
    bits = torch.round(service.bit_s * interval_s * demand).to(torch.int64)
    return count * bits[..., None]


def _voice(service: Voice, seeds: Seeds, user: Tensor, demand: Tensor, span: Span) -> Tensor:
    """Whether a user is talked to is drawn for each stretch of `spurt_s`."""
    count = _ticks(seeds, "first voice frame", user, service.frame_ms * 1e-3, span)
    stretch = torch.floor(span.index().to(user.device) * (span.slot_s / service.spurt_s)).to(torch.int64)
    keys = seeds.run_keys(streams.purpose("talk spurt"), user[None, :, None], stretch[None, None])
    talks = streams.uniform(keys) < service.activity
    return count * service.frame_bits * (talks & (demand[..., None] > 0))


def _ticks(seeds: Seeds, purpose: str, user: Tensor, interval_s: float, span: Span) -> Tensor:
    """(R, U, N) int64: how many multiples of the interval, from the user's own start on, begin in each slot."""
    start = streams.uniform(seeds.run_keys(streams.purpose(purpose), user[None]))[..., None]
    edges = torch.arange(span.first, span.first + span.slots + 1, device=user.device) * (
        span.slot_s / interval_s
    )
    passed = torch.ceil(edges - start).to(torch.int64)
    return passed[..., 1:] - passed[..., :-1]


def _xr(service: Xr, seeds: Seeds, user: Tensor, demand: Tensor, span: Span) -> Tensor:
    frame_s, most_s = 1 / service.frames_per_s, service.most_jitter_ms * 1e-3
    begin_s, end_s = span.first * span.slot_s, (span.first + span.slots) * span.slot_s
    first = math.floor((begin_s - 2 * most_s) / frame_s) - 1
    last = math.ceil(end_s / frame_s) + 1
    frame = torch.arange(first, last + 1, device=user.device)
    start = streams.uniform(seeds.run_keys(streams.purpose("first frame"), user[None]))[..., None]
    jitter = _truncated(seeds, "frame jitter", user, frame, service.most_jitter_ms / service.jitter_ms)
    at_s = (frame + start) * frame_s + most_s + jitter * (service.jitter_ms * 1e-3)
    size = 1 + service.size_deviation * _truncated(
        seeds, "frame size", user, frame, 0.5 / service.size_deviation
    )
    bits = torch.round(size * (service.bit_s * frame_s) * demand[..., None]).to(torch.int64)
    slot = torch.floor(at_s / span.slot_s).to(torch.int64) - span.first
    inside = (slot >= 0) & (slot < span.slots) & (frame >= 0)
    found = torch.zeros((*demand.shape, span.slots), dtype=torch.int64, device=user.device)
    return found.scatter_add_(2, slot.clamp(0, span.slots - 1), torch.where(inside, bits, 0))


def _truncated(seeds: Seeds, purpose: str, user: Tensor, number: Tensor, most: float) -> Tensor:
    """(R, U, n) standard normals within ±most, by inversion."""
    keys = seeds.run_keys(streams.purpose(purpose), user[None, :, None], number[None, None])
    low = 0.5 * math.erfc(most / math.sqrt(2))
    found: Tensor = torch.special.ndtri(low + (1 - 2 * low) * streams.uniform(keys).clamp(min=1e-12))
    return found


def _web(service: Web, seeds: Seeds, user: Tensor, demand: Tensor, span: Span) -> Tensor:
    slot = span.index().to(user.device)
    keys = seeds.run_keys(streams.purpose("page"), user[None, :, None], slot[None, None])
    hour = torch.floor(service.start_hour + slot * (span.slot_s / 3600)).to(torch.int64) % 24
    factor = torch.tensor(service.hourly, dtype=torch.float64, device=user.device)
    factor = factor * (24 / math.fsum(service.hourly))
    mean = (service.pages_per_s * span.slot_s) * factor[hour] * demand[..., None]
    size = service.page_bits * torch.exp(service.page_deviation * streams.normal(streams.chain(keys, 1)))
    bits = torch.round(size.clamp(max=service.largest_page_bits)).to(torch.int64)
    return poisson(streams.uniform(streams.chain(keys, 0)), mean.expand(keys.shape)) * bits
