"""Sites where the user says, with the cells that the user gives them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from torch import Tensor

from ranvier.dtops.simulator.deployment.plan import Plan, in_bounds
from ranvier.ontology.errors import InputError


@dataclass(frozen=True, slots=True)
class Site:
    """A mast at x, y (metres east and north), and the bearings of its cells; none: one cell all around."""

    id: str
    x_m: float
    y_m: float
    height_m: float = 25.0
    bearings_deg: tuple[float, ...] = (30.0, 150.0, 270.0)


@dataclass(frozen=True, slots=True)
class FreeSites:
    """A list of sites. Users are where the sites are, and `margin_m` around them."""

    sites: tuple[Site, ...]
    kind: Literal["free_sites"] = "free_sites"
    margin_m: float = 300.0

    def __post_init__(self) -> None:
        if not self.sites:
            raise InputError("deployment.sites of one site or more", "none", "add a site")
        ids = [site.id for site in self.sites]
        if twice := sorted({each for each in ids if ids.count(each) > 1}):
            raise InputError(
                "deployment.sites with ids of their own", f"{twice[0]} twice", "rename one of them"
            )
        if not self.margin_m > 0:
            raise InputError("deployment.margin_m above 0", f"{self.margin_m:g}", "give users an area")

    def plan(self) -> Plan:
        """The sites in the order of the list."""
        at = np.array([[site.x_m, site.y_m] for site in self.sites])
        return Plan(
            tuple(site.id for site in self.sites), at, np.array([site.height_m for site in self.sites]),
            tuple(site.bearings_deg or (float("nan"),) for site in self.sites), self._bounds(),
        )  # fmt: skip

    def places(self, uniforms: Tensor, user: Tensor) -> Tensor:  # noqa: ARG002
        """Uniform over the rectangle around the sites."""
        return in_bounds(self._bounds(), uniforms)

    def _bounds(self) -> tuple[float, float, float, float]:
        x, y = [site.x_m for site in self.sites], [site.y_m for site in self.sites]
        margin = self.margin_m
        return min(x) - margin, min(y) - margin, max(x) + margin, max(y) + margin
