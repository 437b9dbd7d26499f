"""`RadioMapGains`: gains from a ray tracer's maps of path gain, one a cell, on a regular grid."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ranvier.dtops.simulator.layout import Layout
from ranvier.dtops.simulator.link_gains import LinkGains
from ranvier.dtops.simulator.propagation.measured_gains import USUAL_SPREAD_S
from ranvier.ontology.errors import InputError


@dataclass(frozen=True, slots=True)
class RadioMapGains:
    """Maps of path gain with antennas, in dB.

    maps_db   (C, ny, nx) at the middles of pixels; −inf or NaN where no ray arrives
    corner_m  (x, y) of the first pixel's outer corner; pixel_m: side of a pixel
    """

    maps_db: NDArray[np.float64]
    corner_m: tuple[float, float]
    pixel_m: float
    delay_spread_s: float = USUAL_SPREAD_S
    k_factor_db: float = -math.inf

    def __post_init__(self) -> None:
        if self.maps_db.ndim != 3 or not self.pixel_m > 0:
            raise InputError(
                "maps (cells, ny, nx) with pixel_m above 0",
                f"{self.maps_db.shape}, {self.pixel_m:g}",
                "reshape them",
            )

    def gains(self, layout: Layout, position_m: Tensor, which: Tensor | None = None) -> LinkGains:
        """See `GainSource`: bilinear in dB between pixels; −inf outside, and next to where no ray arrives."""
        if len(self.maps_db) != len(layout.cells):
            raise InputError(
                f"{len(layout.cells)} maps, one a cell", str(len(self.maps_db)), "trace every cell"
            )
        place = position_m if which is None else position_m[which[:, 0], which[:, 1]][None]
        found = self._at(place)
        cell = torch.where(torch.isfinite(found), torch.arange(found.shape[2], device=found.device), -1)
        single = torch.float32
        return LinkGains(
            cell, found.to(single)[..., None].contiguous(),
            torch.full_like(cell, self.k_factor_db > -math.inf, dtype=torch.bool),
            torch.full_like(found, self.delay_spread_s, dtype=single),
            torch.full_like(found, self.k_factor_db, dtype=single),
        )  # fmt: skip

    def _at(self, place: Tensor) -> Tensor:
        """(R, U, C) in dB."""
        maps = torch.as_tensor(
            np.nan_to_num(self.maps_db, nan=-math.inf, neginf=-math.inf), device=place.device
        )
        rows, columns = maps.shape[1:]
        x = (place[..., 0] - self.corner_m[0]) / self.pixel_m - 0.5
        y = (place[..., 1] - self.corner_m[1]) / self.pixel_m - 0.5
        inside = (x >= -0.5) & (x <= columns - 0.5) & (y >= -0.5) & (y <= rows - 0.5)
        x, y = x.clamp(0, columns - 1), y.clamp(0, rows - 1)
        i, j = x.floor().clamp(max=max(columns - 2, 0)).long(), y.floor().clamp(max=max(rows - 2, 0)).long()
        u, v = (x - i)[..., None], (y - j)[..., None]
        i2, j2 = (i + 1).clamp(max=columns - 1), (j + 1).clamp(max=rows - 1)
        corners = [(maps[:, b, a].movedim(0, -1), w) for a, b, w in (
            (i, j, (1 - u) * (1 - v)), (i2, j, u * (1 - v)), (i, j2, (1 - u) * v), (i2, j2, u * v),
        )]  # fmt: skip
        total = torch.zeros_like(corners[0][0])
        for value, weight in corners:
            # A weight of nothing times no ray at all is nothing, not undefined.
            total = total + torch.where(weight > 0, weight * value, 0.0)
        return torch.where(inside[..., None], total, -math.inf)
