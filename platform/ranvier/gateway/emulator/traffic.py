"""How the cells serve the sessions: processor sharing, interference from loaded neighbours, handovers.

Within a period time advances in steps. In each, sessions move, are handed over to a cell that is heard
clearly better, and share their cell's resource blocks; how much a block carries depends on how loaded the
neighbours were a step before. A day begins, at its quietest instant, with nobody connected: so any period
is reached by emulating at most one day.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ranvier.gateway.emulator import demand
from ranvier.gateway.emulator.city import City, EmulatorConfig
from ranvier.gateway.emulator.demand import Sessions
from ranvier.gateway.emulator.happenings import Happening, Retune, antennas, happening, retune
from ranvier.gateway.emulator.radio import BANDWIDTH_MHZ, NOISE_MW, CoverageMap, coverage
from ranvier.gateway.emulator.streams import uniforms

Floats = NDArray[np.float64]

HYSTERESIS = 10**0.3
LINGER_S = 12.0
PATIENCE_S = 240.0
OVERHEAD = 0.03
DEGRADED_PART = 0.3
WEAKEST_MW = 10**-12.0


@dataclass(frozen=True, slots=True)
class CellTotals:
    """Sums over one period, (cells,) each; seconds and Mbit.

    share_s     seconds of the cell's resource blocks that were in use
    busy_s      session-seconds with something to send
    connected_s session-seconds connected
    delay_ms_s  the queueing delay in milliseconds, times seconds
    handovers   (4, cells): within the site tried, made, to another site tried, made
    phase       the part of the city's day that has gone by
    """

    share_s: Floats
    volume_mbit: Floats
    busy_s: Floats
    connected_s: Floats
    delay_ms_s: Floats
    handovers: Floats
    duration_s: float
    phase: float


@dataclass(frozen=True, slots=True)
class _State:
    """What one period hands to the next."""

    period: int
    sessions: Sessions
    load: Floats


class Traffic:
    """The emulated traffic. `totals(k)` is a function of the city and k; what is kept only saves time.

    k is the index of a period: its start divided by the granularity period.
    """

    def __init__(self, city: City) -> None:
        self._city = city
        self._site = np.array([cell.site for cell in city.cells])
        self._state: _State | None = None
        self._maps: dict[Retune | None, CoverageMap] = {}
        period_s = city.config.period_s
        self._steps = max(5, round(period_s / 5))
        self._step_s = period_s / self._steps
        self.totals = lru_cache(maxsize=64)(self._totals)

    def _totals(self, period: int) -> CellTotals:
        per_day = self._city.config.day_ns // self._city.config.period_ns
        dawn = period - period % per_day
        state = self._state
        if state is None or not dawn < state.period <= period:
            state = _State(dawn, demand.none(), np.zeros(len(self._site)))
        while state.period < period:
            state, _ = self._advance(state)
        self._state, totals = self._advance(state)
        return totals

    def _coverage(self, period: int) -> CoverageMap:
        change = retune(self._city.config, period, len(self._site))
        if change not in self._maps:
            while len(self._maps) >= 4:
                self._maps.pop(next(key for key in self._maps if key is not None))
            self._maps[change] = coverage(self._city, antennas(self._city, change))
        return self._maps[change]

    def _advance(self, state: _State) -> tuple[_State, CellTotals]:
        cells, period = len(self._site), state.period
        befalls = happening(self._city.config, period, cells, demand.HOTSPOTS - 1)
        crowd = befalls if befalls is not None and befalls.kind == "crowd" else None
        sessions = state.sessions.join(demand.arrivals(self._city, period, crowd))
        air = _Air(self._coverage(period), *_fitness(befalls, cells))
        load, totals = state.load, _empty(cells, self._city.config, period)
        for step in range(self._steps):
            sessions = _move(sessions, self._step_s, self._city.half_width_m)
            sessions, received = self._attach(sessions, air, totals, period * self._steps + step)
            sessions, load = _serve(sessions, received, (air, load, self._step_s), totals)
        return _State(period + 1, sessions, load), totals

    def _attach(
        self, sessions: Sessions, air: _Air, totals: CellTotals, step: int
    ) -> tuple[Sessions, Floats]:
        """Each session at the cell that it hears best, by a handover that may fail; (n, cells) milliwatts."""
        here = air.coverage.pixel(sessions.x_m, sessions.y_m)
        received = air.coverage.received_mw[here] * air.on * 10 ** (-sessions.loss_db / 10)[:, None]
        best, serving = received.argmax(axis=1), sessions.serving.copy()
        rows = np.arange(len(best))
        heard = received[rows, serving]
        lost = (serving < 0) | (heard <= WEAKEST_MW)
        serving[lost] = best[lost]
        leave = np.flatnonzero(~lost & (sessions.age_s >= 0) & (received[rows, best] > HYSTERESIS * heard))
        if len(leave):
            chance = uniforms(self._city.config.seed, "handover", sessions.entity[leave], step)[0]
            made = chance < 0.985
            within = self._site[serving[leave]] == self._site[best[leave]]
            for row, picked in enumerate((within, within & made, ~within, ~within & made)):
                np.add.at(totals.handovers[row], serving[leave][picked], 1)
            serving[leave[made]] = best[leave[made]]
        return sessions._replace(serving=serving), received


@dataclass(frozen=True, slots=True)
class _Air:
    """What the cells radiate in one period: `on` is 0 in an outage, `width` the part of the carrier left."""

    coverage: CoverageMap
    on: Floats
    width: Floats


def _fitness(befalls: Happening | None, cells: int) -> tuple[Floats, Floats]:
    on, width = np.ones(cells), np.ones(cells)
    if befalls is not None and befalls.kind == "outage":
        on[befalls.place] = 0.0
    if befalls is not None and befalls.kind == "degraded":
        width[befalls.place] = DEGRADED_PART
    return on, width


def _empty(cells: int, config: EmulatorConfig, period: int) -> CellTotals:
    share, volume, busy, connected, delay = np.zeros((5, cells))
    phase = (period * config.period_ns % config.day_ns) / config.day_ns
    return CellTotals(share, volume, busy, connected, delay, np.zeros((4, cells)), config.period_s, phase)


def _move(sessions: Sessions, step_s: float, half_width_m: float) -> Sessions:
    """Everyone a step on; who reaches the edge of the city turns back."""
    x_m = sessions.x_m + sessions.east_mps * step_s
    y_m = sessions.y_m + sessions.north_mps * step_s
    return sessions._replace(
        x_m=np.clip(x_m, -half_width_m, half_width_m),
        y_m=np.clip(y_m, -half_width_m, half_width_m),
        east_mps=np.where(np.abs(x_m) > half_width_m, -sessions.east_mps, sessions.east_mps),
        north_mps=np.where(np.abs(y_m) > half_width_m, -sessions.north_mps, sessions.north_mps),
        age_s=sessions.age_s + step_s,
    )


def _serve(
    sessions: Sessions, received: Floats, given: tuple[_Air, Floats, float], totals: CellTotals
) -> tuple[Sessions, Floats]:
    """One step of service: sessions with less left to send, and the cells' load (the part of blocks used)."""
    air, load, step_s = given
    cells, serving = len(load), sessions.serving
    busy = (sessions.left_mbit > 0) & (sessions.age_s >= 0)
    full_mbps = _full_rate_mbps(received, serving, load) * air.width[serving]
    ready_s = np.clip(sessions.age_s, 0.0, step_s)  # who arrives within the step is served for its rest
    wanted = np.where(busy, np.minimum(sessions.cap_mbps, sessions.left_mbit / step_s) / full_mbps, 0.0)
    share = _fair_shares(wanted, serving, 1.0 - OVERHEAD, cells)
    sent = np.minimum(share * full_mbps * ready_s, sessions.left_mbit)
    used = np.bincount(serving, share, cells).astype(np.float64)
    could = _open_share(share, wanted, serving, 1.0 - OVERHEAD - used) * full_mbps
    _account(totals, _Served(serving, busy, sent, could, ready_s), used, step_s)
    left = sessions.left_mbit - sent
    left[(sessions.age_s > PATIENCE_S) | (left < 1e-9)] = 0.0
    idle = np.where(left > 0, 0.0, sessions.idle_s + step_s)
    stay = idle < LINGER_S
    after = sessions._replace(left_mbit=left, idle_s=idle).keep(stay)
    return after, np.where(air.on > 0, np.minimum(used + OVERHEAD, 1.0), 0.0)


