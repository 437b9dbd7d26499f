"""`fading` for all users of one realisation, compiled.

Users are in groups of `LANES`, which are the innermost axis everywhere, so that the loops over a group become
vector instructions without any licence to reorder sums: each lane adds its rays in their order. `refresh` draws
the rays of links that changed and scales those whose spread or K changed; `fading` is called for an instant.

Along sub-bands a ray's phasor is multiplied by exp(−j 2π Δf τ); the phasor itself is a polynomial in turns.
Its absolute error is below 2.1e-7, and after S steps about S · 1e-7.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ranvier.dtops.simulator.kernel_cache import KERNEL
from ranvier.dtops.simulator.link.counter_compiled import exponential, extend, uniform
from ranvier.dtops.simulator.link.fading import (
    CROSS_POLAR_RATIO_DB,
    ENTRIES,
    PURPOSE,
    RAYS,
    SHADOWING_DB,
    WORDS,
)

Singles = NDArray[np.float32]
LANES = 96
"""Users of a group. 96 fits 570 users well, and sums of 18 sub-bands stay in the first-level cache."""
_TWO_PI = 2 * math.pi
_CACHE_LINE = 64
_NONE = -1
_S1, _S3, _S5, _S7, _S9 = (
    np.float32(each)
    for each in (
        6.283185005187988,
        -41.34165573120117,
        81.60100555419922,
        -76.54977416992188,
        39.53664779663086,
    )
)
"""sin 2πr = r (S1 + S3 r² + …) on |r| ≤ 1/4, minimax."""
_C2, _C4, _C6, _C8, _C10 = (
    np.float32(each)
    for each in (
        -19.739208221435547,
        64.93934631347656,
        -85.45357513427734,
        60.14401626586914,
        -24.98223876953125,
    )
)
"""cos 2πr = 1 + C2 r² + … on |r| ≤ 1/4, minimax."""
_T = tuple((-1.0) ** (n // 2) / math.factorial(n) for n in range(18))
"""cos x = Σ T_n x^n over even n, sin x over odd n."""
_LANE_ROWS = 8
"""Of numbers that scaling a group holds."""
_ONE, _TWO, _HALF, _ZERO = np.float32(1), np.float32(2), np.float32(0.5), np.float32(0)


class RayStore(NamedTuple):
    """The rays of L = K + 1 links of U users: row 0 the serving link, rows 1 to K the interferers.

    G groups of LANES users; E = 4 + K entries: the four of the serving link's H, then one an interferer.

    cell          (L, U) int64: with whom the row's rays were drawn; −1 for nobody, whose amplitudes are 0
    delay_spread  (L, U) float32, and k_factor (L, U) float32: for which they were scaled
    delay, power  (G, L, M, LANES) float32: as in fading.Rays
    phase         (G, E, M+1, LANES) float32, in turns
    cosine        (G, L, M+1, LANES) float32
    start         (G, E, M+1, LANES) float32: turns on the first sub-band
    amplitude     (G, E, M+1, LANES) float32
    step_real, step_imaginary  (G, L, M+1, LANES) float32: exp(−j 2π Δf τ)
    """

    cell: NDArray[np.int64]
    delay_spread: Singles
    k_factor: Singles
    delay: Singles
    power: Singles
    phase: Singles
    cosine: Singles
    start: Singles
    amplitude: Singles
    step_real: Singles
    step_imaginary: Singles


def ray_store(users: int, interferers: int) -> RayStore:
    """An empty store: 4.1 kB a user at eight interferers."""
    links, entries, groups = interferers + 1, interferers + ENTRIES, -(-users // LANES)

    def grouped(rows: int, rays: int) -> Singles:
        return np.zeros((groups, rows, rays, LANES), dtype=np.float32)

    return RayStore(
        cell=np.full((links, users), _NONE, dtype=np.int64),
        delay_spread=np.full((links, users), np.nan, dtype=np.float32),
        k_factor=np.full((links, users), np.nan, dtype=np.float32),
        delay=grouped(links, RAYS),
        power=grouped(links, RAYS),
        phase=grouped(entries, RAYS + 1),
        cosine=grouped(links, RAYS + 1),
        start=grouped(entries, RAYS + 1),
        amplitude=grouped(entries, RAYS + 1),
        step_real=grouped(links, RAYS + 1),
        step_imaginary=grouped(links, RAYS + 1),
    )


class Grid(NamedTuple):
    """Sub-bands and their spacing, and κ of the serving link."""

    subbands: int
    subband_hz: float
    cross_polar_ratio_db: float = CROSS_POLAR_RATIO_DB


@njit(cache=True, error_model="numpy", nogil=True)
def refresh(store, seed, user, cell, delay_spread_s, k_factor_db, grid):  # type: ignore[no-untyped-def]
    """Bring a store up to date with its links; only rows that changed cost anything.

    seed                         of the run, of this realisation (Seeds.run), an int64
    user                         (U,) int64 keys
    cell                         (L, U) int64: row 0 the serving cell, the others interferers; −1 for nobody
    delay_spread_s, k_factor_db  (L, U) float32, of these links
    grid                         a `Grid`, always the same for a store
    """
    prefix = extend(extend(np.uint64(0), seed), PURPOSE)
    lanes = np.zeros((_LANE_ROWS, LANES))
    for link in range(cell.shape[0]):
        for g in range(store.cosine.shape[0]):
            changed = False
            for u in range(g * LANES, min((g + 1) * LANES, cell.shape[1])):
                other = store.cell[link, u] != cell[link, u]
                if other and cell[link, u] >= 0:
                    _draw(store, extend(extend(prefix, user[u]), cell[link, u]), link, u)
                spread, k_db = delay_spread_s[link, u], k_factor_db[link, u]
                changed |= other or store.delay_spread[link, u] != spread or store.k_factor[link, u] != k_db
                store.cell[link, u], store.delay_spread[link, u] = cell[link, u], spread
                store.k_factor[link, u] = k_db
            if changed:
                _scale(store, g, link, grid, lanes)


@njit(cache=True, error_model="numpy", nogil=True)
def _draw(store, key, link, u):  # type: ignore[no-untyped-def]
    """The rays of a link, by its key (see fading.draw_rays)."""
    g, i = u // LANES, u % LANES
    least, total = np.inf, 0.0
    for m in range(RAYS):
        store.delay[g, link, m, i] = exponential(extend(key, m * WORDS))
        least = min(least, exponential(extend(key, m * WORDS)))
        total += _unscaled_power(key, m)
    for m in range(RAYS):
        store.delay[g, link, m, i] = exponential(extend(key, m * WORDS)) - least
        store.power[g, link, m, i] = _unscaled_power(key, m) / total
    for m in range(RAYS + 1):
        part = uniform(extend(key, m * WORDS + 3))
        half_turn = (m + part) / RAYS if m < RAYS else part
        store.cosine[g, link, m, i] = math.cos(math.pi * half_turn)
        for entry in range(ENTRIES if link == 0 else 1):
            row = entry if link == 0 else link + ENTRIES - 1
            store.phase[g, row, m, i] = uniform(extend(key, m * WORDS + 4 + entry))


@njit(cache=True, error_model="numpy", nogil=True)
def _unscaled_power(key, m):  # type: ignore[no-untyped-def]
    radius = math.sqrt(2 * exponential(extend(key, m * WORDS + 1)))
    shadow = radius * math.cos(_TWO_PI * uniform(extend(key, m * WORDS + 2)))
    return 10.0 ** (-SHADOWING_DB / 10 * shadow)


@njit(cache=True, error_model="numpy", nogil=True)
def _scale(store, g, link, grid, lanes):  # type: ignore[no-untyped-def]
    """Amplitudes, steps and starts of a group's links for their spread and K (see fading.ray_parameters)."""
    share, gain, scale, sight, lag, power = lanes[0], lanes[1], lanes[2], lanes[3], lanes[4], lanes[5]
    leak = 10.0 ** (-grid.cross_polar_ratio_db / 10)
    _shares(store, g, link, share, gain)
    _delay_scales(store.power[g, link], store.delay[g, link], share, lanes[6], lanes[7])
    for i in range(LANES):
        u = g * LANES + i
        there = u < store.cell.shape[1] and store.cell[link, u] >= 0
        scale[i] = np.float64(store.delay_spread[link, u]) * grid.subband_hz * lanes[6, i] if there else 0.0
        sight[i] = (1 - share[i]) * gain[i]
        if link == 0:
            gain[i] *= 2 / (1 + leak * share[i])
            sight[i] *= 2 / (1 + leak * share[i])
        share[i] *= gain[i]
    for m in range(RAYS + 1):
        if m < RAYS:
            _times(store.delay[g, link, m], scale, lag)
            _times(store.power[g, link, m], share, power)
        else:
            lag[:] = 0.0
            power[:] = sight
        _steps(lag, store.step_real[g, link, m], store.step_imaginary[g, link, m])
        for entry in range(ENTRIES if link == 0 else 1):
            row = entry if link == 0 else link + ENTRIES - 1
            part = 1.0 if entry in (0, 3) else (leak if m < RAYS else 0.0)
            _starts(store.phase[g, row, m], lag, 0.5 * (grid.subbands - 1), store.start[g, row, m])
            _roots(power, part, store.amplitude[g, row, m])


