"""Gain of a cell's antenna in a direction: element pattern, array factor, tilt and bearing (TR 38.901 7.1, 7.3)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ranvier.dtops.simulator.layout import Antenna

FAN_DEG = 60.0
"""Beams are spread over ± so much around the bearing."""


def gain_db(antenna: Antenna, azimuth_deg: Tensor, tilt_deg: Tensor, offset_m: Tensor) -> Tensor:
    """Gain in dBi (…, B) of each beam towards `offset_m` (…, 3): where the user is, seen from the antenna.

    azimuth_deg  (…) bearing, clockwise from north; NaN: the same all around
    tilt_deg     (…) mechanical, downwards positive
    """
    if antenna.isotropic:
        return torch.zeros(
            (*offset_m.shape[:-1], antenna.beams), dtype=offset_m.dtype, device=offset_m.device
        )
    forward, right, up = _local(azimuth_deg, tilt_deg, offset_m)
    zenith = torch.rad2deg(torch.acos(up.clamp(-1, 1)))
    around = torch.rad2deg(torch.atan2(right, forward))
    around = torch.where(torch.isnan(azimuth_deg), 0.0, around)
    sideways = torch.where(torch.isnan(azimuth_deg), 0.0, right)
    element = _element_db(antenna, zenith, around)
    column = _array_db(
        antenna.rows, antenna.spacing, up, -math.sin(math.radians(antenna.electrical_tilt_deg))
    )
    steered = [math.sin(math.radians(beam)) for beam in beam_azimuths_deg(antenna)]
    beams = [_array_db(antenna.columns, antenna.spacing, sideways, each) for each in steered]
    return (element + column)[..., None] + torch.stack(beams, dim=-1)


def beam_azimuths_deg(antenna: Antenna) -> list[float]:
    """Directions of the beams around the bearing: the middles of B equal parts of ±60°."""
    width = 2 * FAN_DEG / antenna.beams
    return [-FAN_DEG + width * (beam + 0.5) for beam in range(antenna.beams)]


def _local(azimuth_deg: Tensor, tilt_deg: Tensor, offset_m: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Direction cosines forward, to the right and up, in the panel's own coordinates (7.1.3)."""
    x, y, z = offset_m.unbind(dim=-1)
    length = torch.sqrt(x * x + y * y + z * z).clamp(min=1e-6)
    bearing = torch.deg2rad(torch.nan_to_num(azimuth_deg))
    tilt = torch.deg2rad(tilt_deg)
    ahead = x * torch.sin(bearing) + y * torch.cos(bearing)
    aside = x * torch.cos(bearing) - y * torch.sin(bearing)
    # A panel all around has no bearing to tilt towards.
    ahead = torch.where(torch.isnan(azimuth_deg), torch.sqrt(x * x + y * y), ahead)
    forward = ahead * torch.cos(tilt) - z * torch.sin(tilt)
    up = ahead * torch.sin(tilt) + z * torch.cos(tilt)
    return forward / length, aside / length, up / length


def _element_db(antenna: Antenna, zenith_deg: Tensor, azimuth_deg: Tensor) -> Tensor:
    """A''(θ, φ) + G_E,max of table 7.3-1."""
    most, width = antenna.attenuation_db, antenna.beamwidth_deg
    vertical = (12 * ((zenith_deg - 90) / width) ** 2).clamp(max=most)
    horizontal = (12 * (azimuth_deg / width) ** 2).clamp(max=most)
    return antenna.gain_dbi - (vertical + horizontal).clamp(max=most)


def _array_db(elements: int, spacing: float, cosine: Tensor, steered: float) -> Tensor:
    """Array factor of a line of M elements with DFT weights 1/√M: sin²(Mψ/2) / (M sin²(ψ/2)), in dB.

    ψ = 2π d (c − c_0), with the direction cosines along the line of the path and of the steering (7.2.2).
    """
    if elements == 1:
        return torch.zeros_like(cosine)
    half = math.pi * spacing * (cosine - steered)
    below = torch.sin(half)
    peak = below.abs() < 1e-6
    ratio = torch.sin(elements * half) / torch.where(peak, 1.0, below)
    power = torch.where(peak, float(elements), ratio * ratio / elements)
    return 10 * torch.log10(power.clamp(min=1e-9))
