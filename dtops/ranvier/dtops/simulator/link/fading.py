"""Fast fading of a link: a sum of rays, in closed form for any sub-band and any way gone.

    h(D, f) = Σ_m √P_m exp(j 2π (φ_m + (D/λ) cos α_m − f τ_m))          turns; f from the carrier's centre

D is the Doppler path: how far the user, or what moves around it, went. M rays follow TR 38.901 7.5:

    step 5   τ_m = −ln X_m, less the smallest; scaled so that the r.m.s. delay spread is the link's
    step 6   P_m ∝ 10^(−Z_m / 10), Z_m ~ N(0, ζ²), ζ = 3 dB; then, with line of sight,
             P_m ← P_m / (K + 1) and a ray of its own, of power K / (K + 1), at τ = 0

which are (7.5-1) and (7.5-5) with r_τ = 1. The standard's r_τ of 2 to 3 samples the same exponential profile
more evenly in delay, with powers less alike. There each cluster is 20 rays and fades by itself; one ray does
not, so rays of like power come nearer to Rayleigh: E|h|⁴ = 2 − ΣP². Angles are one in each of M equal parts of
a half circle (the other half gives the same cos α): uniform, so that E[h(D) h*(0)] = J0(2πD/λ) (Jakes). Phases
are uniform. The ensemble's mean power is 1.

A serving link has two receive antennas and two ports of crossed polarisations, H (2, 2), whose entries have
the same delays and angles and phases of their own (7.5-22: Φ_θθ, Φ_θφ, Φ_φθ, Φ_φφ). Off the diagonal, power is
lower by the cross-polar ratio κ, and there is no line of sight (7.5-29). The mean of the four powers is 1, so
that the link's gain is the mean power at a receive antenna. An interferer is one entry, of mean power 1.

All draws are named by seed of the run, user, cell and ray: a link fades alike whoever serves.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ranvier.dtops.simulator import streams
from ranvier.dtops.simulator.seeds import Seeds

PURPOSE = streams.purpose("fast fading")
RAYS = 12
"""M, without the line of sight's. Twelve clusters: TR 38.901 table 7.5-6, UMa and UMi with line of sight."""
SHADOWING_DB = 3.0
"""ζ, per-cluster shadowing (TR 38.901 table 7.5-6, UMa and UMi)."""
CROSS_POLAR_RATIO_DB = 8.0
"""Mean κ (TR 38.901 table 7.5-6: 8 dB in UMa and 9 dB in UMi with line of sight, 7 and 8 dB without)."""
ENTRIES = 4
"""Of H: 00, 01, 10, 11 (receive antenna, port)."""
WORDS = 8
"""Of draws of a ray: 0 delay, 1 and 2 shadowing, 3 angle, 4 to 7 phases of the entries."""


class Rays(NamedTuple):
    """What is drawn once for a link (…). The last of the M + 1 rays is the line of sight's.

    delay   (…, M) float64: −ln X less the smallest; without unit yet
    power   (…, M) float64: sums to 1
    cosine  (…, M+1) float64: cos α
    phase   (…, M+1, 4) float64: φ of each entry in turns
    """

    delay: Tensor
    power: Tensor
    cosine: Tensor
    phase: Tensor


class RayParameters(NamedTuple):
    """Rays of links (…) with their delay spread and K: what `serving_channel` and `fading_power` need.

    cosine       (…, M+1) float64: cos α
    phase        (…, M+1, 4) float64: φ in turns
    delay_turns  (…, M+1) float64: Δf τ, by how many turns a sub-band lags the one before
    amplitude    (…, M+1) float64: √P
    polarised    (…, M+1, 4) float64: √P of the entries of H
    """

    cosine: Tensor
    phase: Tensor
    delay_turns: Tensor
    amplitude: Tensor
    polarised: Tensor


def draw_rays(seeds: Seeds, user: Tensor, cell: Tensor) -> Rays:
    """The rays of links between users and cells, broadcast to (…) with R as first axis; int64 keys."""
    ray = torch.arange(RAYS + 1, device=cell.device)
    word = torch.arange(WORDS, device=cell.device)
    which = ray[:, None] * WORDS + word
    keys = seeds.run_keys(PURPOSE, user[..., None, None], cell[..., None, None], which)
    clusters = keys[..., :RAYS, :]
    delay = streams.exponential(clusters[..., 0])
    delay = delay - delay.amin(-1, keepdim=True)
    shadow = torch.sqrt(2 * streams.exponential(clusters[..., 1])) * torch.cos(
        2 * math.pi * streams.uniform(clusters[..., 2])
    )
    power = 10 ** (-SHADOWING_DB / 10 * shadow)
    power = power / _sum_of_rays(power)[..., None]
    part = streams.uniform(keys[..., 3])
    half_turn = torch.cat([(ray[:RAYS] + part[..., :RAYS]) / RAYS, part[..., RAYS:]], dim=-1)
    # A long way times cos α magnifies rounding: α is such that its cosine is a float32 number.
    cosine = torch.cos(math.pi * half_turn).float().to(torch.float64)
    return Rays(delay, power, cosine, streams.uniform(keys[..., 4:]))


