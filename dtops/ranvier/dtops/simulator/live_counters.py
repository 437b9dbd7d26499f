"""Counters of a live network's cells beside what a model of the cells counts: names, logarithms, ratios."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.forecast import Target
from ranvier.dtops.simulator.output.object_names import ObjectNames
from ranvier.dtops.twin_state import TwinState

Floats = NDArray[np.float64]
QUANTITIES = ("RRU.PrbTotDl", "DRB.UEThpDl", "DRB.MeanActiveUeDl", "RRC.ConnMean", "DRB.RlcSduDelayDl")
"""What a model of the cells counts; RRC.ConnMean is of the cell in the CU, the others of that in the DU."""
FLOOR = {
    "RRU.PrbTotDl": 0.5, "DRB.UEThpDl": 100.0, "DRB.MeanActiveUeDl": 0.02, "RRC.ConnMean": 0.2,
    "DRB.RlcSduDelayDl": 5.0,
}  # fmt: skip
"""Below which values are not told apart: added before the logarithm."""
HIGHEST = {"RRU.PrbTotDl": 100.0}


def ids_of(names: ObjectNames, quantity: str) -> tuple[str, ...]:
    """The ids under which a quantity of the cells is reported, in the order of the cells."""
    return names.cu if quantity == "RRC.ConnMean" else names.du


def cell_of_target(names: ObjectNames) -> dict[Target, int]:
    """Each target that a model of the cells counts, and its cell."""
    return {
        Target(name, quantity): i for quantity in QUANTITIES for i, name in enumerate(ids_of(names, quantity))
    }


def observations(state: TwinState, names: ObjectNames) -> dict[str, Floats]:
    """Quantity to (c,): the logarithm of each cell's newest counter; NaN where there is none in this step."""
    place = {target: i for i, target in enumerate(state.targets)}
    found = {}
    for quantity in QUANTITIES:
        rows = [place.get(Target(name, quantity), -1) for name in ids_of(names, quantity)]
        values = np.array([state.recent[row, -1] if row >= 0 else np.nan for row in rows])
        found[quantity] = logged(quantity, values)
    return found


def logged(quantity: str, values: Floats) -> Floats:
    """ln(value + floor)."""
    return np.asarray(np.log(np.maximum(values, 0.0) + FLOOR[quantity]))


def unlogged(quantity: str, values: Floats) -> Floats:
    """The inverse of `logged`, at least 0."""
    return np.asarray(np.maximum(np.exp(values) - FLOOR[quantity], 0.0))


def as_counted(quantity: str, values: Floats, log_ratio: Mapping[str, Floats]) -> Floats:
    """What a model counts, (…, c), in the latest ratio of counted to modelled of each cell; never falling in it."""
    ratio = log_ratio.get(quantity, np.zeros(values.shape[-1]))
    moved = unlogged(quantity, logged(quantity, values) + ratio)
    return np.asarray(np.minimum(moved, HIGHEST.get(quantity, np.inf)))
