"""What befalls the emulated network: outages, degraded carriers, crowds, and changes of configuration.

All of it is a function of the seed and the period, so that any period can be asked for on its own.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, NamedTuple

from ranvier.gateway.emulator.city import City, EmulatorConfig
from ranvier.gateway.emulator.nrm import Antenna
from ranvier.gateway.emulator.streams import uniforms

SLOT_PERIODS = 48
"""At most one happening and one change of configuration begin and end within each slot of periods."""

Kind = Literal["outage", "degraded", "crowd"]


class Happening(NamedTuple):
    """Something that lasts for the periods [first, last). `place` is a cell's index, or a crowd's hotspot."""

    kind: Kind
    place: int
    first: int
    last: int


class Retune(NamedTuple):
    """A cell whose tilt and power differ from the plan in the periods [first, last)."""

    cell: int
    tilt_deg: float
    power_db: float
    first: int
    last: int


@lru_cache(maxsize=1024)
def happening(config: EmulatorConfig, period: int, places: int, hotspots: int) -> Happening | None:
    """What goes on in this period, if anything. `places` is the number of cells."""
    if not config.faults:
        return None
    slot = period // SLOT_PERIODS
    kind, where, begin, length = (float(u) for u in uniforms(config.seed, "happening", 0, slot)[:, ...])
    first = slot * SLOT_PERIODS + 4 + int(begin * 16)
    last = first + 6 + int(length * 20)
    if not first <= period < last or kind > 0.8:
        return None
    if kind < 0.25:
        return Happening("outage", int(where * places), first, last)
    if kind < 0.5:
        return Happening("degraded", int(where * places), first, last)
    return Happening("crowd", int(where * hotspots), first, last)


@lru_cache(maxsize=1024)
def retune(config: EmulatorConfig, period: int, cells: int) -> Retune | None:
    """The change of configuration that is in force in this period, if any."""
    slot = period // SLOT_PERIODS
    kind, where, begin, amount = (float(u) for u in uniforms(config.seed, "retune", 0, slot)[:, ...])
    first = slot * SLOT_PERIODS + 2 + int(begin * 12)
    last = (slot + 1) * SLOT_PERIODS - 2
    if kind > 0.5 or not config.faults or not first <= period < last:
        return None
    tilt = 3.0 if amount < 0.5 else -2.0
    return Retune(int(where * cells), tilt, -3.0 if kind < 0.15 else 0.0, first, last)


def antennas(city: City, change: Retune | None) -> dict[int, Antenna]:
    """The settings of all cells, by index, under a change of configuration."""
    plan = {cell.number: Antenna(cell.tilt_deg, cell.power_dbm) for cell in city.cells}
    if change is not None:
        tilt, power = plan[change.cell]
        plan[change.cell] = Antenna(tilt + change.tilt_deg, round(power + change.power_db, 1))
    return plan
