"""The load that a scene states is what the traffic models deliver: sums over users and time, within 4.4 σ."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from ranvier.dtops.scenes.drawn import Deployment, drawn
from ranvier.dtops.scenes.offered import load, mean_page_bits
from ranvier.dtops.simulator.scenario import parse
from ranvier.dtops.simulator.seeds import Seeds
from ranvier.dtops.simulator.traffic.arrivals import Span, arrivals
from ranvier.dtops.simulator.traffic.services import AnyService, ConstantRate, Ftp3, Voice, Web, Xr

USERS, RUNS, SECONDS, FIRST, SIGMAS = 200, 2, 6, 1000, 4.4
SERVICES: tuple[AnyService, ...] = (
    Ftp3(file_bits=400_000, files_per_s=2.0), Web(page_bits=1e6, pages_per_s=1.0),
    Web(page_bits=1e6, pages_per_s=1.0, start_hour=3.0), ConstantRate(bit_s=1e6), Voice(), Voice(activity=1.0),
    Xr(bit_s=4e6),
)  # fmt: skip


def variance(service: AnyService, demand: torch.Tensor) -> float:
    """Of the bits of all users and runs, from the law of each service."""
    time_s = float(SECONDS)
    each = RUNS * demand
    match service:
        case Ftp3():  # Poisson, of one size
            return float(each.sum()) * service.files_per_s * time_s * service.file_bits**2
        case Web():  # Poisson, of random size: E X² in place of the square
            sigma = service.page_deviation
            z = math.log(service.largest_page_bits / service.page_bits) / sigma
            square = service.page_bits**2 * math.exp(2 * sigma**2) * normal(z - 2 * sigma) / normal(z)
            return float(each.sum()) * load(service).bit_s / mean_page_bits(service) * time_s * square
        case ConstantRate():  # a packet more or less at the ends
            return float((each * demand).sum()) * (service.bit_s * service.interval_ms * 1e-3) ** 2 / 4
        case Voice():  # share of talk: 7/6 a (1 − a) over the cells of its process; and a frame at the ends
            a, frames = service.activity, time_s / (service.frame_ms * 1e-3)
            cells = time_s / max(service.spurt_s * (1 - a), 1e-9)
            talk = 7 / 6 * a * (1 - a) / cells * (frames * service.frame_bits) ** 2
            return RUNS * USERS * (talk + service.frame_bits**2)
        case Xr():  # size of each frame; and a frame more or less at the ends
            mean, frames = service.bit_s / service.frames_per_s, time_s * service.frames_per_s
            return float((each * demand).sum()) * mean**2 * (frames * service.size_deviation**2 + 0.5)
    raise AssertionError(service)


def normal(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2))


@pytest.mark.parametrize("service", SERVICES, ids=lambda each: each.kind)
def test_users_get_the_load_that_the_scene_states(service: AnyService) -> None:
    base = parse({
        "deployment": {"kind": "hexagonal_grid", "sites": 1, "wraparound": False}, "users": {"total": USERS},
        "traffic": [{"share": 1.0, "service": {"kind": service.kind}}],
    })  # fmt: skip
    scenario = base.changed(traffic=(replace(base.traffic[0], service=service),))
    demand = torch.exp(0.5 * torch.randn(USERS, generator=torch.Generator().manual_seed(1)).double())
    plain = Deployment.of(scenario, 5)
    people = replace(plain.population, demand=demand)
    users = drawn(replace(plain, population=people)).users
    asks = torch.from_numpy(users.offered_bit_s)
    seeds = Seeds.of([5] * RUNS, range(RUNS))
    total = 0
    for first in range(FIRST, FIRST + 1000 * SECONDS, 1000):
        here = demand.expand(RUNS, USERS)
        total += int(
            arrivals([service], people.service, people.key, here, seeds, Span(first, 1000, 1e-3)).sum()
        )
    expected = RUNS * SECONDS * float(asks.sum())
    # What demand scales is in the load: all of it but for a voice call, which is there or not.
    scaled = torch.ones(USERS, dtype=torch.float64) if isinstance(service, Voice) else demand
    assert asks.tolist() == pytest.approx((scaled * load(service).bit_s).tolist())
    assert total == pytest.approx(expected, abs=SIGMAS * math.sqrt(variance(service, scaled)) + RUNS * USERS)


def test_a_full_buffer_states_no_load_and_no_service_neither() -> None:
    scenario = parse({
        "deployment": {"kind": "hexagonal_grid", "sites": 1, "wraparound": False}, "users": {"total": 60},
        "traffic": [{"share": 0.5, "service": {"kind": "full_buffer"}}],
    })  # fmt: skip
    users = drawn(Deployment.of(scenario, 5)).users
    assert set(users.service.tolist()) == {0, 1}
    assert users.offered_bit_s.sum() == users.burst_bits.sum() == 0
