"""How long the stages of a compiled slot take: `python -m ranvier.dtops.simulator.slots.stage_speed`.

57 cells and 570 users on one core, everything on, most PRBs in use: CPU time of a slot, and of stages repeated by
themselves from the state that was reached. The rest are packets, feedback, and what comes once a block.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from numba import njit

from ranvier.dtops.simulator.carrier import Carrier
from ranvier.dtops.simulator.kernel_cache import KERNEL
from ranvier.dtops.simulator.link.noise import prb_noise_mw
from ranvier.dtops.simulator.radio import strongest_others
from ranvier.dtops.simulator.slots import compiled, compiled_reception, compiled_schedule
from ranvier.dtops.simulator.slots.state import (
    BlockInputs,
    BlockTraces,
    Radio,
    SlotSettings,
    SlotState,
    Tallies,
    fresh_state,
)
from ranvier.dtops.simulator.tally import CellTally, UserTally

SITES, CELLS, USERS, SLOTS = 19, 57, 570, 40
PACKET_BITS, PACKETS_PER_SLOT = 400_000, 0.006
CARRIER, SETTINGS = Carrier(), SlotSettings()
PACE_TURNS = 3 / 3.6 * CARRIER.slot_s / CARRIER.wavelength_m


def scene() -> Radio:
    """Users at random among sites of three cells on 3 km by 3 km, 46 dBm, urban path loss, 20 dB of spread."""
    g = torch.Generator().manual_seed(1)
    users, sites = 3000 * torch.rand(1, USERS, 2, generator=g), 3000 * torch.rand(SITES, 2, generator=g)
    distance = (users[:, :, None] - sites.repeat_interleave(3, 0)).square().sum(-1).sqrt().clamp(min=35)
    gain = -3.5 - 39.1 * torch.log10(distance) - 20 * math.log10(3.5)
    power = 10 ** (
        (gain - 20 * torch.rand(gain.shape, generator=g) + 46 - 10 * math.log10(CARRIER.prbs)) / 10
    )
    serving = power.argmax(-1)
    strong = strongest_others(power, serving, SETTINGS.interferers).sort(-1)[0]
    mean = power.scatter(2, serving[..., None], 0).scatter(2, strong, 0)
    of_links = torch.full((1, USERS, SETTINGS.interferers + 1), 3e-7)
    turns = torch.zeros(1, USERS, dtype=torch.float64)
    return Radio(
        serving, power.amax(-1), torch.zeros_like(serving), mean[..., None],
        torch.arange(CELLS).expand(1, USERS, -1).contiguous(), power.gather(2, strong)[..., None], strong,
        of_links, torch.full_like(of_links, -math.inf), 0, turns, turns + PACE_TURNS, prb_noise_mw(CARRIER),
    )  # fmt: skip


def block(radio: Radio, number: int) -> BlockInputs:
    """Slots 40 n to 40 n + 39, proportional fair everywhere."""
    g = torch.Generator().manual_seed(100 + number)
    arrivals = PACKET_BITS * (torch.rand(1, USERS, SLOTS, generator=g) < PACKETS_PER_SLOT).to(torch.int64)
    user, nobody = torch.arange(USERS), torch.zeros(USERS, dtype=torch.bool)
    return BlockInputs(
        number * SLOTS, arrivals, user, user, torch.ones(1, dtype=torch.int64), torch.zeros_like(user)[None],
        torch.zeros_like(user), nobody, nobody, torch.ones(CELLS, dtype=torch.int64),
        torch.ones(CELLS, dtype=torch.bool), radio,
    )  # fmt: skip


@njit(**KERNEL)
def _fade(k, work, rays, times):  # type: ignore[no-untyped-def]
    for _ in range(times):
        compiled._fade(k, work, rays, k.path_slot)


@njit(**KERNEL)
def _schedule(s, k, work, times):  # type: ignore[no-untyped-def]
    for _ in range(times):
        compiled_schedule.schedule(s, k, work, 1 << 20)
        compiled_reception.activity(k, work)


@njit(**KERNEL)
def _transmit(s, k, tables, work, sums, traces, times):  # type: ignore[no-untyped-def]
    for _ in range(times):
        for u in range(work.seen.shape[0]):
            work.seen[u] = False
        compiled_reception.transmit(s, k, tables, work, 0, sums[0], sums[1], traces, 0)


@njit(**KERNEL)
def _after(s, k, tables, work, sums, times):  # type: ignore[no-untyped-def]
    for turn in range(times):
        compiled._after(s, k, tables, work, turn, sums[0])
        compiled._count(s, k, work, sums[0])


def slot_us(
    loop: compiled.CompiledSlots, reached: tuple[SlotState, Tallies, BlockTraces], radio: Radio
) -> float:
    """Microseconds of a slot, after 400 of them, over 800."""
    blocks = [block(radio, number) for number in range(30)]
    for each in blocks[:10]:
        loop.run(reached[0], each, *reached[1:])
    begin = time.process_time()
    for each in blocks[10:]:
        loop.run(reached[0], each, *reached[1:])
    return (time.process_time() - begin) * 1e6 / (20 * SLOTS)


def stages(
    loop: compiled.CompiledSlots, reached: tuple[SlotState, Tallies, BlockTraces], radio: Radio
) -> dict[str, float]:
    """Microseconds a slot of the stages that can be repeated."""
    state, tallies, traces = reached
    k = compiled._fixed(0, block(radio, 30), SETTINGS, loop._prbs, CARRIER.prbs)
    s, work, tables = compiled.KernelState(*compiled._rows(state, 0)), loop._work[0], loop._tables
    sums: Any = (
        compiled.KernelCells(*compiled._rows(tallies.cells, 0)),
        compiled.KernelUsers(*compiled._rows(tallies.users, 0)),
    )
    traced = compiled.KernelTraces(*compiled._rows(traces, 0))
    return {
        "fading, every fifth slot": _us(lambda n: _fade(k, work, loop._rays[0], n)) / 5,
        "scheduling": _us(lambda n: _schedule(s, k, work, n)),
        "transmission": _us(lambda n: _transmit(s, k, tables, work, sums, traced, n)),
        "reports, averages, counts": _us(lambda n: _after(s, k, tables, work, sums, n)),
    }


def _us(stage: Callable[[int], None], times: int = 200) -> float:
    stage(1)
    begin = time.process_time()
    stage(times)
    return (time.process_time() - begin) * 1e6 / times


def main() -> None:
    """Print what docs/mac.md says."""
    torch.set_num_threads(1)
    radio, loop = scene(), compiled.CompiledSlots(CARRIER, SETTINGS, 1)
    tallies = Tallies(CellTally.zeros(1, CELLS), UserTally.zeros(1, USERS))
    reached = (
        fresh_state(1, USERS, CARRIER.subbands, SETTINGS), tallies, BlockTraces.empty((1, CELLS, 0), SLOTS)
    )  # fmt: skip
    whole = slot_us(loop, reached, radio)
    used = float(tallies.cells.prb_used.sum() / tallies.cells.prb_available.sum())
    parts = stages(loop, reached, radio)
    parts["the rest"] = whole - sum(parts.values())
    for name, took_us in {f"a slot, {100 * used:.0f} % of PRBs in use": whole, **parts}.items():
        sys.stdout.write(f"{name:34s}{took_us:5.0f} µs\n")


if __name__ == "__main__":
    main()
