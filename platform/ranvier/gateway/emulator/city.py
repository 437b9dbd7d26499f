"""The emulated city: where the sites stand, how their cells are set up, and who neighbours whom."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ranvier.gateway.emulator.streams import uniforms
from ranvier.ontology.errors import InputError

EARTH_RADIUS_M = 6_371_000.0
SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class EmulatorConfig:
    """What is emulated.

    period_s        granularity period of the PM files, seconds
    day_s           how long the city's day lasts, seconds: the daily profile, compressed. None: about half
                    an hour, and 96 periods at least (24 hours of quarter hours)
    sites           how many sites, each a ManagedElement
    sectors         NR cells of each site
    spacing_m       distance between neighbouring sites, metres
    latitude_deg, longitude_deg   the city's centre: a place in the ocean, since no such city exists
    mishaps         whether files are late, sent again, missing or corrupt now and then
    faults          whether cells fail and crowds gather now and then
    traffic         factor on how many sessions the city starts
    """

    seed: int = 7
    period_s: float = 10.0
    day_s: float | None = None
    sites: int = 7
    sectors: int = 3
    spacing_m: float = 900.0
    latitude_deg: float = 31.0
    longitude_deg: float = -41.0
    city: str = "Emulated-Meridia"
    mishaps: bool = True
    faults: bool = True
    traffic: float = 1.0

    def __post_init__(self) -> None:
        if not 0.5 <= self.period_s <= 3600:
            raise InputError("a period of 0.5 to 3600 s", f"{self.period_s} s", "choose another period_s")
        if not (1 <= self.sites <= 200 and 1 <= self.sectors <= 6):
            raise InputError(
                "1 to 200 sites of 1 to 6 sectors", f"{self.sites} of {self.sectors}", "choose fewer"
            )
        if self.day_ns < 10 * self.period_ns or self.day_ns % self.period_ns:
            raise InputError(
                "a day of at least ten whole periods", f"{self.day_s} s", "choose a multiple of period_s"
            )
        if not 0 < self.traffic <= 5:
            raise InputError("a traffic factor in (0, 5]", str(self.traffic), "choose another factor")

    @property
    def period_ns(self) -> int:
        """The granularity period in nanoseconds."""
        return round(self.period_s * SECOND_NS)

    @property
    def day_ns(self) -> int:
        """The city's day in nanoseconds."""
        if self.day_s is None:
            return self.period_ns * max(96, round(1800 / self.period_s))
        return round(self.day_s * SECOND_NS)


class Cell(NamedTuple):
    """One NR cell. `number` counts cells over the city from 0; `site` and `sector` count from 1."""

    number: int
    site: int
    sector: int
    x_m: float
    y_m: float
    azimuth_deg: float
    tilt_deg: float
    power_dbm: float
    height_m: float
    pci: int

    @property
    def element(self) -> str:
        """The ManagedElement that runs the cell."""
        return f"gNB-{self.site}"


@dataclass(frozen=True, slots=True)
class City:
    """Sites, cells and neighbours: for each cell the numbers of the cells that it may hand over to."""

    config: EmulatorConfig
    cells: tuple[Cell, ...]
    neighbours: tuple[tuple[int, ...], ...]
    half_width_m: float

    def position(self, x_m: float, y_m: float) -> tuple[float, float]:
        """(latitude, longitude) in degrees of a point given in metres east and north of the centre."""
        latitude = self.config.latitude_deg + math.degrees(y_m / EARTH_RADIUS_M)
        shrink = math.cos(math.radians(self.config.latitude_deg))
        longitude = self.config.longitude_deg + math.degrees(x_m / (EARTH_RADIUS_M * shrink))
        return round(latitude, 6), round(longitude, 6)

    def cells_of(self, site: int) -> tuple[Cell, ...]:
        """The cells of one site."""
        return tuple(cell for cell in self.cells if cell.site == site)


def build(config: EmulatorConfig) -> City:
    """The city of this configuration: sites on a jittered sunflower spiral, sectors around each."""
    cells = tuple(
        _cell(config, site, sector)
        for site in range(1, config.sites + 1)
        for sector in range(1, config.sectors + 1)
    )
    reach_m = max(math.hypot(cell.x_m, cell.y_m) for cell in cells)
    return City(config, cells, _neighbours(cells, config.spacing_m), reach_m + 0.75 * config.spacing_m)


def _cell(config: EmulatorConfig, site: int, sector: int) -> Cell:
    east, north, rise, twist = uniforms(config.seed, "site", site, 0)[:, ...]
    # A sunflower spiral spaces any number of sites evenly, without the hexagons of the textbook.
    radius_m = config.spacing_m * 0.62 * math.sqrt(site - 1)
    angle = (site - 1) * math.pi * (3 - math.sqrt(5))
    x_m = radius_m * math.cos(angle) + 0.15 * config.spacing_m * (float(east) - 0.5)
    y_m = radius_m * math.sin(angle) + 0.15 * config.spacing_m * (float(north) - 0.5)
    tilt, power, turn, _ = uniforms(config.seed, "sector", site * 16 + sector, 0)
    azimuth = (60 * float(twist) + 360 / config.sectors * (sector - 1) + 16 * (float(turn) - 0.5)) % 360
    number = (site - 1) * config.sectors + sector - 1
    return Cell(
        number, site, sector, x_m, y_m, round(azimuth), round(4 + 6 * float(tilt)),
        round(43 + 3 * float(power), 1), round(22 + 14 * float(rise)), (number * 7 + 11) % 1008,
    )  # fmt: skip


def _neighbours(cells: tuple[Cell, ...], spacing_m: float) -> tuple[tuple[int, ...], ...]:
    """Cells of the same site, and the nearest cells of other sites, by the centres of what they cover."""
    centre = np.array(
        [
            (
                cell.x_m + 0.4 * spacing_m * math.sin(math.radians(cell.azimuth_deg)),
                cell.y_m + 0.4 * spacing_m * math.cos(math.radians(cell.azimuth_deg)),
            )
            for cell in cells
        ]
    )
    distance_m = np.hypot(*(centre[:, None, :] - centre[None, :, :]).transpose(2, 0, 1))
    site = np.array([cell.site for cell in cells])
    near = (site[:, None] == site[None, :]) | (distance_m < 1.15 * spacing_m)
    near |= near.T
    np.fill_diagonal(near, False)
    return tuple(tuple(int(j) for j in np.flatnonzero(row)) for row in near)
