"""Probability of line of sight (TR 38.901 table 7.4.2-1), and the height of the environment (7.4.1-1 note 1)."""

from __future__ import annotations

import torch
from torch import Tensor

from ranvier.dtops.simulator.layout import Environment

CORRELATION_M: dict[Environment, float] = {
    "uma": 50.0, "umi": 50.0, "rma": 60.0, "inh-open": 10.0, "inh-mixed": 10.0,
}  # fmt: skip
"""Of the state of line of sight over place (table 7.6.3.1-2)."""


def los_probability(environment: Environment, distance_out: Tensor, user_height: Tensor) -> Tensor:
    """Pr_LOS (…) at the 2-D distance outdoors in metres."""
    d = distance_out.clamp(min=1e-3)
    if environment == "umi":
        return _street(d, 36.0)
    if environment == "uma":
        high = ((user_height.clamp(13.0, 23.0) - 13) / 10) ** 1.5
        lift = 1 + high * 1.25 * (d / 100) ** 3 * torch.exp(-d / 150)
        return torch.where(d <= 18, 1.0, _street(d, 63.0) * lift).clamp(max=1.0)
    if environment == "rma":
        return torch.exp(-(d - 10).clamp(min=0) / 1000)
    if environment == "inh-mixed":
        near, far = torch.exp(-(d - 1.2).clamp(min=0) / 4.7), 0.32 * torch.exp(-(d - 6.5) / 32.6)
        return torch.where(d < 6.5, near, far)
    near, far = torch.exp(-(d - 5).clamp(min=0) / 70.8), 0.54 * torch.exp(-(d - 49) / 211.7)
    return torch.where(d <= 49, near, far)


def _street(d: Tensor, scale_m: float) -> Tensor:
    near = (18 / d).clamp(max=1.0)
    return near + torch.exp(-d / scale_m) * (1 - near)


def environment_height(
    environment: Environment, distance_2d: Tensor, user_height: Tensor, uniform: Tensor
) -> Tensor:
    """h_E in metres (…): 1, but in UMa for high users sometimes 12, 15, … up to h_UT − 1.5 (note 1).

    uniform  (…) of the link, one draw: which of the two, and of the heights
    """
    one = torch.ones_like(distance_2d)
    if environment != "uma":
        return one
    g = torch.where(distance_2d <= 18, 0.0, 1.25 * (distance_2d / 100) ** 3 * torch.exp(-distance_2d / 150))
    c = ((user_height.clamp(13.0, 23.0) - 13) / 10) ** 1.5 * g
    likely = 1 / (1 + c)
    heights = torch.floor((user_height - 1.5 - 12) / 3).clamp(min=0) + 1
    rest = ((uniform - likely) / (1 - likely).clamp(min=1e-12)).clamp(0, 1 - 1e-9)
    return torch.where(uniform < likely, one, 12 + 3 * torch.floor(rest * heights))
