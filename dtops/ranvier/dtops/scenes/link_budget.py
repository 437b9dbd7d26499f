"""What a scene's gains and loads say by themselves: RSRP, SINR and load in closed form.

    γ_u(ρ) = p_s / (Σ_{e ≠ s} ρ_c(e) p_e + N)                     SINR at the local mean, neighbours loaded by ρ
    f(ρ)   = 1 − exp(−(ρ / 0.17)^1.3)                              how far link adaptation expects a neighbour
    r_u(ρ) = B Σ_a Pr(a; f) η(p_s / (Σ_e a_e p_e + Σ' ρ p + N), K)  rate with all resources
    t_u(ρ) = S_u / r_u + slot / sub-bands                          of the cell's time, for a burst of S_u bits
    ρ_c    = min(1, Σ_{u ∈ c} λ_u t_u(ρ)),  λ_u = offered_u / S_u  load coupling
    s_c    = max(1 − ρ_c, √(t_c / T))                              what slows bursts down: processor sharing, for T
    a_u    = min(1, λ_u (t_u / s_c + 8 ms))                        part of the time with data, HARQ included
    d_c    = Σ λ_u (t_u / s_c) / Σ λ_u + ½ slot + ½ T (1 − 1/ρ_c)⁺ mean delay of bursts
    φ_c    : Σ_{u ∈ c} min(λ_u t_u, φ_c) = min(1, Σ λ_u t_u)       what each may have of a cell that is full

p per PRB; η of an SNR as the simulator's link adaptation has it; a over whether each of the three strongest
interferers sends or not, Σ' over the rest: a rate is not that of the mean interference. Reports are old when they
are used, and the outer loop holds the share of errors, so a neighbour that sends a third of the time costs as much
as one that always does. η and f are measured by `link_curve`. The loads are the fixed point, by iteration from
empty cells (a standard interference function has one at most: Yates 1995; load coupling: Siomina & Yuan 2012,
Fehske & Fettweis 2012). T is the time since queues were empty: until then a queue grows as its square root, which
bounds what 1 / (1 − ρ) says of the long run; t_c is the cell's mean burst. A user whose
neighbour is better by more than event A3 asks for is served by that one. A surrogate learns what is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.scenes.link_curve import curves, efficiency
from ranvier.dtops.scenes.scene import Scene

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
ITERATIONS = 14
BISECTIONS = 20
ENUMERATED = 3
"""Interferers of a user that send or do not; the others are there with their mean."""
FELT, FELT_POWER = 0.17, 1.3
"""Of f."""
SUBBANDS = 18
"""That a carrier has, nearly: the least that is given to a user in a slot."""
HARQ_S = 8e-3
"""From a transmission to the end of its process."""
SINCE_EMPTY_S = 1.5
"""T: a second of warm-up and half of the period (`rollout`)."""
LEAST_SLOWDOWN = 0.01
A3_DB = 3.0
"""Offset and hysteresis of the simulator's event A3, beside the cells' own offsets."""
SUBCARRIERS = 12


@dataclass(frozen=True, slots=True)
class LinkBudget:
    """All by users (U,) or cells (C,).

    link             (U,) place of the serving link in the scene's, −1 for none
    cell             (U,) that serves; 0 where `served` says none does
    rsrp_dbm         of the serving cell; NaN without one, as the next four
    snr_db           no neighbour sends; full_db: all do; sinr_db: as loaded
    rate_bit_s       r_u with all resources of the cell, as loaded
    load             (C,) ρ; `wanted` (C,) Σ offered / r, which may pass 1
    burst_s          (U,) t_u; `activity` (U,) a_u, 1 for a full buffer; `bursts_s` (U,) λ_u a second
    delay_s          (C,) d_c; 0 where nothing comes
    fair             (C,) φ_c; 1 for a cell that is not full
    below            (E,) power of each link over that of the one that serves the user; 0 for that one
    users            (C,) that the cell serves; `offered_bit_s` (C,) what they ask for
    """

    link: Ints
    cell: Ints
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
    fair: Floats
    below: Floats

    @property
    def served(self) -> NDArray[np.bool_]:
        """(U,) whether any cell serves the user."""
        return self.link >= 0

    def of_link(self, column: NDArray[Any]) -> Floats:
        """(U,) of a column of links, that of each user's serving one; NaN without one."""
        at = column[self.link] if len(column) else np.full(len(self.link), np.nan)
        return np.asarray(np.where(self.served, at, np.nan), dtype=float)

    def mean_of(self, values: Floats, which: NDArray[np.bool_], otherwise: float) -> float:
        """The mean of a value (U,) over served users among `which` (U,)."""
        found = values[which & self.served]
        return float(found.mean()) if len(found) else otherwise

    def by_cell(self, values: Floats) -> Floats:
        """(C,) sums of a value (U,) of users over those that each cell serves; NaN counts as 0."""
        found = np.where(self.served, np.nan_to_num(values), 0.0)
        return np.asarray(np.bincount(self.cell, found, len(self.load)), dtype=float)