def _full_rate_mbps(received: Floats, serving: NDArray[np.int64], load: Floats) -> Floats:
    """(n,) what the whole carrier would give each session: Shannon's bound, less what links lose."""
    signal = received[np.arange(len(serving)), serving]
    interference = received @ np.maximum(load, 0.08) - signal * np.maximum(load[serving], 0.08)
    quality = signal / (NOISE_MW + np.maximum(interference, 0.0))
    rate: Floats = BANDWIDTH_MHZ * np.clip(0.7 * np.log2(1 + quality / 1.6), 0.06, 5.8)
    return rate


def _fair_shares(wanted: Floats, serving: NDArray[np.int64], budget: float, cells: int) -> Floats:
    """(n,) parts of the carrier, max-min fair in each cell: nobody gets more than wanted."""
    share = np.zeros_like(wanted)
    for _ in range(4):
        hungry = wanted - share > 1e-9
        spare = np.maximum(budget - np.bincount(serving, share, cells), 0.0)
        each = spare / np.maximum(np.bincount(serving, hungry, cells), 1)
        share = np.where(hungry, np.minimum(wanted, share + each[serving]), share)
    return share


def _open_share(share: Floats, wanted: Floats, serving: NDArray[np.int64], spare: Floats) -> Floats:
    """(n,) the part of the carrier that was open to each session, had it wanted more."""
    hungry = wanted - share > 1e-9
    level = np.zeros_like(spare)
    np.maximum.at(level, serving[hungry], share[hungry])
    return np.maximum(share + np.maximum(spare, 0.0)[serving], level[serving])


class _Served(NamedTuple):
    """What each session had in one step: (n,) each."""

    serving: NDArray[np.int64]
    busy: NDArray[np.bool_]
    sent_mbit: Floats
    open_mbps: Floats
    ready_s: Floats


def _account(totals: CellTotals, served: _Served, used: Floats, step_s: float) -> None:
    """Add one step to the totals."""
    serving, busy, sent, rate, ready_s = served
    cells = len(used)
    # Data waits only as long as it takes at the rate that was open: a capped application sends in bursts.
    spent_s = np.where(busy, np.minimum(ready_s, sent / np.maximum(rate, 1e-9)), 0.0)
    totals.share_s[:] += used * step_s
    totals.volume_mbit[:] += np.bincount(serving, sent, cells)
    totals.busy_s[:] += np.bincount(serving, spent_s, cells)
    totals.connected_s[:] += np.bincount(serving, ready_s, cells)
    waiting = np.bincount(serving, busy, cells)
    queue_ms = 2.0 * used**3 / (1.04 - used) * (1.0 + np.sqrt(waiting))
    totals.delay_ms_s[:] += (3.0 + queue_ms) * step_s
