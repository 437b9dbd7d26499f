"""`BlockSums`: the sums of the metrics over blocks of time, for rolling windows of any length.

sums[block] is (models, quantities, horizons, WIDTH). States add up, so a window is a sum of its blocks, and
memory is bounded by the number of blocks that are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ranvier.dtops.fidelity import Fidelity, Window, fidelity_of
from ranvier.dtops.score_rows import statistics_of
from ranvier.dtops.scoring.metrics import COUNT, WIDTH

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Axes:
    """What the sums are over, and how long a block is."""

    models: tuple[str, ...]
    quantities: tuple[str, ...]
    horizons_s: tuple[float, ...]
    block_ns: int

    def block(self, time_ns: int) -> int:
        """The block that a time lies in; an instant that ends a block belongs to it."""
        return (time_ns - 1) // self.block_ns


@dataclass(slots=True)
class BlockSums:
    """The latest `kept` blocks."""

    axes: Axes
    kept: int = 2_000
    sums: dict[int, Floats] = field(default_factory=dict)

    def add(self, block: int, place: tuple[int, int, int], vector: Floats) -> None:
        """Add a (WIDTH,) vector at (model, quantity, horizon) of a block."""
        held = self.sums.get(block, np.zeros(self._shape())).copy()
        held[place] += vector
        self.sums = {**self.sums, block: held}  # readers keep the whole that they have
        while len(self.sums) > self.kept:
            del self.sums[min(self.sums)]

    def _shape(self) -> tuple[int, int, int, int]:
        axes = self.axes
        return len(axes.models), len(axes.quantities), len(axes.horizons_s), WIDTH

    def add_rows(self, rows: pa.Table) -> None:
        """Add rows of kind "score"; those of models, quantities or horizons that are not followed pass by."""
        if not len(rows):
            return
        axes, statistics = self.axes, statistics_of(rows)
        places = np.stack(
            [
                _places(rows["model"], pa.array(axes.models, pa.string())),
                _places(rows["quantity"], pa.array(axes.quantities, pa.string())),
                _places(rows["horizon_s"], pa.array(axes.horizons_s, pa.float64())),
            ],
            axis=1,
        )
        blocks = (rows["time_ns"].to_numpy() - 1) // axes.block_ns
        usable = np.flatnonzero((places >= 0).all(axis=1))
        order = usable[np.argsort(blocks[usable], kind="stable")]
        for of in np.split(order, np.flatnonzero(np.diff(blocks[order])) + 1) if len(order) else ():
            block = int(blocks[of[0]])
            sums = np.zeros(self._shape())
            np.add.at(sums, tuple(places[of].T), statistics[of])
            self.sums[block] = self.sums.get(block, np.zeros(self._shape())) + sums

    def fidelities(
        self, from_ns: int, to_ns: int, reference: str, confidence: float, object_id: str | None = None,
        models: Sequence[str] | None = None,
    ) -> list[Fidelity]:  # fmt: skip
        """The Fidelity of each model, quantity and horizon with points in the blocks within [from, to).

        A block in which a model was silent for a while, while the reference was scored, is not in its figures.
        """
        axes = self.axes
        blocks = sorted(b for b in self.sums if from_ns <= b * axes.block_ns < to_ns)
        if not blocks:
            return []
        window = np.stack([self.sums[block] for block in blocks])
        ref = axes.models.index(reference)
        begin_ns, end_ns = blocks[0] * axes.block_ns, (blocks[-1] + 1) * axes.block_ns
        return [
            fidelity_of(
                Window(model, quantity, horizon_s, begin_ns, end_ns, object_id, confidence),
                *_alike(window[:, m, q, h], window[:, ref, q, h]),
            )
            for q, quantity in enumerate(axes.quantities)
            for h, horizon_s in enumerate(axes.horizons_s)
            for m, model in enumerate(axes.models)
            if (models is None or model in models) and window[:, m, q, h, COUNT].sum() > 0
        ]  # fmt: skip


def _alike(mine: Floats, reference: Floats) -> tuple[Floats, Floats]:
    """The blocks in which both have the same points."""
    same = mine[:, COUNT] == reference[:, COUNT]
    return mine[same], reference[same]


def _places(column: pa.ChunkedArray, known: pa.Array) -> NDArray[np.int64]:
    """(p,) where each value is among the known ones; −1 where it is not."""
    found = pc.index_in(column, value_set=known)
    return np.asarray(pc.fill_null(found, -1).to_numpy().astype(np.int64))
