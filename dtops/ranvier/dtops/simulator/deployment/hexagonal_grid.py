"""A hexagonal grid of three-sector sites, on a plane that repeats or not (TR 38.901 7.8, TR 36.873 layouts)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ranvier.dtops.simulator.deployment.plan import SECTORS_DEG, Plan
from ranvier.ontology.errors import InputError

SITES_OF_RINGS = {1: 0, 7: 1, 19: 2, 37: 3, 61: 4, 91: 5, 127: 6, 169: 7, 217: 8, 271: 9, 331: 10, 397: 11}
"""Whole hexagons of sites, 1 + 3 n (n + 1), by their number of rings n."""


@dataclass(frozen=True, slots=True)
class HexagonalGrid:
    """Sites on a triangular lattice that fill a hexagon of n rings.

    sites                  1, 7, 19, 37, … as whole rings give
    inter_site_distance_m  between neighbours
    site_height_m          of the antennas
    wraparound             the plane repeats, so that every cell has neighbours all around
    bearings_deg           of a site's cells
    turn_deg               by which the whole grid is turned, cells included
    """

    kind: Literal["hexagonal_grid"] = "hexagonal_grid"
    sites: int = 19
    inter_site_distance_m: float = 500.0
    site_height_m: float = 25.0
    wraparound: bool = True
    bearings_deg: tuple[float, ...] = SECTORS_DEG
    turn_deg: float = 0.0

    def __post_init__(self) -> None:
        if self.sites not in SITES_OF_RINGS:
            raise InputError(
                f"deployment.sites among {', '.join(map(str, SITES_OF_RINGS))}", str(self.sites),
                "choose a whole hexagon of sites",
            )  # fmt: skip
        if not self.inter_site_distance_m > 0:
            raise InputError(
                "deployment.inter_site_distance_m above 0", f"{self.inter_site_distance_m:g}", "widen it"
            )
        if not self.bearings_deg:
            raise InputError("deployment.bearings_deg of one cell or more", "none", "give a site cells")

    def plan(self) -> Plan:
        """Sites ring by ring from the middle; ids site-1, site-2, …"""
        at = self._lattice() @ self._turn()
        reach = self._rings() * self.inter_site_distance_m + self._radius()
        images = self._images() @ self._turn() if self.wraparound and self.sites > 1 else np.zeros((1, 2))
        bearings = tuple((each + self.turn_deg) % 360 for each in self.bearings_deg)
        return Plan(
            tuple(f"site-{i + 1}" for i in range(self.sites)), at, np.full(self.sites, self.site_height_m),
            (bearings,) * self.sites, (-reach, -reach, reach, reach), images,
        )  # fmt: skip

    def places(self, uniforms: Tensor, user: Tensor) -> Tensor:
        """Uniform over the hexagon of the user's site, the sites taking turns."""
        # A hexagon is three rhombi, spanned by neighbouring corners.
        third = torch.floor(uniforms[..., 0] * 3)
        corners = torch.deg2rad(torch.tensor([30.0, 150.0], dtype=uniforms.dtype)) + third[..., None] * (
            2 * math.pi / 3
        )
        u, v = uniforms[..., 1], uniforms[..., 2]
        x = u * torch.cos(corners[..., 0]) + v * torch.cos(corners[..., 1])
        y = u * torch.sin(corners[..., 0]) + v * torch.sin(corners[..., 1])
        turn = math.radians(self.turn_deg)
        east = x * math.cos(turn) + y * math.sin(turn)
        north = y * math.cos(turn) - x * math.sin(turn)
        inside = torch.stack([east, north], dim=-1) * self._radius()
        at = torch.as_tensor(self._lattice() @ self._turn())
        return at[user % self.sites] + inside

    def _rings(self) -> int:
        return SITES_OF_RINGS[self.sites]

    def _radius(self) -> float:
        """Of a site's hexagon, to its corners."""
        return self.inter_site_distance_m / math.sqrt(3)

    def _turn(self) -> np.ndarray:
        """Right-multiplied: turns rows of points clockwise, as bearings grow."""
        a = math.radians(self.turn_deg)
        return np.array([[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]])

    def _lattice(self) -> np.ndarray:
        n = self._rings()
        axial = [(q, r) for q in range(-n, n + 1) for r in range(-n, n + 1) if abs(q + r) <= n]
        axial.sort(key=lambda each: (max(abs(each[0]), abs(each[1]), abs(sum(each))), each))
        return np.array([self._point(q, r) for q, r in axial])

    def _point(self, q: int, r: int) -> tuple[float, float]:
        d = self.inter_site_distance_m
        return d * (q + r / 2), d * math.sqrt(3) / 2 * r

    def _images(self) -> np.ndarray:
        """A hexagon of n rings tiles the plane by (n + 1, n) and its turns by 60 degrees, in axial steps."""
        q, r = self._rings() + 1, self._rings()
        found = [(0, 0)]
        for _ in range(6):
            found.append((q, r))
            q, r = -r, q + r
        return np.array([self._point(*each) for each in found])
