"""`Intervention`: a change of configuration or load to be tried, at a slot of the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ranvier.dtops.simulator.layout import SCHEDULERS, Cells, Layout
from ranvier.ontology.errors import InputError

Knob = Literal["power_dbm", "tilt_deg", "azimuth_deg", "on", "offset_db", "scheduler", "demand"]
_RANGES: dict[str, tuple[float, float]] = {
    "power_dbm": (-60.0, 80.0), "tilt_deg": (-90.0, 90.0), "azimuth_deg": (-360.0, 360.0), "on": (0.0, 1.0),
    "offset_db": (-24.0, 24.0), "scheduler": (0.0, len(SCHEDULERS) - 1), "demand": (0.0, 1000.0),
}  # fmt: skip
"""Of each knob; offsets as TS 38.331 Q-OffsetRange."""


@dataclass(frozen=True, slots=True)
class Intervention:
    """From `slot` on, `knob` of these cells has this value.

    cells  ids; empty means all. For "demand" the users that are served by these cells when it begins
    value  in the knob's unit; "on" is 0 or 1, "scheduler" an index into SCHEDULERS, "demand" a factor
    """

    slot: int
    knob: Knob
    value: float
    cells: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.knob not in _RANGES:
            raise InputError(f"a knob among {', '.join(_RANGES)}", str(self.knob), "choose one of them")
        low, high = _RANGES[self.knob]
        if not low <= self.value <= high:
            raise InputError(f"{self.knob} of {low:g} to {high:g}", f"{self.value:g}", "choose another value")
        if self.slot < 0:
            raise InputError("a slot of 0 or later", str(self.slot), "count slots from the run's start")


def applied(layout: Layout, interventions: Sequence[Intervention]) -> Layout:
    """The layout with the interventions on its cells in effect, in their order. Raises InputError."""
    cells = layout.cells
    place = {name: i for i, name in enumerate(cells.ids)}
    for each in interventions:
        if unknown := [name for name in each.cells if name not in place]:
            raise InputError("cells of the layout", ", ".join(unknown[:3]), "name cells that it has")
        if each.knob != "demand":
            chosen = np.array([place[name] for name in each.cells] or range(len(cells)), dtype=np.int64)
            cells = _with(cells, each.knob, chosen, each.value)
    return layout.with_cells(cells)


def _with(cells: Cells, knob: str, chosen: np.ndarray, value: float) -> Cells:
    column = getattr(cells, knob).copy()
    column[chosen] = value
    return replace(cells, **{knob: column})
