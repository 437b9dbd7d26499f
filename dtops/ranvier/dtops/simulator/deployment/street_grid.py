"""A Manhattan grid of streets with small cells at every other crossing, and users on the streets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ranvier.dtops.simulator.deployment.plan import Plan
from ranvier.ontology.errors import InputError


@dataclass(frozen=True, slots=True)
class StreetGrid:
    """Blocks of buildings with streets between them.

    blocks         along each side; streets run around and between them
    block_m        from street to street
    site_height_m  of the small cells, on lamp posts
    bearings_deg   of a site's cells: along the four arms of its crossing
    """

    kind: Literal["street_grid"] = "street_grid"
    blocks: int = 4
    block_m: float = 130.0
    site_height_m: float = 10.0
    bearings_deg: tuple[float, ...] = (0.0, 90.0, 180.0, 270.0)

    def __post_init__(self) -> None:
        if self.blocks < 1:
            raise InputError("deployment.blocks of 1 or more", str(self.blocks), "choose another")
        if not self.block_m > 0:
            raise InputError("deployment.block_m above 0", f"{self.block_m:g}", "choose another")

    def plan(self) -> Plan:
        """Sites at crossings whose row and column add to an even number."""
        lines = range(self.blocks + 1)
        crossings = [(i, j) for j in lines for i in lines if (i + j) % 2 == 0]
        side = self.blocks * self.block_m
        return Plan(
            tuple(f"corner-{i}-{j}" for i, j in crossings), np.array(crossings, dtype=float) * self.block_m,
            np.full(len(crossings), self.site_height_m), (self.bearings_deg,) * len(crossings),
            (0.0, 0.0, side, side), street_m=self.block_m,
        )  # fmt: skip

    def places(self, uniforms: Tensor, user: Tensor) -> Tensor:  # noqa: ARG002
        """Uniform over the streets, which all have the same length."""
        side = self.blocks * self.block_m
        along = uniforms[..., 0] * side
        street = torch.floor(uniforms[..., 1] * (self.blocks + 1)) * self.block_m
        east = uniforms[..., 2] < 0.5
        return torch.stack([torch.where(east, along, street), torch.where(east, street, along)], dim=-1)
