"""The simulator's error budget against reality: ±3 dB on received powers, in three parts, and what KPIs make of it.

A link's gain in the simulator is that of the real one plus an error e = e_common + e_cell + e_link, each
normal with mean 0. ±3 dB is the half-width of a 95 % interval, so σ² = (3 / 1.96)² = 2.34 dB².

    part      σ, dB   where it comes from
    common    1.20    path loss and penetration models, noise figure, cable and body loss. The companies' curves
                      of R1-165974 differ by 1.2 dB (1 SD) in coupling loss, though all follow one model
    per cell  0.67    feeder and radiated power, installed tilt and azimuth, clutter around the mast
    per link  0.67    what a correlated shadowing field of the right statistics does not know of one place

The last two share equally what the first leaves of σ². It is for claims about reality; a claim about the
simulator (of a surrogate, say) has the simulator's own sampling entropy for a yardstick, never this.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Literal

import torch
from torch import Tensor

from ranvier.dtops.simulator import streams
from ranvier.dtops.simulator.layout import Layout
from ranvier.dtops.simulator.link_gains import GainSource, LinkGains

HALF_WIDTH_DB = 3.0
Part = Literal["common", "per_cell", "per_link"]


@dataclass(frozen=True, slots=True)
class ErrorBudget:
    """Standard deviations in dB of the three parts of the error of a link's gain."""

    common: float = 1.20
    per_cell: float = 0.67
    per_link: float = 0.67

    @property
    def half_width_db(self) -> float:
        """Half the width of the 95 % interval of a link's error."""
        return 1.959964 * float(sum(getattr(self, each.name) ** 2 for each in fields(self)) ** 0.5)

    def only(self, part: Part) -> ErrorBudget:
        """The budget with one part, the others zero."""
        none = ErrorBudget(0.0, 0.0, 0.0)
        return replace(none, **{part: getattr(self, part)})


@dataclass(frozen=True, slots=True)
class PerturbedGains:
    """A `GainSource` whose gains have one draw of the budget's error in each realisation.

    seeds  (R,) int64: which draw of the error each realisation has; independent of scene and run
    users  (U,) int64 keys of the users, as in their Population
    """

    source: GainSource
    budget: ErrorBudget
    seeds: Tensor
    users: Tensor

    def gains(self, layout: Layout, position_m: Tensor, which: Tensor | None = None) -> LinkGains:
        """The source's gains with the error added; every sector and beam of a link alike."""
        found = self.source.gains(layout, position_m, which)
        return replace(found, gain_db=found.gain_db + self.error_db(found.cell, which)[..., None])

    def error_db(self, cell: Tensor, which: Tensor | None = None) -> Tensor:
        """The error of each link in dB, float32, in the shape of `cell` (R, U, L)."""
        if which is None:
            seeds, users = self.seeds[:, None, None], self.users[None, :, None]
        else:
            seeds, users = self.seeds[which[:, 0]][None, :, None], self.users[which[:, 1]][None, :, None]
        common = streams.normal(streams.chain(seeds, streams.purpose("error common")))
        own = streams.normal(streams.chain(seeds, streams.purpose("error cell"), cell))
        link = streams.normal(streams.chain(seeds, streams.purpose("error link"), users, cell))
        budget = self.budget
        return (budget.common * common + budget.per_cell * own + budget.per_link * link).to(torch.float32)
