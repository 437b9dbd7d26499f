"""Mean load and burst size of a service, as scenes state them: what the traffic models draw around."""

from __future__ import annotations

import math
from typing import NamedTuple

from ranvier.dtops.simulator.traffic.services import (
    AnyService,
    ConstantRate,
    Ftp3,
    FullBuffer,
    Voice,
    Web,
    Xr,
)


class Load(NamedTuple):
    """What a user of demand 1 is offered, bit/s, and how much comes at once, bits; 0 and 0 for a full buffer.

    grows  what demand scales: the rate of bursts, their size, or nothing
    """

    bit_s: float
    burst_bits: float
    grows: str


def load(service: AnyService) -> Load:
    """The mean load of a service."""
    match service:
        case FullBuffer():
            return Load(0.0, 0.0, "")
        case Ftp3():
            return Load(service.file_bits * service.files_per_s, float(service.file_bits), "rate")
        case ConstantRate():
            return Load(service.bit_s, service.bit_s * service.interval_ms * 1e-3, "size")
        case Voice():
            silent = (1 - service.activity) * service.silence_bits / service.silence_frames
            bits = service.activity * service.frame_bits + silent
            return Load(bits / (service.frame_ms * 1e-3), float(service.frame_bits), "")
        case Xr():
            return Load(service.bit_s, service.bit_s / service.frames_per_s, "size")
        case Web():
            page, hour = mean_page_bits(service), int(service.start_hour)
            busy = service.hourly[hour] / (sum(service.hourly) / len(service.hourly))
            return Load(page * service.pages_per_s * busy, page, "rate")


def mean_page_bits(service: Web) -> float:
    """Mean of a lognormal size of median m and deviation σ, given that it is at most L.

    m e^(σ²/2) Φ(z − σ) / Φ(z), z = (ln L − ln m) / σ
    """
    sigma = service.page_deviation
    z = math.log(service.largest_page_bits / service.page_bits) / sigma
    return service.page_bits * math.exp(sigma**2 / 2) * _normal(z - sigma) / _normal(z)


def _normal(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2))
