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
OBSERVED_STEPS = 12
"""Counters that came with more delay than this are not used."""
HIGHEST = {"RRU.PrbTotDl": 100.0}


def ids_of(names: ObjectNames, quantity: str) -> tuple[str, ...]:
    """The ids under which a quantity of the cells is reported, in the order of the cells."""
    return names.cu if quantity == "RRC.ConnMean" else names.du


def cell_of_target(names: ObjectNames) -> dict[Target, int]:
    """Each target that a model of the cells counts, and its cell."""
    return {
        Target(name, quantity): i for quantity in QUANTITIES for i, name in enumerate(ids_of(names, quantity))
    }


def observations(state: TwinState, names: ObjectNames, before: TwinState | None = None) -> dict[str, Floats]:
    """Quantity to (c,): the logarithm of each cell's newest counter in the last steps; NaN where there is none.

    before  a state whose counters have been seen: what it knew already is NaN
    """
    found = {}
    row = {target: i for i, target in enumerate(state.targets)}
    old = {} if before is None else {target: i for i, target in enumerate(before.targets)}
    shift = 0 if before is None else (state.as_of_ns - before.as_of_ns) // state.step_ns
    for quantity in QUANTITIES:
        values = np.full(len(names.du), np.nan)
        for cell, name in enumerate(ids_of(names, quantity)):
            i, j = (each.get(Target(name, quantity), -1) for each in (row, old))
            age = _age(state, i)
            # As of the state before, that step was `shift` steps younger.
            if age < OBSERVED_STEPS and not (before is not None and _knew(before, j, age - shift)):
                values[cell] = state.recent[i, -1 - age]
        found[quantity] = logged(quantity, values)
    return found


def steps_behind(state: TwinState, names: ObjectNames) -> int:
    """How many steps ago the newest counter of the cells lies; 0 where there is none in the last steps."""
    row = {target: i for i, target in enumerate(state.targets)}
    ages = [
        _age(state, row.get(Target(name, quantity), -1))
        for quantity in QUANTITIES
        for name in ids_of(names, quantity)
    ]
    least = min(ages, default=OBSERVED_STEPS)
    return least if least < OBSERVED_STEPS else 0


def _age(state: TwinState, row: int) -> int:
    """Steps since the newest value of a target; OBSERVED_STEPS where there is none among them."""
    if row < 0:
        return OBSERVED_STEPS
    known = np.flatnonzero(~np.isnan(state.recent[row, ::-1][:OBSERVED_STEPS]))
    return int(known[0]) if len(known) else OBSERVED_STEPS


def _knew(state: TwinState, row: int, age: int) -> bool:
    """Whether a state had the value of a target so many steps before it."""
    return row >= 0 and 0 <= age < state.recent.shape[1] and not np.isnan(state.recent[row, -1 - age])


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
