"""`Moment`: the beginning of a measurement period, at which control decides."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ranvier.ontology.errors import InputError


@dataclass(frozen=True, slots=True)
class Moment:
    """The slot at which a measurement period begins; all times of control count in slots from the run's start.

    slot          absolute, a multiple of `period_slots`
    period_slots  slots of a measurement period
    slot_s        length of a slot in seconds
    """

    slot: int
    period_slots: int
    slot_s: float

    def __post_init__(self) -> None:
        if self.period_slots < 1 or self.slot % self.period_slots:
            raise InputError(
                f"a slot that is a multiple of the measurement period ({self.period_slots} slots)",
                str(self.slot),
                "run control where a measurement period begins",
            )

    @property
    def period(self) -> int:
        """Index of the period, counted from slot 0."""
        return self.slot // self.period_slots

    @property
    def period_s(self) -> float:
        """Length of a measurement period in seconds."""
        return self.period_slots * self.slot_s

    @property
    def time_s(self) -> float:
        """Since slot 0."""
        return self.slot * self.slot_s

    def slots_of(self, milliseconds: float) -> int:
        """Slots in which that time has passed, rounded up."""
        return math.ceil(milliseconds * 1e-3 / self.slot_s - 1e-9)

    def periods_of(self, milliseconds: float) -> int:
        """Measurement periods in which that time has passed, rounded up."""
        return math.ceil(milliseconds * 1e-3 / self.period_s - 1e-9)