def link_budget(scene: Scene) -> LinkBudget:
    """The link budget of a scene."""
    links, cells, users = scene.links, scene.cells, scene.users
    count = len(users)
    power = np.where(
        cells.on[links.cell], 10 ** ((cells.tx_power_dbm[links.cell] + links.gain_db) / 10), 0.0
    ) / cells.prbs[links.cell]  # fmt: skip
    noise = 10 ** (scene.noise_dbm / 10)
    serving = _settled(scene)
    has = serving >= 0
    cell = np.where(has, links.cell[serving] if len(links) else 0, 0)
    mine = np.where(has, power[serving] if len(links) else 0.0, 0.0)
    # Only what shares the serving cell's carrier interferes.
    same = cells.dl_frequency_hz[links.cell] == cells.dl_frequency_hz[cell][links.user]
    others = np.where(same & (np.arange(len(links)) != serving[links.user]), power, 0.0)
    strong, strong_mw = _strongest(scene, others)
    hertz = (cells.prbs * SUBCARRIERS * _spacing_hz(scene))[cell]
    k_db = np.where(has, links.k_factor_db[serving] if len(links) else 0.0, 0.0)
    of = curves(k_db, has & (links.los[serving] if len(links) else has))
    active = np.array(list(product((False, True), repeat=ENUMERATED)))
    noisy_mw = active.astype(float) @ strong_mw.T
    offered = np.where(has, users.offered_bit_s, 0.0)
    full = has & (users.service == FULL_BUFFER)
    endless = np.bincount(cell, full, len(cells)) > 0
    per_s = np.divide(offered, users.burst_bits, out=np.zeros(count), where=has & (users.burst_bits > 0))
    quantum_s = scene.slot_s / SUBBANDS

    def heard(load: Floats) -> Floats:
        return np.asarray(np.bincount(links.user, others * load[links.cell], count), dtype=float)

    def rate(load: Floats) -> Floats:
        """Over which of the strongest send, each by itself."""
        silent = np.exp(-((load[strong] / FELT) ** FELT_POWER))
        sends = 1 - silent
        rest = np.maximum(heard(load) - (load[strong] * strong_mw).sum(axis=1), 0.0) + noise
        likely = np.where(active[:, None], sends, silent).prod(axis=2)
        snr_db = 10 * np.log10(np.maximum(mine / (rest + noisy_mw), 1e-12))
        return np.asarray(np.maximum(hertz * (likely * efficiency(snr_db, of)).sum(axis=0), 1.0))

    def burst(rates: Floats) -> Floats:
        return np.asarray(users.burst_bits / rates + quantum_s)

    def sinr(load: Floats) -> Floats:
        return np.asarray(mine / (heard(load) + noise))

    def asked(rates: Floats) -> Floats:
        return np.asarray(np.bincount(cell, per_s * burst(rates), len(cells)) + endless, dtype=float)

    load: Floats = np.zeros(len(cells))
    for _ in range(ITERATIONS):
        load = 0.5 * load + 0.5 * np.minimum(asked(rate(load)), 1.0)
    rates = rate(load)
    wanted, each_s = asked(rates), burst(rates)
    part = per_s * each_s
    coming: Floats = np.asarray(np.bincount(cell, per_s, len(cells)), dtype=float)
    slow, late_s = slowed(wanted, coming)
    queued_s = each_s / slow[cell]
    activity = np.minimum(per_s * (queued_s + HARQ_S), 1.0) + full
    delay = np.bincount(cell, per_s * queued_s, len(cells)) / np.maximum(coming, 1e-9)
    return LinkBudget(
        serving, cell, _known(has, scene.rsrp_dbm()[serving] if len(links) else np.zeros(count)),
        _decibels(has, sinr(np.zeros(len(cells)))), _decibels(has, sinr(np.ones(len(cells)))),
        _decibels(has, sinr(load)), _known(has, rates), load, wanted,
        np.bincount(cell, has, len(cells)).astype(float), np.bincount(cell, offered, len(cells)).astype(float),
        each_s, per_s, activity, np.where(coming > 0, delay + late_s + scene.slot_s / 2, 0.0),
        _fair(cell, part, len(cells)), _below(links.user, others, mine),
    )  # fmt: skip


