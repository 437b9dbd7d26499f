"""Heads: monotone quantiles with atoms, and counts of events.

    q(τ_k) = back( base + u (loc + s (D_k − D_mid)) ),   D_k = Σ_{j ≤ k} softplus(d_j),  s = e^scale

A KPI that has atoms is a mixture: mass p₀ at its lowest value, p₁ at its highest, and the quantiles of what lies
between. An event has the probability of at least one and a mean count.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ranvier.aiops.surrogate.bases import LINKS
from ranvier.dtops.scenes.forecast import LEVELS
from ranvier.dtops.scenes.outcomes import KPI, Kpi

SMALLEST_SCALE, LARGEST_SCALE = -7.0, 3.0
MIDDLE = int((torch.tensor(LEVELS) - 0.5).abs().argmin())
AT_ATOM = 1e-3
"""So near to an atom's value counts as it, in the KPI's unit."""


class Marginal(NamedTuple):
    """What a head says of rows: (r, q) values on the head's scale, and logits (r,) of the atoms, None: none."""

    z: Tensor
    lowest: Tensor | None
    highest: Tensor | None


class Event(NamedTuple):
    """Logit of at least one, and ln of the mean count, (r,) each."""

    logit: Tensor
    log_mean: Tensor


class QuantileHead(nn.Module):
    """From a row's embedding (r, w) to its Marginal."""

    def __init__(self, kpi: Kpi, width: int) -> None:
        super().__init__()
        self.kpi, self.link = kpi, LINKS[kpi.name]
        self.out = nn.Linear(width, len(LEVELS) + 1 + 2)

    def forward(self, embedding: Tensor, base: Tensor) -> Marginal:
        """The marginal of each row; base (r,) on the head's scale."""
        out = self.out(embedding)
        loc, scale, atoms, steps = out[:, :1], out[:, 1:2], out[:, 2:4], out[:, 4:]
        width = torch.exp(scale.clamp(SMALLEST_SCALE, LARGEST_SCALE))
        steps = functional.pad(functional.softplus(steps), (1, 0)).cumsum(dim=1)
        z = base[:, None] + self.link.unit * (loc + width * (steps - steps[:, MIDDLE : MIDDLE + 1]))
        return Marginal(
            z, atoms[:, 0] if self.kpi.lowest is not None else None,
            atoms[:, 1] if self.kpi.highest is not None else None,
        )  # fmt: skip


class EventHead(nn.Module):
    """From a row's embedding to its Event."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.out = nn.Linear(width, 2)

    def forward(self, embedding: Tensor) -> Event:
        """The event of each row."""
        out = self.out(embedding)
        return Event(out[:, 0] - 3.0, out[:, 1].clamp(-12, 6))


def quantiles(kpi: str, found: Marginal) -> Tensor:
    """(r, q) at LEVELS in the KPI's unit: of the mixture with its atoms."""
    about = KPI[kpi]
    levels = torch.as_tensor(LEVELS, dtype=found.z.dtype, device=found.z.device)
    if found.lowest is None and found.highest is None:
        return LINKS[kpi].back(found.z)
    low = torch.sigmoid(found.lowest) if found.lowest is not None else torch.zeros_like(found.z[:, 0])
    high = (1 - low) * torch.sigmoid(found.highest) if found.highest is not None else torch.zeros_like(low)
    between = (1 - low - high).clamp(min=1e-6)
    inner = (levels - low[:, None]) / between[:, None]
    values = LINKS[kpi].back(_interpolated(found.z, levels, inner))
    lowest = about.lowest if about.lowest is not None else -torch.inf
    values = torch.where(inner <= 0, lowest, values) if found.lowest is not None else values
    if about.highest is not None:
        values = torch.where(inner >= 1, about.highest, values)
    return values


def _interpolated(z: Tensor, levels: Tensor, at: Tensor) -> Tensor:
    """The quantile function through (levels, z) at levels `at` (r, q); clamped beyond the outermost."""
    at = at.clamp(float(LEVELS[0]), float(LEVELS[-1]))
    place = (torch.searchsorted(levels, at.contiguous(), right=True) - 1).clamp(0, len(levels) - 2)
    share = (at - levels[place]) / (levels[place + 1] - levels[place])
    low, high = z.gather(1, place), z.gather(1, place + 1)
    return low + share * (high - low)
