"""`Forecast`: distributions of KPIs, for many nodes and horizons at once.

A distribution is either *samples* (equally likely members) or *quantiles* (values at levels, linear between
them, with a rule for what lies beyond the outermost levels). Equal neighbouring quantiles are an atom.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ranvier.ontology.errors import InputError


class Target(NamedTuple):
    """What is forecast: one quantity of one managed object."""

    object_id: str
    quantity: str


Tail = Literal["clamped", "linear"]
"""Beyond the outermost levels: "clamped" puts the rest of the mass on the outermost values,
"linear" goes on with the slope of the outermost segment."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Distributions for n targets at h horizons, issued at one time from what was known at one time.

    values       (n, h, m): samples in any order, or quantiles that never fall along the last axis.
                 All NaN along that axis: the model gives no forecast there.
    levels       (m,) strictly rising in (0, 1) for quantiles; None for samples
    horizons_s   (h,) the Measurement forecast is the latest whose period ends in
                 (issued_at + horizon − step, issued_at + horizon]
    known_at_ns  nothing recorded later was read
    step_ns      the grid of the state that it was made from
    """

    model: str
    model_version: str
    issued_at_ns: int
    known_at_ns: int
    targets: tuple[Target, ...]
    horizons_s: tuple[float, ...]
    values: NDArray[np.float64]
    levels: NDArray[np.float64] | None = None
    tail: Tail = "clamped"
    step_ns: int = 1_000_000_000
    twin: str = "default"
    tenant: str = "default"
    network: str = "default"

    def __post_init__(self) -> None:
        expected = (len(self.targets), len(self.horizons_s))
        if self.values.ndim != 3 or self.values.shape[:2] != expected:
            raise InputError(
                f"values of shape {expected} + (members or levels,)", str(self.values.shape), "reshape them"
            )
        if self.known_at_ns > self.issued_at_ns:
            raise InputError(
                "known_at_ns at or before issued_at_ns",
                f"{self.known_at_ns} after {self.issued_at_ns}",
                "a forecast cannot know what comes after it was issued",
            )
        if self.levels is not None:
            self._check_levels(self.levels)

    def _check_levels(self, levels: NDArray[np.float64]) -> None:
        if levels.shape != self.values.shape[2:]:
            raise InputError(
                f"{self.values.shape[2]} levels", str(levels.shape), "give one level for each value"
            )
        if not (np.all(np.diff(levels) > 0) and levels[0] > 0 and levels[-1] < 1):
            raise InputError("levels rising strictly within (0, 1)", str(levels), "sort them")
        if np.any(np.diff(self.values, axis=2) < 0):
            raise InputError("quantiles that never fall", "crossing ones", "sort them along the last axis")
