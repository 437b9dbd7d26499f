"""`RollingSums`: the sums of scores by model, target and horizon, in a ring of blocks of time.

Sums add up, so any window of whole blocks can be asked for, and a revision is what it adds less what it
replaces. Blocks older than `by_target_blocks` forget the single targets and keep only the KPIs; those older
than `blocks` are dropped: memory is bounded by the number of targets, however long it runs.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.forecast import Target
from ranvier.dtops.scoring.metrics import WIDTH

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(slots=True)
class _Block:
    """Sums of one block: by model, (targets, horizons, WIDTH) or, once it is old, (quantities, horizons, WIDTH)."""

    by_target: dict[str, Floats] = field(default_factory=dict)
    by_quantity: dict[str, Floats] = field(default_factory=dict)


@dataclass(slots=True)
class RollingSums:
    """See the module. Times are numbered by block: time_ns // block_ns."""

    block_ns: int
    horizons_s: tuple[float, ...]
    by_target_blocks: int = 30
    blocks: int = 1_440
    targets: list[Target] = field(default_factory=list)
    quantities: list[str] = field(default_factory=list)
    _index: dict[Target, int] = field(default_factory=dict)
    _quantity_of: list[int] = field(default_factory=list)
    _held: dict[int, _Block] = field(default_factory=dict)

    def number(self, target: Target) -> int:
        """The number of a target, a new one if it is new."""
        number = self._index.get(target)
        if number is None:
            number = self._index[target] = len(self.targets)
            self.targets.append(target)
            if target.quantity not in self.quantities:
                self.quantities.append(target.quantity)
            self._quantity_of.append(self.quantities.index(target.quantity))
        return number

    def add(self, model: str, time_ns: int, targets: Ints, horizon: int, statistics: Floats) -> None:
        """Add statistics (k, WIDTH) of targets (k,) at one horizon (a column) to the block of a time.

        What comes for a block that is too old to be held is dropped: nobody can ask for it any more.
        """
        number = time_ns // self.block_ns
        newest = max(self._held, default=number)
        if number <= newest - self.blocks:
            return
        block = self._held.setdefault(number, _Block())
        if number > newest:
            self._age(number)
        if number > max(newest, number) - self.by_target_blocks:
            held = self._room(block.by_target.get(model), len(self.targets))
            np.add.at(held, (targets, horizon), statistics)
            block.by_target[model] = held
        held = self._room(block.by_quantity.get(model), len(self.quantities))
        np.add.at(held, (np.array(self._quantity_of)[targets], horizon), statistics)
        block.by_quantity[model] = held

    def _room(self, held: Floats | None, rows: int) -> Floats:
        if held is None:
            return np.zeros((rows, len(self.horizons_s), WIDTH))
        if len(held) < rows:
            return np.concatenate([held, np.zeros((rows - len(held), *held.shape[1:]))])
        return held

    def _age(self, newest: int) -> None:
        """Let old blocks forget the targets, and drop those that are older still."""
        for number in list(self._held):
            if number <= newest - self.by_target_blocks:
                self._held[number].by_target.clear()
            if number <= newest - self.blocks:
                del self._held[number]

    def sums(self, model: str, from_ns: int, to_ns: int, *, by_target: bool = False) -> Floats:
        """(blocks, targets or quantities, horizons, WIDTH) of the blocks that begin in [from_ns, to_ns)."""
        rows = len(self.targets) if by_target else len(self.quantities)
        chosen = [n for n in sorted(self._held) if from_ns <= n * self.block_ns < to_ns]
        found = np.zeros((len(chosen), rows, len(self.horizons_s), WIDTH))
        for i, number in enumerate(chosen):
            block = self._held[number]
            held = (block.by_target if by_target else block.by_quantity).get(model)
            if held is not None:
                found[i, : len(held)] = held
        return found

    @property
    def oldest_ns(self) -> int | None:
        """When the oldest block held began; None while there is none."""
        return min(self._held) * self.block_ns if self._held else None
