"""SINR after the receiver on each sub-band, and the one SINR that stands for all of a transport block's.

H (2 receive antennas × 2 ports) has entries of mean power 1; `snr` is the cell's power on the sub-band times
the link's gain, over the interference and noise at one receive antenna. With G = Hᴴ H:

    rank 1   γ = snr λ_max(G)                     transmission along G's eigenvector, maximum-ratio combining
    rank 2   γ_1 = (ρ G11 + ρ² det G) / (1 + ρ G22),  ρ = snr / 2;  γ_2 likewise     MMSE, equal power split

The latter is 1/[(I + ρG)⁻¹]_kk − 1 written out. Interference is white at the two antennas.

A transport block sees the mean of its mutual information (per coded bit, of its modulation) over sub-bands and
layers, and is decoded like one at the flat SINR with that information (Brueninghaus et al. 2005, "RBIR").
Why not the exponential mapping (EESM): its β is calibrated for each scheme against a decoder and a channel,
and no set of β with a known origin goes with the error curves in `bler`. Information needs none: at a flat
channel it gives the SINR itself, where those curves were measured.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ranvier.dtops.simulator.link.information import mutual_information, sinr_of_information


def channel_gains(h: Tensor) -> Tensor:
    """(…, 4) of h (…, 2, 2) complex: λ_max(G), G11, G22 and det G, which is all that SINRs need of H."""
    power = h.real**2 + h.imag**2
    first = power[..., 0, 0] + power[..., 1, 0]
    second = power[..., 0, 1] + power[..., 1, 1]
    cross = h[..., 0, 0].conj() * h[..., 0, 1] + h[..., 1, 0].conj() * h[..., 1, 1]
    apart = torch.sqrt((first - second) ** 2 + 4 * (cross.real**2 + cross.imag**2))
    det = h[..., 0, 0] * h[..., 1, 1] - h[..., 0, 1] * h[..., 1, 0]
    return torch.stack([0.5 * (first + second + apart), first, second, det.real**2 + det.imag**2], dim=-1)


def rank1_sinr(gains: Tensor, snr: Tensor) -> Tensor:
    """γ (…) of channel_gains (…, 4) and snr (…), linear."""
    return snr * gains[..., 0]


def rank2_sinr(gains: Tensor, snr: Tensor) -> Tensor:
    """γ of both layers, (…, 2), of channel_gains (…, 4) and snr (…), linear."""
    half = 0.5 * snr
    first, second, det = gains[..., 1], gains[..., 2], gains[..., 3]
    both = half * half * det
    return torch.stack(
        [(half * first + both) / (1 + half * second), (half * second + both) / (1 + half * first)], dim=-1
    )


def mean_information(sinr: Tensor, prbs: Tensor, modulation: Tensor, curves: Tensor) -> Tensor:
    """Mean information per coded bit, (…), float64, of a block on some sub-bands.

    sinr        (…, S, V) linear, of V layers
    prbs        (…, S) of the block on each sub-band; sum above 0
    modulation  (…) index
    curves      (4, NODES), as in LinkTables
    """
    layers = sinr.shape[-1]
    each = mutual_information(sinr.float(), modulation[..., None, None].expand(sinr.shape), curves)
    total, weight = torch.zeros_like(each[..., 0, 0]), torch.zeros_like(each[..., 0, 0])
    for s in range(sinr.shape[-2]):
        for v in range(layers):
            total = total + prbs[..., s] * each[..., s, v]
        weight = weight + prbs[..., s] * float(layers)
    return total / weight


def effective_sinr_db(information: Tensor, modulation: Tensor, curves: Tensor) -> Tensor:
    """The flat SINR in dB, float64, with this mean information; −inf for none."""
    return 10 * torch.log10(sinr_of_information(information, modulation, curves))
