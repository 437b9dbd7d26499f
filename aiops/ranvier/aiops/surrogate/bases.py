"""The scale on which each KPI is learned, and what the closed form says of it: heads give what is left.

rsrp, sinr        dB                    the link budget, with neighbours as loaded
throughput        ln(1 + kbit/s)        what is offered, or the user's share of its cell's rate if less
prb               logit of the part     the load of the coupling
active users      ln(1 + n)             ρ / (1 − ρ), as of processor sharing
delay             ln(0.1 + ms)          a burst's time alone on the cell's mean rate, over 1 − ρ
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ranvier.aiops.surrogate.features import logit
from ranvier.dtops.scenes.link_budget import FULL_BUFFER, LinkBudget
from ranvier.dtops.scenes.scene import Scene

Floats = NDArray[np.float64]
LEAST_PART = 1e-3
LEAST_MS = 0.1
HIGHEST = {"throughput_kbit_s": 14.0, "active_users": 6.5, "rlc_delay_ms": 8.3}
"""Of what is learned on a logarithm: a gigabit a second, hundreds of users, four seconds."""


@dataclass(frozen=True, slots=True)
class Link:
    """A monotone map from a KPI's unit to the scale of its head, and back; `unit` is a typical width there."""

    to: Callable[[Tensor], Tensor]
    back: Callable[[Tensor], Tensor]
    unit: float


def _log1p(values: Tensor) -> Tensor:
    return torch.log1p(values.clamp(min=0))


def _expm1(highest: float) -> Callable[[Tensor], Tensor]:
    return lambda z: torch.expm1(z.clamp(0, highest))


LINKS: dict[str, Link] = {
    "rsrp_dbm": Link(lambda v: v, lambda z: z, 5.0),
    "sinr_db": Link(lambda v: v, lambda z: z, 5.0),
    "throughput_kbit_s": Link(_log1p, _expm1(HIGHEST["throughput_kbit_s"]), 1.0),
    "prb_percent": Link(
        lambda v: torch.logit((v / 100).clamp(LEAST_PART, 1 - LEAST_PART)),
        lambda z: 100 * torch.sigmoid(z), 1.0,
    ),
    "active_users": Link(_log1p, _expm1(HIGHEST["active_users"]), 0.5),
    "rlc_delay_ms": Link(
        lambda v: torch.log(v.clamp(min=0) + LEAST_MS),
        lambda z: (torch.exp(z.clamp(max=HIGHEST["rlc_delay_ms"])) - LEAST_MS).clamp(min=0), 1.0,
    ),
}  # fmt: skip


def bases(scene: Scene, budget: LinkBudget) -> dict[str, Floats]:
    """KPI to (n,): where its head starts from, on the head's scale. Never NaN."""
    users, links, cells = scene.users, scene.links, scene.cells
    has = budget.link >= 0
    cell = np.where(has, links.cell[budget.link] if len(links) else 0, 0)
    rate = np.nan_to_num(budget.rate_bit_s, nan=1.0)
    crowd = np.maximum(budget.users[cell], 1)
    wanted = np.where(users.service == FULL_BUFFER, rate / crowd, users.offered_bit_s)
    over = np.maximum(budget.wanted[cell], 1.0)
    share = np.where(has, np.minimum(wanted / over, rate), 0.0)
    active = np.bincount(cell, np.where(has, budget.activity, 0.0), len(cells))
    return {
        "rsrp_dbm": np.nan_to_num(budget.rsrp_dbm, nan=-125.0),
        "sinr_db": np.nan_to_num(budget.sinr_db, nan=-10.0),
        "throughput_kbit_s": np.log1p(share / 1e3),
        "prb_percent": logit(budget.load, LEAST_PART),
        "active_users": np.log1p(active),
        "rlc_delay_ms": np.log(np.minimum(1e3 * budget.delay_s, 2e3) + LEAST_MS),
    }