def ray_parameters(
    rays: Rays,
    delay_spread_s: Tensor,
    k_factor_db: Tensor,
    subband_hz: float,
    cross_polar_ratio_db: float = CROSS_POLAR_RATIO_DB,
) -> RayParameters:
    """Rays scaled to the links' r.m.s. delay spread and Rician K, (…) each; K of −inf dB is no line of sight.

    With A = Σ P τ and B = Σ P τ² of the clusters, the spread with a ray of power K / (K + 1) at τ = 0 is
    √(B / (K + 1) − (A / (K + 1))²).
    """
    share = 1 / (1 + 10 ** (k_factor_db.to(torch.float64) / 10))
    first = _sum_of_rays(rays.power * rays.delay) * share
    second = _sum_of_rays(rays.power * rays.delay * rays.delay) * share
    scale = delay_spread_s.to(torch.float64) / torch.sqrt(second - first * first)
    delay = torch.cat([rays.delay * scale[..., None], torch.zeros_like(scale)[..., None]], dim=-1)
    power = torch.cat([rays.power * share[..., None], (1 - share)[..., None]], dim=-1)
    leak = 10 ** (-cross_polar_ratio_db / 10)
    along = torch.sqrt(power * (2 / (1 + leak * share))[..., None])
    across = torch.sqrt(power * (2 * leak / (1 + leak * share))[..., None])
    across = torch.cat([across[..., :RAYS], torch.zeros_like(across[..., RAYS:])], dim=-1)
    return RayParameters(
        cosine=rays.cosine,
        phase=rays.phase,
        delay_turns=delay * subband_hz,
        amplitude=torch.sqrt(power),
        polarised=torch.stack([along, across, across, along], dim=-1),
    )


def serving_channel(parameters: RayParameters, path_turns: Tensor, subbands: int) -> Tensor:
    """H (…, S, 2, 2) complex64 of links (…) after a Doppler path of D/λ turns, (…) float64."""
    parts = [
        _entry(parameters, parameters.polarised[..., entry], entry, path_turns, subbands)
        for entry in range(ENTRIES)
    ]
    flat = torch.stack([torch.complex(re, im) for re, im in parts], dim=-1).to(torch.complex64)
    return flat.reshape(*flat.shape[:-1], 2, 2)


def fading_power(parameters: RayParameters, path_turns: Tensor, subbands: int) -> Tensor:
    """|h|² (…, S) float32, mean 1, of links (…) after a Doppler path of D/λ turns, (…) float64."""
    re, im = _entry(parameters, parameters.amplitude, 0, path_turns, subbands)
    return (re * re + im * im).float()


def _entry(
    parameters: RayParameters, amplitude: Tensor, entry: int, path_turns: Tensor, subbands: int
) -> tuple[Tensor, Tensor]:
    """The sum over rays, in their order, for one entry: real and imaginary part, (…, S) float64."""
    offset = torch.arange(subbands, dtype=torch.float64, device=amplitude.device) - (subbands - 1) / 2
    real = torch.zeros((*amplitude.shape[:-1], subbands), dtype=torch.float64, device=amplitude.device)
    imaginary = torch.zeros_like(real)
    for m in range(amplitude.shape[-1]):
        start = parameters.phase[..., m, entry] + path_turns * parameters.cosine[..., m]
        turns = start[..., None] - offset * parameters.delay_turns[..., m, None]
        angle = 2 * math.pi * (turns - turns.round())
        real = real + amplitude[..., m, None] * torch.cos(angle)
        imaginary = imaginary + amplitude[..., m, None] * torch.sin(angle)
    return real, imaginary


def _sum_of_rays(values: Tensor) -> Tensor:
    """Σ over the last axis, in its order."""
    total = values[..., 0]
    for m in range(1, values.shape[-1]):
        total = total + values[..., m]
    return total
