"""`Span`: the slots of a block, and where moments fall in them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Span:
    """Slots [first, first + slots) of `slot_s` seconds each, counted from the start of the run."""

    first: int
    slots: int
    slot_s: float

    @property
    def end(self) -> int:
        """The slot after the last."""
        return self.first + self.slots

    def slot_of(self, time_s: Tensor) -> Tensor:
        """Absolute int64 slot of moments `time_s` (…) float64, seconds since the start."""
        return torch.floor(time_s / self.slot_s).to(torch.int64)

    def add(self, total: Tensor, slot: Tensor, bits: Tensor) -> None:
        """Add `bits` (R, U, n) to `total` (R, U, N) at absolute slots `slot` (R, U, n); others pass by.

        Integers, so that the order in which several of one slot are added is of no matter.
        """
        inside = (slot >= self.first) & (slot < self.end)
        place = (slot - self.first).clamp(0, self.slots - 1)
        total.scatter_add_(2, place, torch.where(inside, bits, 0))
