"""What a scene's gains and loads say by themselves: RSRP, SINR and load in closed form.

    γ_u(ρ) = p_s / (Σ_{e ≠ s} ρ_c(e) p_e + N)                     SINR at the local mean, neighbours loaded by ρ
    r_u(ρ) = B η min(log₂(1 + γ_u / Γ), most)                      rate with all resources
    t_u(ρ) = max(S_u / r_u, slot · sub-band / carrier)             of the cell's time, for a burst of S_u bits
    ρ_c    = min(1, Σ_{u ∈ c} λ_u t_u(ρ)),  λ_u = offered_u / S_u  load coupling
    a_u    = min(1, λ_u (t_u / (1 − ρ_c) + 8 ms))                  part of the time with data, HARQ included
    d_c    = Σ λ_u (t_u / (1 − ρ_c)) / Σ λ_u + ½ slot              mean delay of bursts, as of processor sharing

p per PRB; the loads are the fixed point, by iteration from empty cells (a standard interference function has one
at most: Yates 1995; load coupling: Siomina & Yuan 2012, Fehske & Fettweis 2012). A surrogate learns what is left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.scenes.scene import Scene

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
EFFICIENCY, GAP, MOST = 0.8, 2.0, 6.0
"""η for control and reference symbols; Γ of link adaptation on a fading channel; log₂ at the highest MCS."""
ITERATIONS = 40
SUBBAND_PRBS = 6
"""The least that is given to a user in a slot."""
HARQ_S = 8e-3
"""From a transmission to the end of its process."""
MOST_LOAD = 0.97
SUBCARRIERS = 12


@dataclass(frozen=True, slots=True)
class LinkBudget:
    """All by users (U,) or cells (C,).

    link             (U,) place of the serving link in the scene's, −1 for none
    rsrp_dbm         of the serving cell; NaN without one, as the next four
    snr_db           no neighbour sends; full_db: all do; sinr_db: as loaded
    rate_bit_s       r_u with all resources of the cell, as loaded
    load             (C,) ρ; `wanted` (C,) Σ offered / r, which may pass 1
    burst_s          (U,) t_u; `activity` (U,) a_u, 1 for a full buffer; `bursts_s` (U,) λ_u a second
    delay_s          (C,) d_c; 0 where nothing comes
    users            (C,) that the cell serves; `offered_bit_s` (C,) what they ask for
    """

    link: Ints
    rsrp_dbm: Floats
    snr_db: Floats
    full_db: Floats
    sinr_db: Floats
    rate_bit_s: Floats
    load: Floats
    wanted: Floats
    users: Floats
    offered_bit_s: Floats
    burst_s: Floats
    bursts_s: Floats
    activity: Floats
    delay_s: Floats


def link_budget(scene: Scene) -> LinkBudget:
    """The link budget of a scene."""
    links, cells, users = scene.links, scene.cells, scene.users
    count = len(users)
    power = np.where(
        cells.on[links.cell], 10 ** ((cells.tx_power_dbm[links.cell] + links.gain_db) / 10), 0.0
    ) / cells.prbs[links.cell]  # fmt: skip
    noise = 10 ** (scene.noise_dbm / 10)
    serving = scene.serving()
    has = serving >= 0
    cell = np.where(has, links.cell[serving] if len(links) else 0, 0)
    mine = np.where(has, power[serving] if len(links) else 0.0, 0.0)
    # Only what shares the serving cell's carrier interferes.
    same = cells.dl_frequency_hz[links.cell] == cells.dl_frequency_hz[cell][links.user]
    others = np.where(same & (np.arange(len(links)) != serving[links.user]), power, 0.0)
    hertz = cells.prbs * SUBCARRIERS * _spacing_hz(scene)
    offered = np.where(has, users.offered_bit_s, 0.0)
    endless = np.bincount(cell, has & (users.service == FULL_BUFFER), len(cells)) > 0

    per_s = np.divide(offered, users.burst_bits, out=np.zeros(count), where=has & (users.burst_bits > 0))
    least_s = scene.slot_s * SUBBAND_PRBS / cells.prbs[cell]

    def sinr(load: Floats) -> Floats:
        heard = np.bincount(links.user, others * load[links.cell], count)
        return np.asarray(mine / (heard + noise))

    def rate(ratio: Floats) -> Floats:
        bits = np.minimum(np.log2(1 + ratio / GAP), MOST)
        return np.asarray(np.maximum(hertz[cell] * EFFICIENCY * bits, 1.0))

    def burst(load: Floats) -> Floats:
        return np.asarray(np.maximum(users.burst_bits / rate(sinr(load)), least_s))

    load: Floats = np.zeros(len(cells))
    wanted: Floats = load
    for _ in range(ITERATIONS):
        wanted = np.asarray(np.bincount(cell, per_s * burst(load), len(cells)) + endless, dtype=float)
        load = 0.5 * load + 0.5 * np.minimum(wanted, 1.0)
    found, each_s = sinr(load), burst(load)
    queued_s = each_s / (1 - np.minimum(load, MOST_LOAD))[cell]
    activity = np.minimum(per_s * (queued_s + HARQ_S), 1.0) + (has & (users.service == FULL_BUFFER))
    coming = np.bincount(cell, per_s, len(cells))
    delay = np.bincount(cell, per_s * queued_s, len(cells)) / np.maximum(coming, 1e-9)
    return LinkBudget(
        serving, _known(has, scene.rsrp_dbm()[serving] if len(links) else np.zeros(count)),
        _decibels(has, sinr(np.zeros(len(cells)))), _decibels(has, sinr(np.ones(len(cells)))),
        _decibels(has, found), _known(has, rate(found)), load, wanted,
        np.bincount(cell, has, len(cells)).astype(float), np.bincount(cell, offered, len(cells)).astype(float),
        each_s, per_s, activity, np.where(coming > 0, delay + scene.slot_s / 2, 0.0),
    )  # fmt: skip


FULL_BUFFER = 1
"""Index of its service in SERVICES."""


def _spacing_hz(scene: Scene) -> float:
    """Subcarrier spacing: 15 kHz · 2^µ, with slots of 1 ms / 2^µ."""
    return 15.0 / scene.slot_s


def _known(has: NDArray[np.bool_], values: Floats) -> Floats:
    return np.asarray(np.where(has, values, np.nan))


def _decibels(has: NDArray[np.bool_], ratio: Floats) -> Floats:
    return _known(has, 10 * np.log10(np.maximum(ratio, 1e-12)))
