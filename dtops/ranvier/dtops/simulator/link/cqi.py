"""Channel quality indicators (TS 38.214 5.2.2.1): their tables, and which one a UE reports.

A UE reports the highest CQI whose transport block would be received with an error probability of at most 0.1
(5.2.2.1). The block is that of the whole carrier; its error is that of `bler` at the effective SINR of the
CQI's own modulation. CQI 0 means out of range.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.simulator.link.mcs import TableName
from ranvier.ontology.errors import InputError

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
TARGET_BLER = 0.1
"""Of a CQI (5.2.2.1, tables 1 and 2)."""

_64QAM = (
    (0, 0), (2, 78), (2, 120), (2, 193), (2, 308), (2, 449), (2, 602), (4, 378), (4, 490), (4, 616),
    (6, 466), (6, 567), (6, 666), (6, 772), (6, 873), (6, 948),
)  # fmt: skip
"""Q_m and 1024 R of CQI 0 to 15 (table 5.2.2.1-2)."""
_256QAM = (
    (0, 0), (2, 78), (2, 193), (2, 449), (4, 378), (4, 490), (4, 616), (6, 466), (6, 567), (6, 666),
    (6, 772), (6, 873), (8, 711), (8, 797), (8, 885), (8, 948),
)  # fmt: skip
"""Q_m and 1024 R of CQI 0 to 15 (table 5.2.2.1-3)."""


def cqi_table(name: TableName = "256qam") -> tuple[Ints, Floats]:
    """Q_m and R of CQI 0 to 15, (16,) each; 0 for CQI 0. Raises InputError for another name."""
    rows = {"64qam": _64QAM, "256qam": _256QAM}.get(name)
    if rows is None:
        raise InputError("a CQI table of 64qam or 256qam", str(name), "choose one of them")
    return np.array([q for q, _ in rows]), np.array([r / 1024 for _, r in rows])
