"""`LinkGains`: how strongly a user hears each cell, apart from fast fading; and the port of what knows that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from ranvier.dtops.simulator.layout import Layout


@dataclass(frozen=True, slots=True)
class LinkGains:
    """Large-scale gains of L links of each of U users in R realisations.

    cell            (R, U, L) int64 index of the cell at the other end; −1 where a user has fewer links
    gain_db         (R, U, L, B) float32: antennas, path loss, penetration and shadowing together, for each
                    beam of the cell; the transmit power is not in it. −inf where there is no link
    los             (R, U, L) bool: line of sight
    delay_spread_s  (R, U, L) float32: r.m.s.
    k_factor_db     (R, U, L) float32: Rician K; −inf without line of sight
    """

    cell: Tensor
    gain_db: Tensor
    los: Tensor
    delay_spread_s: Tensor
    k_factor_db: Tensor


class GainSource(Protocol):
    """Where gains come from: TR 38.901, a ray tracer's radio map, or measurements."""

    def gains(self, layout: Layout, position_m: Tensor, which: Tensor | None = None) -> LinkGains:
        """The gains at `position_m` (R, U, 3), a pure function of place and of the cells' set-up.

        which  (n, 2) int64 pairs (r, u): only these users; the result then has the shape (1, n, …)
        """
        ...
