"""Loss of entering buildings (TR 38.901 7.4.3.1) and cars (7.4.3.2), in dB."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ranvier.dtops.simulator.layout import Environment

LOW_LOSS_SIGMA_DB, HIGH_LOSS_SIGMA_DB = 4.4, 6.5
"""σ_P of table 7.4.3-2."""
INDOOR_DB_M = 0.5
"""PL_in per metre indoors (table 7.4.3-2)."""
CAR_MEAN_DB, CAR_SIGMA_DB = 9.0, 5.0
"""μ and σ_P of a car without metallised windows (7.4.3.2)."""
DEEPEST_M: dict[Environment, float] = {
    "uma": 25.0, "umi": 25.0, "rma": 10.0, "inh-open": 0.0, "inh-mixed": 0.0,
}  # fmt: skip
"""Of d_2D-in, the smaller of two uniform draws up to this (7.4.3.1)."""


def wall_loss_db(ghz: float, low_loss: Tensor) -> Tensor:
    """PL_tw (…) of the low-loss or the high-loss model (tables 7.4.3-1 and 7.4.3-2)."""
    glass, coated, concrete = 2 + 0.2 * ghz, 23 + 0.3 * ghz, 5 + 4 * ghz
    low = 5 - 10 * math.log10(0.3 * 10 ** (-glass / 10) + 0.7 * 10 ** (-concrete / 10))
    high = 5 - 10 * math.log10(0.7 * 10 ** (-coated / 10) + 0.3 * 10 ** (-concrete / 10))
    return torch.where(low_loss, low, high)


def building_loss_db(ghz: float, low_loss: Tensor, depth_m: Tensor, normal: Tensor) -> Tensor:
    """PL_tw + PL_in + N(0, σ_P²) (…) of a user indoors; `normal` (…) is the user's own draw."""
    sigma = torch.where(low_loss, LOW_LOSS_SIGMA_DB, HIGH_LOSS_SIGMA_DB)
    return wall_loss_db(ghz, low_loss) + INDOOR_DB_M * depth_m + sigma * normal


def indoor_depth_m(environment: Environment, first: Tensor, second: Tensor) -> Tensor:
    """d_2D-in (…) of two uniform draws of the user."""
    return DEEPEST_M[environment] * torch.minimum(first, second)


def car_loss_db(normal: Tensor) -> Tensor:
    """N(9, 5²) dB (…) of the user's own draw."""
    return CAR_MEAN_DB + CAR_SIGMA_DB * normal
