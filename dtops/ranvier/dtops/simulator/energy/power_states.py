"""States of a base station and what they cost (TR 38.864 6.1), in units of its power in deep sleep.

    state          power       to leave it: energy (power × ms), and total time of going there and back
    deep sleep     P1 = 1      E1, T1
    light sleep    P2          E2, T2
    micro sleep    P3          0, 0
    active         P4 at the reference's full bandwidth, power and antennas

    P(s_f, s_p, s_a) = P_static + s_f · s_p · s_a · (P4 − P_static),   P_static = 1.5 P3

s_f: part of the band that is sent, s_p: transmit power over the reference's, s_a: part of the antennas in use.
The report knows P3 and 1.5 P3 as the static part; with the latter it pays to send in few symbols. Category 1 is
what base stations do soon, category 2 what is sold: its sleep is cheaper, and takes long to leave.

Set 1 is a macro cell of 100 MHz at 55 dBm with 64 TxRU, set 2 one of 20 MHz at 49 dBm with 32, set 3 is for FR2.
The figures of sets 2 and 3 and of category 2 were not held against the text of the report: check them there
before quoting what follows from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Reference = Literal["set1", "set2", "set3"]
Category = Literal[1, 2]


@dataclass(frozen=True, slots=True)
class PowerStates:
    """Relative powers P1 to P4; energies in relative power × ms; times in ms."""

    deep: float
    light: float
    micro: float
    full: float
    deep_energy: float
    light_energy: float
    deep_ms: float
    light_ms: float


_FIRST = {"deep_energy": 1000.0, "light_energy": 90.0, "deep_ms": 50.0, "light_ms": 6.0}
_SECOND = {"deep_energy": 17000.0, "light_energy": 1088.0, "deep_ms": 10_000.0, "light_ms": 640.0}
POWER_STATES: dict[tuple[Category, Reference], PowerStates] = {
    (1, "set1"): PowerStates(1.0, 25.0, 55.0, 280.0, **_FIRST),
    (1, "set2"): PowerStates(1.0, 25.0, 50.0, 200.0, **_FIRST),
    (1, "set3"): PowerStates(1.0, 25.0, 38.0, 152.0, **_FIRST),
    (2, "set1"): PowerStates(1.0, 2.1, 5.5, 32.0, **_SECOND),
    (2, "set2"): PowerStates(1.0, 2.1, 5.0, 26.0, **_SECOND),
    (2, "set3"): PowerStates(1.0, 1.8, 3.0, 17.6, **_SECOND),
}
"""TR 38.864 6.1."""
STATIC_OVER_MICRO = 1.5
