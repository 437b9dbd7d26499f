"""`Layout`: what stands where, the same in all realisations: sites, cells, carriers and antennas."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.simulator.carrier import Carrier

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Environment = Literal["uma", "umi", "rma", "inh-open", "inh-mixed"]
Scheduler = Literal["round_robin", "proportional_fair", "max_ci", "delay_aware"]
SCHEDULERS: tuple[Scheduler, ...] = ("round_robin", "proportional_fair", "max_ci", "delay_aware")


@dataclass(frozen=True, slots=True)
class Antenna:
    """A base station's panel (TR 38.901 7.3): one column of elements on one port, or a grid of beams.

    rows, columns       elements of the panel, `spacing` wavelengths apart both ways
    gain_dbi            of one element; table 7.3-1: 8
    beamwidth_deg       of an element, both ways; 65
    attenuation_db      at most, both ways; 30
    electrical_tilt_deg steering of the column below the panel's normal, by DFT weights
    beams               B: SSB beams, a fan in azimuth over ±60°, of the panel's columns; 1 is none
    """

    rows: int = 10
    columns: int = 1
    spacing: float = 0.5
    gain_dbi: float = 8.0
    beamwidth_deg: float = 65.0
    attenuation_db: float = 30.0
    electrical_tilt_deg: float = 12.0
    beams: int = 1
    isotropic: bool = False


@dataclass(frozen=True, slots=True)
class Sites:
    """Where masts stand. `position_m` (sites, 2), `height_m` (sites,) above ground."""

    ids: tuple[str, ...]
    position_m: Floats
    height_m: Floats

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Cells:
    """How cells are set up; what an Intervention may change. Arrays are (C,).

    site, gnb     index of the site and of the gNB that the cell belongs to
    carrier       index of the carrier
    azimuth_deg   clockwise from north (the y axis); NaN for an omnidirectional antenna
    tilt_deg      mechanical, downwards positive; the antenna's electrical tilt comes on top
    power_dbm     total transmit power at the antenna port
    on            whether the cell transmits
    offset_db     cell individual offset (Ocn of TS 38.331 5.5.4)
    scheduler     index into SCHEDULERS
    """

    ids: tuple[str, ...]
    site: Ints
    gnb: Ints
    carrier: Ints
    azimuth_deg: Floats
    tilt_deg: Floats
    power_dbm: Floats
    on: NDArray[np.bool_]
    offset_db: Floats
    scheduler: Ints

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Layout:
    """A deployment.

    environment  the scenario of TR 38.901 that its links follow
    wraparound   (W, 2) translations under which the plane repeats; (1, 2) zeros where it does not
    bounds_m     (x0, y0, x1, y1) where users are, for drops, motion and maps
    links        L at most: cells that a user sees one by one, the nearest sites first; None: all of them
    """

    environment: Environment
    carriers: tuple[Carrier, ...]
    antennas: tuple[Antenna, ...]
    sites: Sites
    cells: Cells
    bounds_m: tuple[float, float, float, float]
    wraparound: Floats = field(default_factory=lambda: np.zeros((1, 2)))
    antenna_of_cell: Ints | None = None
    street_width_m: float = 20.0
    building_height_m: float = 5.0
    links: int | None = None

    def with_cells(self, cells: Cells) -> Layout:
        """The same deployment, set up otherwise."""
        return replace(self, cells=cells)
