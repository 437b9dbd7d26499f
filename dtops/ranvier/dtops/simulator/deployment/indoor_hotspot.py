"""An open hall with cells under the ceiling (TR 38.901 table 7.2-2, indoor office: 120 m by 50 m, 12 sites)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from torch import Tensor

from ranvier.dtops.simulator.deployment.plan import Plan, in_bounds
from ranvier.ontology.errors import InputError


@dataclass(frozen=True, slots=True)
class IndoorHotspot:
    """A hall of `length_m` by `width_m` with `rows` by `columns` omnidirectional cells."""

    kind: Literal["indoor_hotspot"] = "indoor_hotspot"
    length_m: float = 120.0
    width_m: float = 50.0
    rows: int = 2
    columns: int = 6
    site_height_m: float = 3.0

    def __post_init__(self) -> None:
        for name in ("length_m", "width_m", "rows", "columns"):
            if not getattr(self, name) > 0:
                raise InputError(f"deployment.{name} above 0", f"{getattr(self, name):g}", "choose another")

    def plan(self) -> Plan:
        """Cells in the middle of equal parts of the hall."""
        x = (np.arange(self.columns) + 0.5) * self.length_m / self.columns
        y = (np.arange(self.rows) + 0.5) * self.width_m / self.rows
        at = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        return Plan(
            tuple(f"ceiling-{i + 1}" for i in range(len(at))), at, np.full(len(at), self.site_height_m),
            ((float("nan"),),) * len(at), self._bounds(),
        )  # fmt: skip

    def places(self, uniforms: Tensor, user: Tensor) -> Tensor:  # noqa: ARG002
        """Uniform over the hall."""
        return in_bounds(self._bounds(), uniforms)

    def _bounds(self) -> tuple[float, float, float, float]:
        return 0.0, 0.0, self.length_m, self.width_m
