"""Random fields over the plane: standard normal at each place, correlated as exp(−distance / d_corr).

A field is a sum of J cosines of random wave vectors and phases,

    f(x) = √(2/J) Σ_j cos(k_j · x + φ_j),      E f(x) f(y) = E cos(k · (x − y)) = exp(−|x − y| / d)

which holds when the directions of k are uniform and its length has the density k d² / (1 + (kd)²)^(3/2), the
2-D spectrum of the exponential (TR 38.901 7.4.4, 7.6.3.1): |k| = √(1/(1 − u)² − 1) / d for a uniform u. It is
a function of place with nothing to store, the same wherever and in whatever order it is asked.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ranvier.dtops.simulator import streams

WAVES = 48
"""J. Kurtosis at a place over fields is 3 − 1.5/J."""


class Field(NamedTuple):
    """J waves of many fields, float32: (…, J) each. Vectors in radians per metre, phases in radians."""

    x: Tensor
    y: Tensor
    phase: Tensor


def fields(keys: Tensor, distance_m: Tensor | float) -> Field:
    """The fields that int64 `keys` (…) name, with their correlation distances (…)."""
    wave = torch.arange(WAVES, device=keys.device)
    each = keys[..., None]
    u = streams.uniform(streams.chain(each, wave, 0))
    heading = streams.angle(streams.chain(each, wave, 1))
    length = torch.sqrt(1 / (1 - u) ** 2 - 1) / torch.as_tensor(distance_m, device=keys.device)[..., None]
    phase = streams.angle(streams.chain(each, wave, 2))
    single = torch.float32
    return Field(
        (length * torch.cos(heading)).to(single), (length * torch.sin(heading)).to(single), phase.to(single)
    )


def values(field: Field, x_m: Tensor, y_m: Tensor) -> Tensor:
    """The fields (…) at places (…), float32; waves are summed in halves, the same way for any batch."""
    x, y = x_m.to(torch.float32)[..., None], y_m.to(torch.float32)[..., None]
    waves = torch.cos(field.x * x + field.y * y + field.phase)
    while waves.shape[-1] % 2 == 0:
        half = waves.shape[-1] // 2
        waves = waves[..., :half] + waves[..., half:]
    total = waves[..., 0]
    for j in range(1, waves.shape[-1]):
        total = total + waves[..., j]
    return total * math.sqrt(2 / field.x.shape[-1])
