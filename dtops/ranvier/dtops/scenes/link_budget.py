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


class _Air:
    """What users are served with and what disturbs them, and from loads (C,) what comes of it.

    link, cell (U,) that serve, mine_mw (U,) and others_mw (E,) per PRB
    """

    def __init__(self, scene: Scene) -> None:
        links, cells = scene.links, scene.cells
        power = np.where(
            cells.on[links.cell], 10 ** ((cells.tx_power_dbm[links.cell] + links.gain_db) / 10), 0.0
        ) / cells.prbs[links.cell]  # fmt: skip
        self._links, self._noise_mw = links, 10 ** (scene.noise_dbm / 10)
        self.link = _settled(scene)
        self.served = self.link >= 0
        self.cell = np.where(self.served, self.of_link(links.cell), 0).astype(np.int64)
        self.mine_mw = np.where(self.served, self.of_link(power), 0.0)
        # Only what shares the serving cell's carrier interferes.
        same = cells.dl_frequency_hz[links.cell] == cells.dl_frequency_hz[self.cell][links.user]
        mine = np.arange(len(links)) == self.link[links.user]
        self.others_mw = np.where(same & ~mine, power, 0.0)
        self._strong, self._strong_mw = _strongest(scene, self.others_mw)
        self._active = np.array(list(product((False, True), repeat=ENUMERATED)))
        self._active_mw = self._active.astype(float) @ self._strong_mw.T
        self._hertz = (cells.prbs * SUBCARRIERS * _spacing_hz(scene))[self.cell]
        los = self.served & self.of_link(links.los).astype(bool)
        self._curves = curves(np.where(self.served, self.of_link(links.k_factor_db), 0.0), los)

    def sinr(self, load: Floats) -> Floats:
        """(U,) with the mean of the neighbours, as a ratio."""
        return np.asarray(self.mine_mw / (self._heard(load) + self._noise_mw))

    def rate(self, load: Floats) -> Floats:
        """(U,) bit/s, over which of the strongest send, each by itself."""
        strong = load[self._strong]
        silent = np.exp(-((strong / FELT) ** FELT_POWER)).T
        mean = (strong * self._strong_mw).sum(axis=1)
        rest = np.maximum(self._heard(load) - mean, 0.0) + self._noise_mw
        likely = np.ones_like(self._active_mw)
        for sends, not_ in zip(self._active.T, silent, strict=True):
            likely *= np.where(sends[:, None], 1 - not_, not_)
        snr_db = 10 * np.log10(np.maximum(self.mine_mw / (rest + self._active_mw), 1e-12))
        bits = (likely * efficiency(snr_db, self._curves)).sum(axis=0)
        return np.asarray(np.maximum(self._hertz * bits, 1.0))

    def _heard(self, load: Floats) -> Floats:
        links = self._links
        found = np.bincount(links.user, self.others_mw * load[links.cell], len(self.link))
        return np.asarray(found, dtype=float)

    def of_link(self, column: NDArray[Any]) -> NDArray[Any]:
        """(U,) of the serving link; anything without one."""
        return column[self.link] if len(column) else np.zeros(len(self.link), dtype=column.dtype)


def link_budget(scene: Scene) -> LinkBudget:
    """The link budget of a scene."""
    cells, users, air = len(scene.cells), scene.users, _Air(scene)
    has, cell = air.served, air.cell
    offered = np.where(has, users.offered_bit_s, 0.0)
    full = has & (users.service == FULL_BUFFER)
    per_s = np.divide(offered, users.burst_bits, out=np.zeros(len(users)), where=has & (users.burst_bits > 0))

    def sums(values: Floats | NDArray[np.bool_]) -> Floats:
        return np.asarray(np.bincount(cell, values, cells), dtype=float)

    def burst(rates: Floats) -> Floats:
        return np.asarray(users.burst_bits / rates + scene.slot_s / SUBBANDS)

    endless = sums(full) > 0
    load: Floats = np.zeros(cells)
    for _ in range(ITERATIONS):
        load = 0.5 * load + 0.5 * np.minimum(sums(per_s * burst(air.rate(load))) + endless, 1.0)
    rates = air.rate(load)
    each_s = burst(rates)
    part, coming = per_s * each_s, sums(per_s)
    wanted = sums(part) + endless
    slow, late_s = slowed(wanted, coming)
    queued_s = each_s / slow[cell]
    delay = sums(per_s * queued_s) / np.maximum(coming, 1e-9) + late_s + scene.slot_s / 2
    return LinkBudget(
        air.link, cell, _known(has, air.of_link(scene.rsrp_dbm())),
        _decibels(has, air.sinr(np.zeros(cells))), _decibels(has, air.sinr(np.ones(cells))),
        _decibels(has, air.sinr(load)), _known(has, rates), load, wanted, sums(has), sums(offered), each_s, per_s,
        np.minimum(per_s * (queued_s + HARQ_S), 1.0) + full, np.where(coming > 0, delay, 0.0),
        _fair(cell, part, cells), _below(scene.links.user, air.others_mw, air.mine_mw),
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
