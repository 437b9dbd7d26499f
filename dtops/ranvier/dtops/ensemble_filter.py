"""An ensemble Kalman filter over cells: from what a model's members would have counted to what was counted.

    members ► drift ► model: what each would have counted ► regression ► gain ► members, nearer to the counters

The state of a cell is x = (ln offered load, ln users, gain in dB). The model (the simulator) tells for each
member what its counters would be, y = h(x) + noise. Covariances of a handful of members are mostly noise, so
the sensitivity of counters to the state is taken from all cells together, as a linear regression of anomalies

    y − ȳ_c = H (x − x̄_c) + ε,     ε ~ N(0, S)         over members and cells c

with a ridge. S holds what the model draws anew in each run and what is not linear. Each cell then has
the Kalman gain K = P Hᵀ (H P Hᵀ + S + R)⁻¹ from its own prior covariance P (diagonal) and the counters'
error R, and each member moves by K (y_observed + e − y), e ~ N(0, R): its own y already has a draw of the
model's noise in it (perturbed observations: Burgers, van Leeuwen & Evensen 1998). Cells are updated one by
one: telemetry is by cell (localisation).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
STATES = ("ln_offered", "ln_users", "gain_db")


@dataclass(frozen=True, slots=True)
class Drift:
    """How states wander in a step, standard deviations, and where the gain returns to.

    ln_offered, ln_users   random walks
    gain_db                a walk that forgets: its spread at rest is `rest_gain_db`, over `memory_steps`
    """

    ln_offered: float = 0.25
    ln_users: float = 0.10
    rest_gain_db: float = 1.4
    memory_steps: float = 360.0


def drifted(x: Floats, drift: Drift, normals: Floats) -> Floats:
    """States x (E, c, 3) a step later, with standard normal draws (E, c, 3)."""
    kept = np.exp(-1 / drift.memory_steps)
    spread = np.array([drift.ln_offered, drift.ln_users, drift.rest_gain_db * np.sqrt(1 - kept**2)])
    return np.asarray(x * np.array([1.0, 1.0, kept]) + spread * normals)


def sensitivity(x: Floats, y: Floats, ridge: float = 1e-3) -> tuple[Floats, Floats]:
    """H (m, 3) and S (m, m) from states x (E, c, 3) and the model's counters y (E, c, m), NaN where undefined.

    A row of H whose counter is defined in fewer than two members of any cell is zero, its S infinite.
    """
    apart = x - x.mean(axis=0)
    m = y.shape[2]
    slope, residual = np.zeros((m, x.shape[2])), np.full((*apart.shape[:2], m), np.nan)
    for j in range(m):
        known = ~np.isnan(y[..., j])
        enough = known.sum(axis=0) >= 2
        use = known & enough
        if not use.any():
            continue
        mean = np.where(use, y[..., j], 0).sum(axis=0) / np.maximum(use.sum(axis=0), 1)
        dx, dy = apart[use], (y[..., j] - mean)[use]
        slope[j] = np.linalg.solve(dx.T @ dx + ridge * len(dx) * np.eye(dx.shape[1]), dx.T @ dy)
        residual[..., j][use] = dy - dx @ slope[j]
    return slope, _covariance(residual)


def _covariance(residual: Floats) -> Floats:
    """(m, m) of residuals (E, c, m) over what is defined, never negative; unbiased for the mean of E members."""
    members = residual.shape[0]
    flat = residual.reshape(-1, residual.shape[2])
    count = (~np.isnan(flat)).sum(axis=0)
    scaled = np.nan_to_num(flat) / np.sqrt(np.maximum(count, 1))
    found = scaled.T @ scaled * members / max(members - 1, 1)
    found[np.diag_indices_from(found)] += np.where(count == 0, np.inf, 1e-12)
    return np.asarray(found)


def analysed(
    x: Floats, y: Floats, observed: Floats, error: Floats, normals: Floats, inflation: float = 1.05
) -> Floats:
    """Members after the counters of a step were seen.

    x         (E, c, 3) states before, `y` (E, c, m) what the model counts in each, NaN where undefined
    observed  (c, m) what was counted, NaN where nothing was
    error     (m,) standard deviation of the counters' own error
    normals   (E, c, m) standard normal draws
    inflation factor on the spread before, for what the filter does not know of its own errors
    """
    x = x.mean(axis=0) + inflation * (x - x.mean(axis=0))
    slope, noise = sensitivity(x, y)
    moved = x.copy()
    spread = x.var(axis=0, ddof=1)
    for c in range(x.shape[1]):
        use = np.flatnonzero(
            ~np.isnan(observed[c]) & ~np.isnan(y[:, c]).any(axis=0) & np.isfinite(np.diag(noise))
        )
        if len(use):
            total = noise[np.ix_(use, use)] + np.diag(error[use] ** 2)
            gain = _gain(slope[use], spread[c], total)
            told = observed[c, use] + error[use] * normals[:, c, use]
            moved[:, c] += (told - y[:, c, use]) @ gain.T
    return moved


def _gain(slope: Floats, spread: Floats, noise: Floats) -> Floats:
    """K (3, m) = P Hᵀ (H P Hᵀ + S + R)⁻¹ with P diagonal."""
    cross = spread[:, None] * slope.T
    return np.asarray(np.linalg.solve(slope @ cross + noise, cross.T).T)
