"""Packets that arrive in each slot of a block, for users of any mix of services."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ranvier.dtops.simulator.seeds import Seeds
from ranvier.dtops.simulator.traffic import constant_rate, ftp3, voice, web, xr
from ranvier.dtops.simulator.traffic.services import (
    AnyService,
    ConstantRate,
    Ftp3,
    FullBuffer,
    Voice,
    Web,
    Xr,
)
from ranvier.dtops.simulator.traffic.span import Span

__all__ = ["Span", "arrivals"]


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
    shape = (len(seeds), len(user_key), span.slots)
    found = torch.zeros(shape, dtype=torch.int64, device=user_key.device)
    for index, each in enumerate(services):
        chosen = service == index
        if isinstance(each, FullBuffer) or not bool(chosen.any()):
            continue
        if bool(chosen.all()):
            _add(found, each, seeds, user_key, demand, span)
        else:
            users = torch.nonzero(chosen)[:, 0]
            part = torch.zeros((len(seeds), len(users), span.slots), dtype=torch.int64, device=found.device)
            _add(part, each, seeds, user_key[users], demand[:, users], span)
            found[:, users] = part
    return found


def _add(total: Tensor, service: AnyService, seeds: Seeds, user: Tensor, demand: Tensor, span: Span) -> None:
    if isinstance(service, Ftp3):
        ftp3.add(total, service, seeds, user, demand, span)
    elif isinstance(service, ConstantRate):
        constant_rate.add(total, service, seeds, user, demand, span)
    elif isinstance(service, Voice):
        voice.add(total, service, seeds, user, demand, span)
    elif isinstance(service, Xr):
        xr.add(total, service, seeds, user, demand, span)
    elif isinstance(service, Web):
        web.add(total, service, seeds, user, demand, span)
