"""`Members`: what telemetry does not show of each cell, as an ensemble of equally likely states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Members:
    """E members over c cells. All arrays are (E, c).

    cells           ids of the cells (NRCellDU), in order of id
    offered_bit_s   load that users of the cell ask for, bit/s
    users           mean number of users connected to the cell
    gain_db         what the cell's gains are off the model's, dB: same for all of its links
    seed            (E,) names each member in draws: places of users, shadowing
    log_ratio       quantity to (c,): ln of what was counted over what the model counts, lately; 0 before
    """

    cells: tuple[str, ...]
    offered_bit_s: Floats
    users: Floats
    gain_db: Floats
    seed: NDArray[np.int64]
    log_ratio: Mapping[str, Floats] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.seed)
