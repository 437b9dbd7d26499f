"""The scale on which each KPI is learned, and what the closed form says of it: heads give what is left.

rsrp, sinr        dB                    the link budget, with neighbours as loaded
throughput        ln(1 + kbit/s)        what is offered, or the user's share of its cell's rate if less
prb               logit of the part     the load of the coupling
active users      ln(1 + n)             the parts of the time in which users have data
delay             ln(0.1 + ms)          a burst's time alone on the cell's mean rate, over 1 − ρ

Each as far as motion leaves it by the horizon (`dispersal`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ranvier.aiops.surrogate.features import logit
from ranvier.dtops.scenes.dispersal import Dispersal
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


def bases(
    scene: Scene, budget: LinkBudget, dispersal: Dispersal, horizons_s: Sequence[float]
) -> dict[str, Floats]:
    """KPI to (n, H): where its head starts from at each horizon, on the head's scale. Never NaN."""
    users = scene.users
    later = dispersal.at(horizons_s)
    rate = np.nan_to_num(budget.rate_bit_s, nan=1.0)
    crowd = np.maximum(budget.users[budget.cell], 1)
    wanted = np.where(users.service == FULL_BUFFER, rate / crowd, users.offered_bit_s)
    over = np.maximum(later.load, 1.0)
    # Of those that move, the cell is any: the more likely by how many it serves.
    anywhere = dispersal.share @ over if dispersal.share.any() else np.ones(over.shape[1])
    over = np.where((users.speed_m_s > 0)[:, None], np.sqrt(over[budget.cell] * anywhere), over[budget.cell])
    share = np.where(budget.served[:, None], np.minimum(wanted[:, None] / over, rate[:, None]), 0.0)
    return {
        "rsrp_dbm": np.nan_to_num(later.rsrp_dbm, nan=-125.0),
        "sinr_db": np.nan_to_num(later.sinr_db, nan=-10.0),
        "throughput_kbit_s": np.log1p(share / 1e3),
        "prb_percent": logit(later.load, LEAST_PART),
        "active_users": np.log1p(later.activity),
        "rlc_delay_ms": np.log(np.minimum(1e3 * later.delay_s, 2e3) + LEAST_MS),
    }
