"""What it costs to let only the K strongest interferers fade, the others staying at their local mean.

Run as `python -m ranvier.dtops.simulator.link.interferers_error`: a snapshot of 57 cells at full load, each
user served by the strongest. Both ways share every draw, so that their difference is the approximation's alone.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ranvier.dtops.simulator import streams
from ranvier.dtops.simulator.link import fading
from ranvier.dtops.simulator.link.effective_sinr import channel_gains, rank1_sinr
from ranvier.dtops.simulator.link.noise import noise_mw
from ranvier.dtops.simulator.seeds import Seeds

CELLS, SECTORS, RINGS = 57, 3, 2
SITE_DISTANCE_M = 500.0
PRB_POWER_MW = 10 ** (43 / 10) / 106
"""43 dBm over the 106 PRBs of 20 MHz."""
SUBBANDS, SUBBAND_HZ, SUBBAND_PRBS = 18, 1.08e6, 6
DELAY_SPREAD_S = 365e-9
"""Of UMa without line of sight at 3.5 GHz: 10^(−6.28 − 0.204 lg 3.5) (TR 38.901 table 7.5-6)."""
_PLACE, _SHADOW, _WAY = (streams.purpose(f"interferers error {each}") for each in ("place", "shadow", "way"))


@dataclass(frozen=True, slots=True)
class Error:
    """Of one K, over users, sub-bands and instants.

    rms_db          root mean square of the difference in SINR
    percentiles_db  shift of the 5th, 50th and 95th percentile of SINR
    rate            relative error of the mean of log2(1 + SINR)
    cell_edge_rate  the same of its 5th percentile over users
    """

    interferers: int
    rms_db: float
    percentiles_db: tuple[float, float, float]
    rate: float
    cell_edge_rate: float


def strongest_interferers_error(
    gain_db: Tensor, strongest: tuple[int, ...], seed: int = 1, instants: int = 4
) -> list[Error]:
    """The error for each K of `strongest`, on gains of (U, C) links in dB.

    The serving link is the strongest, received with two antennas at rank 1; the noise figure is 9 dB.
    """
    order = torch.argsort(gain_db, dim=1, descending=True)
    mean_mw = PRB_POWER_MW * 10 ** (torch.gather(gain_db, 1, order) / 10)
    noise = noise_mw(180e3)
    signal, power = _fades(order, seed, instants)
    faded = power * mean_mw[:, 1:, None]
    exact = _sinr_db(signal, mean_mw, _in_order(faded) + noise)
    found = []
    for k in strongest:
        rest = _in_order(mean_mw[:, 1 + k :, None].expand(-1, -1, SUBBANDS))
        found.append(_error(k, exact, _sinr_db(signal, mean_mw, _in_order(faded[..., :k, :]) + rest + noise)))
    return found


def _fades(order: Tensor, seed: int, instants: int) -> tuple[Tensor, Tensor]:
    """Rank-1 gain of the serving link (N, U, S) and |h|² of the others (N, U, C−1, S) at N instants."""
    seeds, users = Seeds.of([seed]), torch.arange(len(order))
    rays = fading.draw_rays(seeds, users[None, :, None], order[None])
    spread = torch.full(order.shape, DELAY_SPREAD_S)[None]
    parameters = fading.ray_parameters(rays, spread, torch.full_like(spread, -torch.inf), SUBBAND_HZ)
    serving = fading.RayParameters(*(each[:, :, 0] for each in parameters))
    others = fading.RayParameters(*(each[:, :, 1:] for each in parameters))
    ways = 1e4 * streams.uniform(streams.chain(torch.arange(instants)[:, None], seed, _WAY, users))
    signal = [
        channel_gains(fading.serving_channel(serving, way[None], SUBBANDS))[0, ..., 0].double()
        for way in ways
    ]
    power = [fading.fading_power(others, way[None, :, None], SUBBANDS)[0].double() for way in ways]
    return torch.stack(signal), torch.stack(power)


def _sinr_db(signal: Tensor, mean_mw: Tensor, disturbance: Tensor) -> Tensor:
    gains = signal[..., None]
    return 10 * torch.log10(rank1_sinr(gains, mean_mw[:, :1] / disturbance))


def _in_order(values: Tensor) -> Tensor:
    """Σ over the last axis but one, in its order."""
    total = torch.zeros((*values.shape[:-2], values.shape[-1]), dtype=values.dtype)
    for i in range(values.shape[-2]):
        total = total + values[..., i, :]
    return total


def _error(k: int, exact: Tensor, near: Tensor) -> Error:
    quantiles = torch.tensor([0.05, 0.5, 0.95], dtype=exact.dtype)
    shift = torch.quantile(near.flatten(), quantiles) - torch.quantile(exact.flatten(), quantiles)
    rates = [torch.log2(1 + 10 ** (each / 10)).mean(dim=(0, 2)) for each in (exact, near)]
    edges = [torch.quantile(each, quantiles[0]) for each in rates]
    return Error(
        interferers=k,
        rms_db=float(torch.sqrt(((near - exact) ** 2).mean())),
        percentiles_db=(float(shift[0]), float(shift[1]), float(shift[2])),
        rate=float(rates[1].mean() / rates[0].mean() - 1),
        cell_edge_rate=float(edges[1] / edges[0] - 1),
    )


def synthetic_gains(users: int = 570, seed: int = 1) -> Tensor:
    """Gains in dB, (U, 57), of users dropped over 19 sites of three sectors each, 500 m apart.

    Path loss of UMa without line of sight at 3.5 GHz (TR 38.901 table 7.4.1-1, user at 1.5 m), shadowing of
    6 dB that a site's cells share, and the element of table 7.3-1 in azimuth. The plane wraps around.
    """
    key = streams.chain(torch.arange(users)[:, None], seed)
    place = streams.uniform(streams.chain(key, _PLACE, torch.arange(2)))
    basis = SITE_DISTANCE_M * torch.tensor([[1.0, 0.0], [0.5, math.sqrt(0.75)]], dtype=torch.float64)
    sites = torch.tensor(_hexagon(RINGS), dtype=torch.float64) @ basis
    # Two translations of a cluster of 19 (5² − 5·2 + 2² = 19); their rhombus holds each place once.
    period = torch.tensor([(5.0, -2.0), (2.0, 3.0)], dtype=torch.float64) @ basis
    wrap = torch.cartesian_prod(torch.arange(-2.0, 3), torch.arange(-2.0, 3)).double() @ period
    position = (place - 0.5) @ period
    apart = position[:, None, None] - sites[:, None] - wrap
    nearest = torch.argmin((apart**2).sum(-1), dim=-1)
    apart = torch.gather(apart, 2, nearest[..., None, None].expand(-1, -1, 1, 2))[:, :, 0]
    flat = torch.sqrt((apart**2).sum(-1)).clamp(min=35.0)
    loss = 13.54 + 39.08 * torch.log10(torch.sqrt(flat**2 + 23.5**2)) + 20 * math.log10(3.5)
    shadow = 6 * streams.normal(streams.chain(key, _SHADOW, torch.arange(len(sites))))
    bearing = torch.atan2(apart[..., 1], apart[..., 0])
    boresight = torch.arange(SECTORS) * (2 * math.pi / SECTORS)
    off = torch.rad2deg(torch.remainder(bearing[..., None] - boresight + math.pi, 2 * math.pi) - math.pi)
    pattern = 8 - (12 * (off / 65) ** 2).clamp(max=30)
    return (pattern - loss[..., None] + shadow[..., None]).reshape(users, CELLS)


def _hexagon(rings: int) -> list[tuple[int, int]]:
    span = range(-rings, rings + 1)
    return [(i, j) for i in span for j in span if abs(i + j) <= rings]


def main() -> None:
    """Print the table of docs/link.md."""
    torch.set_num_threads(1)
    rows = strongest_interferers_error(synthetic_gains(), tuple(int(k) for k in np.arange(2, 17, 2)))
    sys.stdout.write("| K | rms, dB | 5 %, dB | 50 %, dB | 95 %, dB | mean rate | cell-edge rate |\n")
    sys.stdout.write("|--:|--:|--:|--:|--:|--:|--:|\n")
    for row in rows:
        shifts = " | ".join(f"{each:+.2f}" for each in row.percentiles_db)
        rates = f"{100 * row.rate:+.2f} % | {100 * row.cell_edge_rate:+.2f} %"
        sys.stdout.write(f"| {row.interferers} | {row.rms_db:.2f} | {shifts} | {rates} |\n")


if __name__ == "__main__":
    main()
