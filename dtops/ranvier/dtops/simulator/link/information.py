"""Mutual information of bit-interleaved QAM at an SINR, and back: the currency in which SINRs are averaged.

For 2^m-QAM with Gray labels in white Gaussian noise, the information per coded bit (Caire, Taricco & Biglieri
1998, eq. 8) is that of one of its two Gray-labelled PAM dimensions:

    I(γ) = 1 − (2/m) Σ_i E_{b,x,n}[ log2( Σ_{x'∈X} p(y|x') / Σ_{x'∈X_i^b} p(y|x') ) ],   y = √γ x + n

It is computed once by Gauss–Hermite quadrature at nodes γ = 2^e (1 + k/16) and linear between them. The nodes
are the numbers with a short binary fraction, so that the bits of a float32 are the place in the table.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.float64]
MODULATION_BITS = (2, 4, 6, 8)
"""Q_m of QPSK, 16QAM, 64QAM, 256QAM: their index is `modulation` everywhere."""
PER_OCTAVE = 16
LOWEST_EXPONENT, HIGHEST_EXPONENT = -12, 14
"""The table's SINRs: 2^−12 (−36 dB) to 2^14 (42 dB). Below, I is linear to 0; above, it is 1."""
NODES = (HIGHEST_EXPONENT - LOWEST_EXPONENT) * PER_OCTAVE + 1
FRACTION_BITS = 23 - 4
"""Of a float32's mantissa of 23 bits the upper 4 name the node, the others the place after it."""
FIRST_NODE = (LOWEST_EXPONENT + 127) << 4
"""The upper bits of the lowest node."""
LARGEST = 1.0 - 1e-6
"""Information above which an SINR is no longer told from it."""


@lru_cache(maxsize=1)
def node_sinr() -> Floats:
    """SINRs of the table, (NODES,), linear."""
    place = np.arange(NODES)
    exponent = LOWEST_EXPONENT + place // PER_OCTAVE
    return np.ldexp(1.0 + (place % PER_OCTAVE) / PER_OCTAVE, exponent)


@lru_cache(maxsize=1)
def information_table() -> Floats:
    """I at the nodes for each modulation, (4, NODES), strictly increasing up to 1.

    Rounded to 12 decimals, so that processors whose exponentials differ in the last bit agree.
    """
    found = np.stack([bit_information(node_sinr(), bits) for bits in MODULATION_BITS])
    return np.maximum.accumulate(np.round(np.clip(found, 0.0, 1.0), 12), axis=1)


def bit_information(sinr: Floats, modulation_bits: int) -> Floats:
    """I(γ) by quadrature, exact within 3e-7; sinr (n,) linear. Caire, Taricco & Biglieri 1998, eq. 8."""
    levels, labels = _gray_pam(modulation_bits // 2)
    node, weight = np.polynomial.hermite_e.hermegauss(96)
    weight = weight / weight.sum()
    # One dimension has half of the symbol's energy and half of the noise: √γ x + n with E x² = 1, E n² = 1.
    sent = np.sqrt(sinr)[:, None] * levels
    received = sent[:, :, None] + node
    exponent = -0.5 * (received[..., None] - sent[:, None, None, :]) ** 2
    density = np.exp(exponent + 0.5 * node[:, None] ** 2)
    every, lost = density.sum(-1), np.zeros(len(sinr))
    for bit in labels.T:
        same = np.where(bit[:, None] == bit, density.transpose(0, 2, 1, 3), 0.0).sum(-1)
        lost += (np.log2(every / same.transpose(0, 2, 1)) @ weight).mean(-1)
    return np.asarray(1.0 - lost / labels.shape[1])


def _gray_pam(bits: int) -> tuple[Floats, NDArray[np.int64]]:
    """Levels of unit mean power, (2^bits,), and their Gray labels, (2^bits, bits)."""
    index = np.arange(1 << bits)
    levels = 2.0 * index - (len(index) - 1)
    gray = index ^ (index >> 1)
    return levels / np.sqrt((levels**2).mean()), (gray[:, None] >> np.arange(bits)) & 1


def mutual_information(sinr: Tensor, modulation: Tensor, table: Tensor) -> Tensor:
    """I(γ) per coded bit, float64, of sinr (…) float32 linear and modulation (…) index, by the table (4, NODES).

    Interpolation is off by at most 2.2e-4 (0.005 dB).
    """
    bits = sinr.clamp(max=float(2**HIGHEST_EXPONENT) * (1 - 2.0**-24)).view(torch.int32).to(torch.int64)
    place = ((bits >> FRACTION_BITS) - FIRST_NODE).clamp(min=0)
    after = (bits & ((1 << FRACTION_BITS) - 1)).to(torch.float64) * 2.0**-FRACTION_BITS
    low, high = table[modulation, place], table[modulation, place + 1]
    below = sinr.to(torch.float64) * 2.0**-LOWEST_EXPONENT * table[modulation, 0]
    return torch.where(sinr < 2.0**LOWEST_EXPONENT, below, low + after * (high - low))


def sinr_of_information(information: Tensor, modulation: Tensor, table: Tensor) -> Tensor:
    """The SINR (linear, float64) with this information (…) float64: the inverse of the interpolated function.

    Information at or above `LARGEST` gives the SINR of `LARGEST`.
    """
    wanted = information.clamp(max=LARGEST)
    place = torch.zeros_like(modulation, dtype=torch.int64)
    step = 1 << (NODES - 1).bit_length() - 1
    while step:
        ahead = (place + step).clamp(max=NODES - 1)
        place = torch.where(table[modulation, ahead] <= wanted, ahead, place)
        step >>= 1
    nodes = torch.as_tensor(node_sinr(), device=table.device)
    place = place.clamp(max=NODES - 2)
    low, high = table[modulation, place], table[modulation, place + 1]
    inside = nodes[place] + (wanted - low) / (high - low) * (nodes[place + 1] - nodes[place])
    return torch.where(wanted < low, wanted / table[modulation, 0] * nodes[0], inside)
