"""Large-scale parameters of TR 38.901 table 7.5-6: shadowing, Rician K and delay spread, and how they go together.

Three states: line of sight, none, and from outdoors to indoors (O2I). Frequencies in GHz.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.simulator.layout import Environment
from ranvier.dtops.simulator.propagation.path_loss import SHADOWING_DB

LOS, NLOS, O2I = 0, 1, 2
PARAMETERS = ("SF", "K", "DS")
"""Shadowing in dB (positive: stronger), Rician K in dB, log10 of the delay spread in seconds."""


@dataclass(frozen=True, slots=True)
class LargeScale:
    """One state of one environment at one frequency.

    mean, sigma    (3,) in the units of PARAMETERS
    distance_m     (3,) correlation distance of each over place
    mixing         (3, 3) lower triangular: correlated = mixing · independent
    """

    mean: NDArray[np.float64]
    sigma: NDArray[np.float64]
    distance_m: NDArray[np.float64]
    mixing: NDArray[np.float64]


_DISTANCES_M: dict[str, tuple[tuple[float, float, float], ...]] = {
    "uma": ((37, 12, 30), (50, 50, 40), (7, 7, 10)), "umi": ((10, 15, 7), (13, 13, 10), (7, 7, 10)),
    "rma": ((37, 40, 50), (120, 120, 36), (120, 120, 36)), "inh": ((10, 4, 8), (6, 6, 5), (6, 6, 5)),
}  # fmt: skip
"""SF, K, DS by state; K has none without line of sight, and takes that of SF."""
_CORRELATIONS: dict[str, tuple[tuple[float, float, float], ...]] = {
    "uma": ((0.0, -0.4, -0.4), (0.0, -0.4, 0.0), (0.0, -0.5, 0.0)),
    "umi": ((0.5, -0.4, -0.7), (0.0, -0.7, 0.0), (0.0, -0.5, 0.0)),
    "rma": ((0.0, -0.5, 0.0), (0.0, -0.5, 0.0), (0.0, 0.0, 0.0)),
    "inh": ((0.5, -0.8, -0.5), (0.0, -0.5, 0.0), (0.0, -0.5, 0.0)),
}  # fmt: skip
"""SF with K, SF with DS, DS with K, by state."""
_RICIAN_DB = {"uma": (9.0, 3.5), "umi": (9.0, 5.0), "rma": (7.0, 4.0), "inh": (7.0, 4.0)}
"""Mean and σ of K with line of sight."""


def large_scale(environment: Environment, ghz: float) -> tuple[LargeScale, LargeScale, LargeScale]:
    """The three states, in the order LOS, NLOS, O2I."""
    kind = "inh" if environment.startswith("inh") else str(environment)
    spreads = _delay_spread(kind, ghz)
    made = []
    for state in (LOS, NLOS, O2I):
        k_mean, k_sigma = _RICIAN_DB[kind] if state == LOS else (0.0, 0.0)
        sf_k, sf_ds, ds_k = _CORRELATIONS[kind][state]
        correlation = np.array([[1, sf_k, sf_ds], [sf_k, 1, ds_k], [sf_ds, ds_k, 1]])
        made.append(
            LargeScale(
                np.array([0.0, k_mean, spreads[state][0]]),
                np.array([SHADOWING_DB[environment][state], k_sigma, spreads[state][1]]),
                np.array(_DISTANCES_M[kind][state], dtype=float),
                np.linalg.cholesky(correlation),
            )
        )
    return made[0], made[1], made[2]


def _delay_spread(kind: str, ghz: float) -> tuple[tuple[float, float], ...]:
    """Mean and σ of lg DS by state; below 6 GHz (UMa, InH) or 2 GHz (UMi) with that frequency (notes 6 and 7)."""
    if kind == "uma":
        lg = math.log10(max(ghz, 6.0))
        return (-6.955 - 0.0963 * lg, 0.66), (-6.28 - 0.204 * lg, 0.39), (-6.62, 0.32)
    if kind == "umi":
        lg = math.log10(1 + max(ghz, 2.0))
        return (-0.24 * lg - 7.14, 0.38), (-0.24 * lg - 6.83, 0.16 * lg + 0.28), (-6.62, 0.32)
    if kind == "rma":
        return (-7.49, 0.55), (-7.43, 0.48), (-7.47, 0.24)
    lg = math.log10(1 + max(ghz, 6.0))
    blocked = (-0.28 * lg - 7.173, 0.10 * lg + 0.055)
    return (-0.01 * lg - 7.692, 0.18), blocked, blocked
