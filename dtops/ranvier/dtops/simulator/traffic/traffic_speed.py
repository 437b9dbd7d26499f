"""How long arrivals of a block take: `python -m ranvier.dtops.simulator.traffic.traffic_speed`."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

import torch

from ranvier.dtops.simulator.seeds import Seeds
from ranvier.dtops.simulator.traffic.arrivals import Span, arrivals
from ranvier.dtops.simulator.traffic.services import AnyService, ConstantRate, Ftp3, Voice, Web, Xr

SLOTS, SLOT_S = 40, 1e-3
REPEATS = 200


def block_ms(services: Sequence[AnyService], users: int) -> float:
    """Milliseconds of a block of one realisation, one thread: the fastest of some repeats."""
    key = torch.arange(users)
    service, demand = key % len(services), torch.ones((1, users), dtype=torch.float64)
    seeds, found = Seeds.of([1]), float("inf")
    for block in range(REPEATS):
        begun = time.perf_counter()
        arrivals(services, service, key, demand, seeds, Span(block * SLOTS, SLOTS, SLOT_S))
        found = min(found, time.perf_counter() - begun)
    return 1e3 * found


def main() -> None:
    """Print what docs/traffic.md says."""
    torch.set_num_threads(1)
    every: tuple[AnyService, ...] = (Ftp3(), ConstantRate(), Voice(), Xr(), Web())
    for service in every:
        sys.stdout.write(f"570 users of {service.kind}: {block_ms([service], 570):.2f} ms\n")
    sys.stdout.write(f"570 users of all five: {block_ms(every, 570):.2f} ms\n")
    sys.stdout.write(f"10,000 users of all five: {block_ms(every, 10_000):.2f} ms\n")


if __name__ == "__main__":
    main()
