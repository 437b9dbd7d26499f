"""SINR before the receiver, in torch: what is really sent on each sub-band in the slot decides who disturbs whom.

    snr = P_serving / (N + Σ_mean P_l · a_l + Σ_strong P_k · |h_k|² · a_k)      at one receive antenna, on a PRB

a is 1 where the cell sends on the sub-band, and P is of the beam in which it then sends, that of the user whom
it serves there. The K strongest fade, the others stay at their local mean. Powers are float32 and their sum
float64, so that it hardly depends on their order.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ranvier.dtops.simulator.link.effective_sinr import channel_gains
from ranvier.dtops.simulator.link.fading import (
    RayParameters,
    draw_rays,
    fading_power,
    ray_parameters,
    serving_channel,
)
from ranvier.dtops.simulator.seeds import Seeds
from ranvier.dtops.simulator.slots.block import Block
from ranvier.dtops.simulator.slots.state import Radio


@dataclass(frozen=True, slots=True)
class Fading:
    """Held for a while.

    gains  (R, U, S, 4) float32: λ_max(G), G11, G22 and det G of the serving link (see effective_sinr)
    power  (R, U, K, S) float32: |h|² of the strongest others
    """

    gains: Tensor
    power: Tensor


@dataclass(frozen=True, slots=True)
class Activity:
    """What cells send: active (R, C, S) float32 of 0 and 1, beam (R, C, S) int64."""

    active: Tensor
    beam: Tensor


def rays_of(radio: Radio, user_key: Tensor, run_seed: Tensor, subband_hz: float) -> RayParameters:
    """Rays (R, U, K+1, …) of the serving link and of the strongest others; without power for nobody."""
    cell = torch.cat([radio.serving_cell[..., None], radio.strong_cell], dim=-1)
    there = cell >= 0
    rays = draw_rays(Seeds(run_seed, run_seed), user_key[:, None].expand(cell.shape), cell)
    spread = torch.where(there, radio.delay_spread_s, 0.0)
    found = ray_parameters(rays, spread, torch.where(there, radio.k_factor_db, 0.0), subband_hz)
    return found._replace(
        amplitude=torch.where(there[..., None], found.amplitude, 0.0),
        polarised=torch.where(there[..., None, None], found.polarised, 0.0),
    )


def fading_at(radio: Radio, rays: RayParameters, slot: int, subbands: int) -> Fading:
    """Fading of the links in a slot."""
    turns = radio.path_turns + (slot - radio.path_slot) * radio.step_turns
    serving = RayParameters(*(each[:, :, 0] for each in rays))
    others = RayParameters(*(each[:, :, 1:] for each in rays))
    gains = channel_gains(serving_channel(serving, turns, subbands))
    return Fading(gains, fading_power(others, turns[..., None], subbands))


def no_fading(radio: Radio, subbands: int) -> Fading:
    """Every link at its mean: H = [[1, 1], [1, −1]], of two equal layers."""
    shape = radio.serving_cell.shape
    gains = radio.serving_mw.new_tensor([2.0, 2.0, 2.0, 4.0]).expand(*shape, subbands, 4)
    power = radio.strong_mw.new_ones((*shape, radio.strong_cell.shape[2], subbands))
    return Fading(gains, power)


def activity(mine: Tensor, block: Block) -> Activity:
    """What cells send when users have the sub-bands `mine` (R, U, S)."""
    realisations, _, subbands = mine.shape
    shape = (realisations, block.cells + 1, subbands)
    home = block.home[..., None].expand(mine.shape)
    beam = torch.where(mine, block.inputs.radio.serving_beam[..., None], 0)
    sent = torch.zeros(shape, dtype=torch.float32, device=mine.device)
    beams = torch.zeros(shape, dtype=torch.int64, device=mine.device)
    # Only one user of a cell has a sub-band, so that the largest is the one.
    return Activity(
        sent.scatter_reduce_(1, home, mine.to(torch.float32), "amax")[:, :-1],
        beams.scatter_reduce_(1, home, beam, "amax")[:, :-1],
    )


def snr(block: Block, sent: Activity, fading: Fading, rows: tuple[Tensor, Tensor]) -> Tensor:
    """(n, S) float32 of users `rows`: n realisations and n users."""
    radio = block.inputs.radio
    r, u = rows
    subbands = sent.active.shape[2]
    noise_mw = torch.tensor(radio.noise_mw, dtype=torch.float32, device=r.device).to(torch.float64)
    heard = noise_mw.expand(len(r), subbands)
    mean, cells = radio.mean_mw[r, u], radio.link_cell[r, u]
    for link in range(cells.shape[1]):
        heard = heard + _heard(mean[:, link], cells[:, link], sent, r)
    strong, cells, power = radio.strong_mw[r, u], radio.strong_cell[r, u], fading.power[r, u]
    for link in range(cells.shape[1]):
        heard = heard + _heard(strong[:, link], cells[:, link], sent, r, power[:, link])
    return radio.serving_mw[r, u][:, None] / heard.to(torch.float32)


def _heard(
    power_mw: Tensor, cell: Tensor, sent: Activity, realisation: Tensor, fades: Tensor | None = None
) -> Tensor:
    """(n, S): what is heard of one link, of power_mw (n, B) by beam; nothing of nobody."""
    place = cell.clamp(min=0)
    got = power_mw.gather(1, sent.beam[realisation, place])
    got = got if fades is None else got * fades
    return torch.where((cell >= 0)[:, None], got * sent.active[realisation, place], 0.0)
