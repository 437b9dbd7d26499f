"""`EnergySettings`: the base stations' power model, and how they save."""

from __future__ import annotations

from dataclasses import dataclass

from ranvier.dtops.simulator.energy.power_states import POWER_STATES, Category, PowerStates, Reference
from ranvier.ontology.errors import InputError


@dataclass(frozen=True, slots=True)
class EnergySettings:
    """How cells spend and save.

    reference, category   whose figures (TR 38.864 6.1)
    symbols               symbols without data are slept through; else a slot with any data is active as a whole
    light, deep           whether a silent cell goes there
    light_after_ms, deep_after_ms   how long it must have been silent; None: as long as going there and back takes
    signal_period_ms      of SSB bursts and system information (TS 38.213 4.1), for which a cell wakes
    full_efficiency       part of the power at full load that is radiated: gives the watts of the relative unit
    antenna_share         of the antennas that are in use
    """

    reference: Reference = "set1"
    category: Category = 1
    symbols: bool = True
    light: bool = True
    deep: bool = True
    light_after_ms: float | None = None
    deep_after_ms: float | None = None
    signal_period_ms: float = 20.0
    full_efficiency: float = 0.28
    antenna_share: float = 1.0

    def __post_init__(self) -> None:
        if (self.category, self.reference) not in POWER_STATES:
            raise InputError(
                "energy.reference set1, set2 or set3 of category 1 or 2",
                f"{self.reference} of category {self.category}", "choose among them",
            )  # fmt: skip
        for name in ("full_efficiency", "antenna_share"):
            if not 0 < getattr(self, name) <= 1:
                raise InputError(f"energy.{name} above 0, 1 at most", f"{getattr(self, name):g}", "change it")
        for name in ("light_after_ms", "deep_after_ms", "signal_period_ms"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise InputError(f"energy.{name} above 0", f"{value:g}", "choose a longer time")

    @property
    def states(self) -> PowerStates:
        """The figures that are used."""
        return POWER_STATES[self.category, self.reference]