@njit(cache=True, error_model="numpy", nogil=True)
def _shares(store, g, link, share, there):  # type: ignore[no-untyped-def]
    """1 / (K + 1), and 1 where there is a link, of a group's lanes."""
    for i in range(LANES):
        u = g * LANES + i
        share[i], there[i] = 1.0, 0.0
        if u < store.cell.shape[1] and store.cell[link, u] >= 0:
            share[i], there[i] = 1 / (1 + 10.0 ** (np.float64(store.k_factor[link, u]) / 10)), 1.0


@njit(cache=True, error_model="numpy", nogil=True)
def _delay_scales(power, delay, share, first, second):  # type: ignore[no-untyped-def]
    """1 / √(B / (K + 1) − (A / (K + 1))²) into first, of power and delay (M, LANES)."""
    first[:] = 0.0
    second[:] = 0.0
    for m in range(RAYS):
        p, t = power[m], delay[m]
        for i in range(LANES):
            weight = np.float64(p[i]) * np.float64(t[i]) * share[i]
            first[i] += weight
            second[i] += weight * np.float64(t[i])
    for i in range(LANES):
        first[i] = 1 / math.sqrt(second[i] - first[i] * first[i])


@njit(cache=True, error_model="numpy", nogil=True)
def _times(single, double, product):  # type: ignore[no-untyped-def]
    for i in range(LANES):
        product[i] = np.float64(single[i]) * double[i]


