"""How strongly each place of the emulated city hears each cell.

A map of received power over 50 m pixels: distance law, sector antenna, and shadowing that is a function of
place. Its constants belong to the emulated city alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ranvier.gateway.emulator.city import City
from ranvier.gateway.emulator.nrm import Antenna
from ranvier.gateway.emulator.streams import uniforms

PIXEL_M = 50.0
BANDWIDTH_MHZ = 38.16  # 106 resource blocks of 12 subcarriers of 30 kHz: a carrier of 40 MHz
NOISE_MW = 10 ** ((-174 + 10 * np.log10(BANDWIDTH_MHZ * 1e6) + 8) / 10)
_WAVES = 12
_SHADOW_DB = 6.0

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CoverageMap:
    """Received power (pixels, cells) in milliwatts at full load, and the side of the square in pixels."""

    received_mw: Floats
    side: int
    half_width_m: float

    def pixel(self, x_m: Floats, y_m: Floats) -> NDArray[np.int64]:
        """The pixel of each place; places beyond the edge count as the edge."""
        column = np.clip((x_m + self.half_width_m) // PIXEL_M, 0, self.side - 1).astype(np.int64)
        row = np.clip((y_m + self.half_width_m) // PIXEL_M, 0, self.side - 1).astype(np.int64)
        return row * self.side + column


def coverage(city: City, antennas: Mapping[int, Antenna]) -> CoverageMap:
    """The map under these antenna settings (by cell index)."""
    side = int(np.ceil(2 * city.half_width_m / PIXEL_M))
    axis = (np.arange(side) + 0.5) * PIXEL_M - city.half_width_m
    x_m, y_m = (grid.ravel() for grid in np.meshgrid(axis, axis))
    columns = [_received_dbm(city, index, antennas[index], x_m, y_m) for index in range(len(city.cells))]
    return CoverageMap(10 ** (np.stack(columns, axis=1) / 10), side, city.half_width_m)


def _received_dbm(city: City, index: int, antenna: Antenna, x_m: Floats, y_m: Floats) -> Floats:
    cell = city.cells[index]
    east, north = x_m - cell.x_m, y_m - cell.y_m
    ground_m = np.maximum(np.hypot(east, north), 10.0)
    loss_db = 34.0 + 35.0 * np.log10(np.hypot(ground_m, cell.height_m))
    off_deg = (np.degrees(np.arctan2(east, north)) - cell.azimuth_deg + 180) % 360 - 180
    down_deg = np.degrees(np.arctan2(cell.height_m - 1.5, ground_m)) - antenna.tilt_deg
    pattern_db = np.minimum(12 * (off_deg / 65) ** 2 + np.minimum(12 * (down_deg / 9) ** 2, 18), 28)
    shadow_db = _shadowing(city, cell.site, x_m, y_m)
    received: Floats = antenna.power_dbm + 16.0 - pattern_db - loss_db + shadow_db
    return received


def _shadowing(city: City, site: int, x_m: Floats, y_m: Floats) -> Floats:
    """A smooth random field: plane waves of 150 to 750 m, common to the cells of one site."""
    turn, phase, length, _ = uniforms(city.config.seed, "shadow", site, np.arange(_WAVES))
    number = 2 * np.pi / (150 + 600 * length)
    field = np.zeros_like(x_m)
    for k, angle, start in zip(number, 2 * np.pi * turn, 2 * np.pi * phase, strict=True):
        field += np.cos(k * (x_m * np.cos(angle) + y_m * np.sin(angle)) + start)
    scaled: Floats = field * _SHADOW_DB * np.sqrt(2 / _WAVES)
    return scaled