FULL_BUFFER = 1
"""Index of its service in SERVICES."""


def slowed(wanted: Floats, coming: Floats) -> tuple[Floats, Floats]:
    """s_c (C,), and what a backlog adds to delays, seconds; of cells with Σ λ t and Σ λ (C,)."""
    mean_s = np.divide(wanted, coming, out=np.zeros(len(wanted)), where=coming > 0)
    slow = np.maximum(1 - wanted, np.sqrt(np.minimum(mean_s / SINCE_EMPTY_S, 1.0)))
    late_s = SINCE_EMPTY_S / 2 * np.maximum(1 - 1 / np.maximum(wanted, 1e-9), 0.0)
    return np.clip(slow, LEAST_SLOWDOWN, 1.0), late_s


def _fair(cell: Ints, part: Floats, cells: int) -> Floats:
    """(C,) φ by bisection; 1 where all have what they want."""
    total = np.bincount(cell, part, cells)
    low, high = np.zeros(cells), np.ones(cells)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        under = np.bincount(cell, np.minimum(part, middle[cell]), cells) < 1.0
        low, high = np.where(under, middle, low), np.where(under, high, middle)
    return np.asarray(np.where(total > 1, high, 1.0))


def _settled(scene: Scene) -> Ints:
    """(U,) the link of each user after the handover that it is due for, −1 for none."""
    serving = scene.serving()
    if not len(scene.links):
        return serving
    biased = scene.rsrp_dbm() + scene.cells.offset_db[scene.links.cell]
    order = np.lexsort((-biased, scene.links.user))
    user, first = np.unique(scene.links.user[order], return_index=True)
    best = serving.copy()
    best[user] = order[first]
    due = (serving >= 0) & (biased[best] > biased[serving] + A3_DB)
    return np.where(due, best, serving)


def _below(user: Ints, others: Floats, mine: Floats) -> Floats:
    served = mine[user] > 0
    return np.divide(others, mine[user], out=np.zeros(len(others)), where=served)


def _strongest(scene: Scene, others: Floats) -> tuple[Ints, Floats]:
    """(U, ENUMERATED) cells of the interferers that are the strongest, and their power; cell 0 with none."""
    user = scene.links.user
    order = np.lexsort((-others, user))
    place = np.arange(len(order)) - np.searchsorted(user[order], user[order])
    kept = order[place < ENUMERATED]
    at = (user[kept], place[place < ENUMERATED])
    cell = np.zeros((len(scene.users), ENUMERATED), dtype=np.int64)
    power = np.zeros((len(scene.users), ENUMERATED))
    cell[at], power[at] = scene.links.cell[kept], others[kept]
    return cell, power


def _spacing_hz(scene: Scene) -> float:
    """Subcarrier spacing: 15 kHz · 2^µ, with slots of 1 ms / 2^µ."""
    return 15.0 / scene.slot_s


def _known(has: NDArray[np.bool_], values: Floats) -> Floats:
    return np.asarray(np.where(has, values, np.nan))


def _decibels(has: NDArray[np.bool_], ratio: Floats) -> Floats:
    return _known(has, 10 * np.log10(np.maximum(ratio, 1e-12)))