@njit(cache=True, error_model="numpy", nogil=True)
def _starts(phase, lag, before, start):  # type: ignore[no-untyped-def]
    """Turns on the first sub-band, `before` sub-bands below the carrier's centre, in [0, 1)."""
    for i in range(LANES):
        turns = np.float64(phase[i]) + before * lag[i]
        start[i] = np.float32(turns - np.floor(turns))


@njit(cache=True, error_model="numpy", nogil=True)
def _roots(power, part, amplitude):  # type: ignore[no-untyped-def]
    for i in range(LANES):
        amplitude[i] = np.float32(math.sqrt(power[i] * part))


@njit(cache=True, error_model="numpy", nogil=True)
def _steps(lag, real, imaginary):  # type: ignore[no-untyped-def]
    """exp(−j 2π lag): Taylor's series on a quarter turn either way, within 1e-12."""
    for i in range(LANES):
        halves = np.floor(2 * lag[i] + 0.5)
        x = _TWO_PI * (lag[i] - 0.5 * halves)
        q = x * x
        # An odd number of half turns changes both signs.
        sign = 1 - 2 * (halves - 2 * np.floor(0.5 * halves))
        cosine = _T[16] * q + _T[14]
        cosine = ((((cosine * q + _T[12]) * q + _T[10]) * q + _T[8]) * q + _T[6]) * q + _T[4]
        sine = _T[17] * q + _T[15]
        sine = ((((sine * q + _T[13]) * q + _T[11]) * q + _T[9]) * q + _T[7]) * q + _T[5]
        real[i] = np.float32(sign * ((cosine * q + _T[2]) * q + 1.0))
        imaginary[i] = np.float32(-sign * ((sine * q + _T[3]) * q + 1.0) * x)


class Scratch(NamedTuple):
    """Room for one group: sums (S, LANES) real and imaginary, phasors (LANES,), turns; one a thread."""

    real: Singles
    imaginary: Singles
    phasor_real: Singles
    phasor_imaginary: Singles
    turns: Singles
    path: NDArray[np.float64]


def scratch(subbands: int) -> Scratch:
    """Room for `fading`, arrays at the begin of cache lines: a load across two takes twice as long."""
    sums, lane = (subbands, LANES), (LANES,)
    single, double = np.float32, np.float64
    return Scratch(
        _aligned(sums, single), _aligned(sums, single), _aligned(lane, single), _aligned(lane, single),
        _aligned(lane, single), _aligned(lane, double),
    )  # fmt: skip


