"""Who wants what, where and when: the sessions that begin in each period.

Hotspots move about the city, each with a daily profile and a mood of its own. The number of sessions that a
hotspot starts in a period is Poisson with a Gamma intensity; sizes are heavy-tailed.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ranvier.gateway.emulator.city import City, EmulatorConfig
from ranvier.gateway.emulator.happenings import Happening
from ranvier.gateway.emulator.streams import generator, normals, uniforms

Floats = NDArray[np.float64]

HOTSPOTS = 7
"""The last of them is the whole city, the background."""
SESSIONS_PER_CELL_S = 0.28
_GAMMA_SHAPE = 25.0
_MOOD_PERIODS = 18
_SHARE = np.array([0.14, 0.12, 0.10, 0.09, 0.07, 0.06, 0.42])
_BUSY = np.array([0.42, 0.38, 0.66, 0.70, 0.30, 0.55, 0.55])
"""When each hotspot is busiest, as a part of the day, which begins at its quietest instant."""


class Sessions(NamedTuple):
    """Sessions as columns; all arrays have one length n.

    entity     the session's number, unique for ever: what its draws are keyed by
    left_mbit  what is still to be sent; 0 once it is done and lingers as connected
    cap_mbps   what the application takes at most
    loss_db    what walls take away
    serving    index of the serving cell, -1 for none yet
    age_s      seconds since it began; below zero: seconds until it begins
    idle_s     seconds since it had nothing more to send
    """

    entity: NDArray[np.uint64]
    x_m: Floats
    y_m: Floats
    east_mps: Floats
    north_mps: Floats
    left_mbit: Floats
    cap_mbps: Floats
    loss_db: Floats
    serving: NDArray[np.int64]
    age_s: Floats
    idle_s: Floats

    def keep(self, mask: NDArray[np.bool_]) -> Sessions:
        """The sessions that the mask picks."""
        return Sessions._make(column[mask] for column in self)

    def join(self, other: Sessions) -> Sessions:
        """These sessions and the others."""
        return Sessions._make(np.concatenate(pair) for pair in zip(self, other, strict=True))


def none() -> Sessions:
    """No sessions."""
    e = np.zeros(0)
    return Sessions(e.astype(np.uint64), e, e, e, e, e, e, e, e.astype(np.int64), e, e)


def intensity(city: City, period: int, crowd: Happening | None) -> Floats:
    """(hotspots,) mean number of sessions that begin in the period."""
    config = city.config
    phase = (period * config.period_ns % config.day_ns) / config.day_ns
    daily = 0.14 + np.exp(3.2 * (np.cos(2 * np.pi * (phase - _BUSY)) - 1))
    sessions = SESSIONS_PER_CELL_S * config.traffic * config.period_s * len(city.cells)
    mean: Floats = sessions * _SHARE * daily * _mood(config, period)
    if crowd is not None:
        ramp = np.sin(np.pi * (period - crowd.first + 1) / (crowd.last - crowd.first + 1))
        mean[crowd.place] += 0.45 * sessions * ramp
    return mean


def _mood(config: EmulatorConfig, period: int) -> Floats:
    """(hotspots,) a slow factor about 1: a random value at every knot, interpolated between."""
    knot, part = divmod(period, _MOOD_PERIODS)
    before, after = _knot(config.seed, knot), _knot(config.seed, knot + 1)
    mood: Floats = np.exp(0.3 * (before + (after - before) * part / _MOOD_PERIODS))
    return mood


@lru_cache(maxsize=16)
def _knot(seed: int, knot: int) -> Floats:
    """(hotspots,) standard normal numbers of one knot."""
    value: Floats = normals(seed, "mood", np.arange(HOTSPOTS), knot)[0]
    return value


@lru_cache(maxsize=16)
def _phases(seed: int) -> Floats:
    """(4, hotspots) where on their curves the hotspots began."""
    return uniforms(seed, "hotspot", np.arange(HOTSPOTS), 0)


def centres(city: City, period: int) -> Floats:
    """(hotspots, 2) where the hotspots are, metres: each wanders along a slow closed curve of its own."""
    a, b, c, d = _phases(city.config.seed)
    days = period * city.config.period_ns / city.config.day_ns
    turn = 2 * np.pi * (days / 3 % 1)
    radius = 0.55 * city.half_width_m
    east = radius * (0.7 * np.cos(2 * np.pi * a + turn) + 0.5 * np.cos(2 * np.pi * b - 2 * turn))
    north = radius * (0.7 * np.sin(2 * np.pi * c + turn) + 0.5 * np.sin(2 * np.pi * d + 3 * turn))
    return np.stack([east, north], axis=1)


def arrivals(city: City, period: int, crowd: Happening | None) -> Sessions:
    """The sessions that begin in the period, those that begin later in it with an age below zero."""
    seed = city.config.seed
    means = intensity(city, period, crowd)
    counts = [
        int(draw.poisson(mean * draw.gamma(_GAMMA_SHAPE) / _GAMMA_SHAPE))
        for draw, mean in ((generator(seed, "arrivals", h, period), m) for h, m in enumerate(means))
    ]
    home = np.repeat(np.arange(HOTSPOTS), counts)
    number = np.concatenate([np.arange(count) for count in counts]) if counts else np.zeros(0, np.int64)
    entity = (np.uint64(period) << np.uint64(24)) | (home.astype(np.uint64) << np.uint64(20))
    return _sessions(city, period, home, entity + number.astype(np.uint64))


def _sessions(city: City, period: int, home: NDArray[np.int64], entity: NDArray[np.uint64]) -> Sessions:
    seed, half = city.config.seed, city.half_width_m
    begin, kind, size, wall = uniforms(seed, "session", entity, 0)
    east, north, heading, length = normals(seed, "session", entity, 1)
    everywhere = home == HOTSPOTS - 1
    spread = np.where(everywhere, 0.5 * half, 260.0 + 40.0 * home)
    centre = np.where(everywhere[:, None], 0.0, centres(city, period)[home])
    left, cap = _application(kind, size, length)
    speed = np.where(wall < 0.2, 14.0, np.where(wall < 0.45, 1.4, 0.0))
    return Sessions(
        entity,
        np.clip(centre[:, 0] + spread * east, -half, half),
        np.clip(centre[:, 1] + spread * north, -half, half),
        speed * np.cos(7 * heading),
        speed * np.sin(7 * heading),
        left,
        cap,
        np.where(wall < 0.3, 2.0, 18.0 * (wall - 0.3)),
        np.full(len(entity), -1, np.int64),
        -begin * city.config.period_s,
        np.zeros(len(entity)),
    )


def _application(kind: Floats, size: Floats, length: Floats) -> tuple[Floats, Floats]:
    """(Mbit to send, Mbit/s at most): pages and messages, video, downloads."""
    page = np.minimum(2.5 * size ** (-1 / 1.4), 400.0)
    video = 4.0 * 45.0 * np.exp(0.7 * length)
    download = np.minimum(60.0 * size ** (-1 / 1.3), 2500.0)
    left = np.select([kind < 0.7, kind < 0.92], [page, video], download)
    return left, np.select([kind < 0.7, kind < 0.92], [60.0, 4.0], 250.0)
