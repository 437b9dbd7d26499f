"""Members before anything was compared, and members later: by draws that are named by the step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.ensemble_filter import Drift
from ranvier.dtops.members import Members
from ranvier.dtops.scoring import counter_stream
from ranvier.dtops.simulator.live_counters import QUANTITIES

Floats = NDArray[np.float64]
BIT_S_PER_PERCENT = 0.6e6
"""Of offered load for each per cent of PRBs, before anything was compared: 1.6 bit/s/Hz on 40 MHz."""
TYPICAL_PERCENT, TYPICAL_USERS = 10.0, 5.0
"""Of a cell whose counters say nothing."""
LN_OFFERED, LN_USERS = 0.5, 0.2
"""How far members stand apart at first."""
MOST_USERS = 200.0
DRIFTING_STEPS = 30
"""After which load and users wander no further: they have a daily course, not a random walk."""


def prior(
    observed: Mapping[str, Floats], cells: tuple[str, ...], many: int, step: int, drift: Drift
) -> Members:
    """Members around what the cells' counters say by themselves; `observed` as of `live_counters`."""
    draws = standard_normals("prior", step, (many, len(cells), 3))
    load = np.exp(np.nan_to_num(observed["RRU.PrbTotDl"], nan=np.log(TYPICAL_PERCENT)))
    users = np.exp(np.nan_to_num(observed["RRC.ConnMean"], nan=np.log(TYPICAL_USERS)))
    return Members(
        cells, BIT_S_PER_PERCENT * load * np.exp(LN_OFFERED * draws[..., 0]),
        users * np.exp(LN_USERS * draws[..., 1]), drift.rest_gain_db * draws[..., 2], np.arange(many) + 1,
        {name: np.zeros(len(cells)) for name in QUANTITIES},
    )  # fmt: skip


def later(members: Members, drift: Drift, steps: int, step: int) -> Members:
    """The drift of `steps` steps after `step` in one: walks grow with their root, gains forget."""
    draws = standard_normals(f"horizon {steps}", step, (*members.users.shape, 3))
    kept = np.exp(-steps / drift.memory_steps)
    root = np.sqrt(min(steps, DRIFTING_STEPS))
    return replace(
        members, offered_bit_s=members.offered_bit_s * np.exp(drift.ln_offered * root * draws[..., 0]),
        users=np.minimum(members.users * np.exp(drift.ln_users * root * draws[..., 1]), MOST_USERS),
        gain_db=members.gain_db * kept + drift.rest_gain_db * np.sqrt(1 - kept**2) * draws[..., 2],
    )  # fmt: skip


def standard_normals(purpose: str, step: int, shape: tuple[int, ...]) -> Floats:
    """Draws that are named by what they are for and the step."""
    key = counter_stream.name_key("ensemble", purpose)
    keys = counter_stream.chain(key, step, np.arange(int(np.prod(shape))))
    u, v = (counter_stream.uniform(counter_stream.chain(keys, i)) for i in range(2))
    return np.asarray(np.sqrt(-2 * np.log1p(-u)) * np.cos(2 * np.pi * v)).reshape(shape)