def _aligned(shape: tuple[int, ...], dtype: type[np.floating]) -> NDArray[Any]:
    """Zeros whose first byte has an address of a multiple of 64."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    room = np.zeros(size + _CACHE_LINE, dtype=np.uint8)
    begin = -room.ctypes.data % _CACHE_LINE
    return room[begin : begin + size].view(dtype).reshape(shape)


@njit(**KERNEL)
def fading(store, path_turns, serving, power, room):  # type: ignore[no-untyped-def]
    """Fill serving (2, 4, S, U) and power (K, S, U), float32, for Doppler paths of path_turns (U,) float64.

    serving  real and imaginary part of H's entries 00, 01, 10, 11 (receive antenna, port)
    power    |h|² of the interferers; 0 for nobody
    room     a `Scratch` of S sub-bands
    """
    users, subbands = serving.shape[3], serving.shape[2]
    for g in range(store.amplitude.shape[0]):
        first, count = g * LANES, min(LANES, users - g * LANES)
        for i in range(count):
            room.path[i] = path_turns[first + i]
        for row in range(store.amplitude.shape[1]):
            _sum_rays(store, g, row, room)
            for s in range(subbands):
                real, imaginary = room.real[s], room.imaginary[s]
                if row < ENTRIES:
                    _copy(real, serving[0, row, s, first : first + count])
                    _copy(imaginary, serving[1, row, s, first : first + count])
                else:
                    _square(real, imaginary, power[row - ENTRIES, s, first : first + count])


@njit(**KERNEL)
def _sum_rays(store, g, row, room):  # type: ignore[no-untyped-def]
    """Σ over rays, in their order, into room.real and room.imaginary, for all lanes of a group."""
    link = max(row - ENTRIES + 1, 0)
    room.real[:] = _ZERO
    room.imaginary[:] = _ZERO
    for m in range(store.amplitude.shape[2]):
        _turns(room.path, store.cosine[g, link, m], store.start[g, row, m], room.turns)
        _phasor(room.turns, store.amplitude[g, row, m], room.phasor_real, room.phasor_imaginary)
        _advance(
            room.phasor_real, room.phasor_imaginary,
            store.step_real[g, link, m], store.step_imaginary[g, link, m],
            room.real, room.imaginary,
        )  # fmt: skip


@njit(**KERNEL, inline="always")
def _turns(path, cosine, start, turns):  # type: ignore[no-untyped-def]
    """Turns in [−1/2, 1/2): of the way times cos α in float64, so that long ways keep their phase."""
    for i in range(LANES):
        whole = path[i] * np.float64(cosine[i]) + np.float64(start[i])
        turns[i] = np.float32(whole - np.floor(whole + 0.5))


@njit(**KERNEL, inline="always")
def _phasor(turns, amplitude, real, imaginary):  # type: ignore[no-untyped-def]
    """The amplitude times cos and sin of 2π turns: a half turn taken off (a sign), then polynomials."""
    for i in range(LANES):
        halves = np.floor(turns[i] + turns[i] + _HALF)
        r = turns[i] - _HALF * halves
        q = r * r
        signed = amplitude[i] * (_ONE - _TWO * abs(halves))
        sine = r * (_S1 + q * (_S3 + q * (_S5 + q * (_S7 + q * _S9))))
        cosine = _ONE + q * (_C2 + q * (_C4 + q * (_C6 + q * (_C8 + q * _C10))))
        real[i] = signed * cosine
        imaginary[i] = signed * sine


@njit(**KERNEL, inline="always")
def _advance(z_real, z_imaginary, step_real, step_imaginary, real, imaginary):  # type: ignore[no-untyped-def]
    """Add a phasor to the sums of each sub-band and turn it by its step from one to the next."""
    for s in range(real.shape[0]):
        sum_real, sum_imaginary = real[s], imaginary[s]
        for i in range(LANES):
            a, b = z_real[i], z_imaginary[i]
            sum_real[i] += a
            sum_imaginary[i] += b
            z_real[i] = a * step_real[i] - b * step_imaginary[i]
            z_imaginary[i] = a * step_imaginary[i] + b * step_real[i]


@njit(**KERNEL)
def _copy(source, target):  # type: ignore[no-untyped-def]
    for i in range(target.shape[0]):
        target[i] = source[i]


@njit(**KERNEL)
def _square(real, imaginary, target):  # type: ignore[no-untyped-def]
    for i in range(target.shape[0]):
        target[i] = real[i] * real[i] + imaginary[i] * imaginary[i]
