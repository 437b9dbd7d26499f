"""A container yard: cells on light masts at its edges, and vehicles in the aisles between the stacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ranvier.dtops.simulator.deployment.plan import Plan
from ranvier.ontology.errors import InputError


@dataclass(frozen=True, slots=True)
class PortYard:
    """A yard along a quay.

    length_m, width_m  of the yard; `aisle_m` from aisle to aisle, both ways
    masts              along each of the two long edges, with two cells each that look into the yard
    """

    kind: Literal["port_yard"] = "port_yard"
    length_m: float = 900.0
    width_m: float = 360.0
    aisle_m: float = 60.0
    masts: int = 4
    site_height_m: float = 30.0

    def __post_init__(self) -> None:
        for name in ("length_m", "width_m", "aisle_m", "masts"):
            if not getattr(self, name) > 0:
                raise InputError(f"deployment.{name} above 0", f"{getattr(self, name):g}", "choose another")
        if min(self.length_m, self.width_m) < self.aisle_m:
            raise InputError("deployment.aisle_m within the yard", f"{self.aisle_m:g}", "narrow the aisles")

    def plan(self) -> Plan:
        """Masts on the southern, then the northern edge."""
        x = (np.arange(self.masts) + 0.5) * self.length_m / self.masts
        south, north = (np.stack([x, np.full(self.masts, y)], axis=1) for y in (0.0, self.width_m))
        bearings = ((315.0, 45.0),) * self.masts + ((225.0, 135.0),) * self.masts
        ids = [f"mast-{edge}-{i + 1}" for edge in ("south", "north") for i in range(self.masts)]
        return Plan(
            tuple(ids), np.concatenate([south, north]), np.full(2 * self.masts, self.site_height_m), bearings,
            (0.0, 0.0, self._lines(self.length_m) * self.aisle_m, self._lines(self.width_m) * self.aisle_m),
            street_m=self.aisle_m,
        )  # fmt: skip

    def places(self, uniforms: Tensor, user: Tensor) -> Tensor:  # noqa: ARG002
        """Uniform over the aisles that run along the yard."""
        x = uniforms[..., 0] * (self._lines(self.length_m) * self.aisle_m)
        aisle = torch.floor(uniforms[..., 1] * (self._lines(self.width_m) + 1)) * self.aisle_m
        return torch.stack([x, aisle], dim=-1)

    def _lines(self, length_m: float) -> int:
        return int(length_m // self.aisle_m)
