"""`Plan`: what a deployment says of the ground: sites, cells' bearings, where users are dropped and how they go."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.float64]
SECTORS_DEG = (30.0, 150.0, 270.0)
"""Bearings of a three-sector site (TR 38.901 7.8: 30, 150 and 270 degrees)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The ground of a deployment.

    site_ids, position_m (S, 2), height_m (S,)
    bearings_deg    of each site's cells; NaN for an omnidirectional one
    bounds_m        (x0, y0, x1, y1) where users are
    wraparound      (W, 2) translations, the first of them zero
    street_m        spacing of streets for users bound to them; 0 for none
    """

    site_ids: tuple[str, ...]
    position_m: Floats
    height_m: Floats
    bearings_deg: tuple[tuple[float, ...], ...]
    bounds_m: tuple[float, float, float, float]
    wraparound: Floats = field(default_factory=lambda: np.zeros((1, 2)))
    street_m: float = 0.0


class Deployment(Protocol):
    """Something that stands somewhere."""

    def plan(self) -> Plan:
        """The ground."""
        ...

    def places(self, uniforms: Tensor, user: Tensor) -> Tensor:
        """(R, U, 2) places in metres from uniforms (R, U, 4) in [0, 1), for the users' numbers (U,)."""
        ...


def in_bounds(bounds_m: tuple[float, float, float, float], uniforms: Tensor) -> Tensor:
    """Uniform over a rectangle, (…, 2) of the first two uniforms (…, 4)."""
    x0, y0, x1, y1 = bounds_m
    first, second = uniforms[..., 0:1], uniforms[..., 1:2]
    return torch.cat([x0 + (x1 - x0) * first, y0 + (y1 - y0) * second], dim=-1)
