"""`Block`: what the torch stages of a slot share, and how they add to tallies.

Every entry of a tally but the users' SINR is a whole number, exact in float64, so that scattered additions give
the same sum in whatever order a device does them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ranvier.dtops.simulator.link.tables import TensorTables
from ranvier.dtops.simulator.slots.state import BlockInputs, BlockTraces, SlotSettings, Tallies


@dataclass(frozen=True, slots=True)
class Block:
    """A block in progress.

    prbs   (S,) int64 PRBs of each sub-band
    home   (R, U) int64: the serving cell; C for nobody
    turn   (U,) int64: each user's place in the order among equals
    levels (2, 16) float64: of CQIs (see reception.cqi_levels)
    """

    settings: SlotSettings
    tables: TensorTables
    prbs: Tensor
    inputs: BlockInputs
    tallies: Tallies
    traces: BlockTraces
    home: Tensor
    turn: Tensor
    levels: Tensor

    @property
    def cells(self) -> int:
        """C."""
        return self.tallies.cells.slots.shape[1]

    @property
    def traces_users(self) -> bool:
        """Whether users' arrays are wanted."""
        return self.traces.user_bits.shape[1] > 0

    def of_home(self, column: Tensor, nobody: float = 0) -> Tensor:
        """(R, U) the entry of each user's cell in `column` (C,); `nobody` without one."""
        return torch.cat([column, column.new_full((1,), nobody)])[self.home]

    def by_cell(self, values: Tensor) -> Tensor:
        """(R, C) float64: sums of `values` (R, U), whole numbers, over the users of each cell."""
        total = torch.zeros((len(values), self.cells + 1), dtype=torch.float64, device=values.device)
        return total.scatter_add_(1, self.home, values.to(torch.float64))[:, :-1]

    def count(self, **columns: Tensor) -> None:
        """Add whole numbers (R, U) to the columns of these names, of users and of their cells where there."""
        for name, values in columns.items():
            if hasattr(self.tallies.users, name):
                getattr(self.tallies.users, name).add_(values)
            if hasattr(self.tallies.cells, name):
                getattr(self.tallies.cells, name).add_(self.by_cell(values))

    def count_cells(self, **columns: Tensor) -> None:
        """Add whole numbers (R, U) to columns of the users' cells only."""
        for name, values in columns.items():
            getattr(self.tallies.cells, name).add_(self.by_cell(values))


def pick(table: Tensor, place: Tensor) -> Tensor:
    """(R, U): entry `place` (R, U) of the last axis of `table` (R, U, n)."""
    return table.gather(-1, place[..., None])[..., 0]


def put(table: Tensor, place: Tensor, value: Tensor, where: Tensor) -> None:
    """Set entry `place` (R, U) of `table` (R, U, n) to `value` (R, U) `where` (R, U)."""
    kept = torch.where(where, value.to(table.dtype), pick(table, place))
    table.scatter_(-1, place[..., None], kept[..., None])
