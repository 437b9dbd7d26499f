"""`ControlTally`: how often what happened, by cell and by pair of cells."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from ranvier.dtops.simulator.control.state import ControlEvents

PAIRS = ("preparations", "executions", "successes", "failures")


@dataclass(slots=True)
class ControlTally:
    """Sums over periods: integers, so that their order does not matter. Altered in place by `add`.

    By ordered pair of source and target, (R, C, C) int32:
    preparations    handovers asked for: MM.HoPrepInterReq between gNBs
    executions      of them prepared, and commanded: MM.HoPrepInterSucc, MM.HoExeInterReq, MM.HoExeIntraReq
    successes       of them that reached the target: MM.HoExeInterSucc, MM.HoExeIntraSucc
    failures        of them with T304 expired: MM.HoExeInterFail

    By cell, (R, C) float64:
    link_failures   radio link failures in the cell
    reestablishments, reestablished   asked of the cell: RRC.ReEstabAtt; of them successful:
                    RRC.ReEstabSuccWithUeContext
    attached        connections set up in the cell: RRC.ConnEstabAtt, RRC.ConnEstabSucc
    detached        users that lost coverage, by the cell that they lost last
    left            sessions that ended in the cell
    too_late, too_early, to_wrong_cell   failures by the cell to blame: HO.IntraSys.TooLate …
    ping_pongs      handovers from the cell back to the one that the user had just left
    """

    preparations: Tensor
    executions: Tensor
    successes: Tensor
    failures: Tensor
    link_failures: Tensor
    reestablishments: Tensor
    reestablished: Tensor
    attached: Tensor
    detached: Tensor
    left: Tensor
    too_late: Tensor
    too_early: Tensor
    to_wrong_cell: Tensor
    ping_pongs: Tensor

    @classmethod
    def zeros(cls, realisations: int, cells: int, device: torch.device | str = "cpu") -> ControlTally:
        """Nothing counted yet."""
        made = {}
        for each in fields(cls):
            pair = each.name in PAIRS
            shape = (realisations, cells, cells) if pair else (realisations, cells)
            made[each.name] = torch.zeros(shape, dtype=torch.int32 if pair else torch.float64, device=device)
        return cls(**made)

    def add(self, events: ControlEvents) -> None:
        """Counts what a step did."""
        cells = self.left.shape[1]
        pair = events.source.clamp(min=0) * cells + events.target.clamp(min=0)
        for name, mask in zip(
            PAIRS, (events.preparing, events.executing, events.succeeded, events.failed), strict=True
        ):
            _count(getattr(self, name).flatten(1), pair, mask & (events.source >= 0) & (events.target >= 0))
        for name, cell, mask in (
            ("link_failures", events.before, events.link_failed),
            ("reestablishments", events.serving, events.reestablishing),
            ("reestablished", events.serving, events.reestablished),
            ("attached", events.serving, events.attached),
            ("detached", events.blamed, events.detached),
            ("left", events.before, events.left),
            ("too_late", events.blamed, events.too_late),
            ("too_early", events.blamed, events.too_early),
            ("to_wrong_cell", events.blamed, events.to_wrong_cell),
            ("ping_pongs", events.source, events.ping_pong),
        ):
            _count(getattr(self, name), cell.clamp(min=0), mask & (cell >= 0))

    def split(self, pairs: Tensor, gnb: Tensor) -> tuple[Tensor, Tensor]:
        """Sums (R, C) float64 by source cell of `pairs` (R, C, C): within its gNB, and to other gNBs.

        gnb  (C,) of each cell
        """
        same = gnb[:, None] == gnb[None, :]
        within = (pairs * same).sum(dim=-1)  # of integers: exact in any order
        return within.to(torch.float64), (pairs.sum(dim=-1) - within).to(torch.float64)


def _count(sums: Tensor, where: Tensor, mask: Tensor) -> None:
    sums.scatter_add_(1, where, mask.to(sums.dtype))
