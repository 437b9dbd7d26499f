"""`MeasuredGains`: gains from a table of measurements, by user and cell."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ranvier.dtops.simulator.layout import Layout
from ranvier.dtops.simulator.link_gains import LinkGains
from ranvier.ontology.errors import InputError

USUAL_SPREAD_S = 300e-9
"""Delay spread where nobody measured it."""


@dataclass(frozen=True, slots=True)
class MeasuredGains:
    """What was measured stays, wherever users go.

    gain_db         (R, U, C) or (1, U, C); −inf or NaN: not heard
    delay_spread_s, k_factor_db   of all links
    """

    gain_db: Tensor
    delay_spread_s: float = USUAL_SPREAD_S
    k_factor_db: float = -math.inf

    def gains(self, layout: Layout, position_m: Tensor, which: Tensor | None = None) -> LinkGains:
        """See `GainSource`. Raises InputError where the table is not of this layout and population."""
        realisations, users = position_m.shape[:2]
        expected = (users, len(layout.cells))
        if self.gain_db.shape[1:] != expected or self.gain_db.shape[0] not in (1, realisations):
            raise InputError(
                f"a table of ({realisations} or 1, {users} users, {expected[1]} cells)",
                str(tuple(self.gain_db.shape)), "measure every user and cell, −inf where not heard",
            )  # fmt: skip
        table = torch.nan_to_num(self.gain_db, nan=-math.inf, neginf=-math.inf).expand(realisations, -1, -1)
        found = table if which is None else table[which[:, 0], which[:, 1]][None]
        cell = torch.where(torch.isfinite(found), torch.arange(expected[1], device=found.device), -1)
        single = torch.float32
        return LinkGains(
            cell, found.to(single)[..., None].contiguous(),
            torch.full_like(cell, self.k_factor_db > -math.inf, dtype=torch.bool),
            torch.full_like(found, self.delay_spread_s, dtype=single),
            torch.full_like(found, self.k_factor_db, dtype=single),
        )  # fmt: skip
