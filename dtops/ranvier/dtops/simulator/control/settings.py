"""`ControlSettings`: how measurements are filtered, when users are handed over, and when links fail."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ranvier.ontology.errors import InputError

Neighbours = Literal["any", "same", "other"]
HOURS = 24


def _within(name: str, value: float, low: float, high: float, unit: str) -> None:
    if not low <= value <= high:
        raise InputError(
            f"{name} of {low:g} to {high:g} {unit}".strip(), f"{value:g}", "choose another value"
        )


@dataclass(frozen=True, slots=True)
class A3:
    """Event A3, neighbour becomes offset better than the serving cell (TS 38.331 5.5.4.4).

    offset_db           a3-Offset: Off, −15 to 15
    hysteresis_db       Hys, 0 to 15
    time_to_trigger_ms  for how long the condition holds before it counts; rounded up to whole periods
    neighbours          carriers whose cells are compared: that of the serving cell ("same"), "other", "any"
    """

    offset_db: float = 2.0
    hysteresis_db: float = 1.0
    time_to_trigger_ms: float = 160.0
    neighbours: Neighbours = "any"

    def __post_init__(self) -> None:
        _within("offset_db", self.offset_db, -15, 15, "dB")
        _within("hysteresis_db", self.hysteresis_db, 0, 15, "dB")
        _within("time_to_trigger_ms", self.time_to_trigger_ms, 0, 5120, "ms")


@dataclass(frozen=True, slots=True)
class A5:
    """Event A5, serving becomes worse than threshold 1 and neighbour better than 2 (TS 38.331 5.5.4.6).

    serving_below_dbm    a5-Threshold1, −156 to −31
    neighbour_above_dbm  a5-Threshold2
    the rest             as in A3
    """

    serving_below_dbm: float = -110.0
    neighbour_above_dbm: float = -106.0
    hysteresis_db: float = 1.0
    time_to_trigger_ms: float = 160.0
    neighbours: Neighbours = "any"

    def __post_init__(self) -> None:
        _within("serving_below_dbm", self.serving_below_dbm, -156, -31, "dBm")
        _within("neighbour_above_dbm", self.neighbour_above_dbm, -156, -31, "dBm")
        _within("hysteresis_db", self.hysteresis_db, 0, 15, "dB")
        _within("time_to_trigger_ms", self.time_to_trigger_ms, 0, 5120, "ms")


Event = A3 | A5


@dataclass(frozen=True, slots=True)
class RadioLink:
    """Radio link monitoring and what follows a failure (TS 38.331 5.3.10, 5.3.7; thresholds TR 36.839).

    out_db, in_db     Q_out and Q_in on the wideband SINR of the serving link
    n310, n311        indications in succession that start and stop T310, one each `indication_ms`
    indication_ms     between two indications (TS 38.133 8.1.6); a period stands for those that fall into it
    t310_ms           from the loss of synchronisation to the radio link failure
    t311_ms           for how long a cell is sought afterwards before the user goes idle
    t301_ms           for how long access to that cell is tried
    reestablish_ms    without service, from choosing the cell on
    """

    out_db: float = -8.0
    in_db: float = -6.0
    n310: int = 1
    n311: int = 1
    indication_ms: float = 20.0
    t310_ms: float = 1000.0
    t311_ms: float = 3000.0
    t301_ms: float = 1000.0
    reestablish_ms: float = 100.0

    def __post_init__(self) -> None:
        if self.in_db < self.out_db:
            raise InputError(f"in_db of at least out_db ({self.out_db:g} dB)", f"{self.in_db:g}", "raise it")
        for name in ("n310", "n311"):
            _within(name, getattr(self, name), 1, 20, "")
        _within("indication_ms", self.indication_ms, 1, 1000, "ms")
        for name in ("t310_ms", "t311_ms", "t301_ms", "reestablish_ms"):
            _within(name, getattr(self, name), 0, 30_000, "ms")
        if self.t301_ms < self.reestablish_ms:
            raise InputError(
                f"t301_ms of at least reestablish_ms ({self.reestablish_ms:g})",
                f"{self.t301_ms:g}",
                "raise it",
            )


@dataclass(frozen=True, slots=True)
class Sessions:
    """Arrivals and departures of users: a capacity of U places, each taken by one session after another.

    arrivals_per_s   λ, offered to all U places together while a factor of `hourly` is 1
    holding_s        mean of the exponential length of a session
    hourly           factors on λ by the hour of the day; None: 1 always
    start_hour       hour of the day at slot 0
    """

    arrivals_per_s: float
    holding_s: float
    hourly: tuple[float, ...] | None = None
    start_hour: float = 0.0

    def __post_init__(self) -> None:
        _within("arrivals_per_s", self.arrivals_per_s, 0, 1e9, "1/s")
        _within("holding_s", self.holding_s, 1e-3, 1e9, "s")
        _within("start_hour", self.start_hour, 0, HOURS, "h")
        if self.hourly is not None:
            if len(self.hourly) != HOURS:
                raise InputError("hourly with 24 factors", str(len(self.hourly)), "give one for each hour")
            _within("hourly", min(self.hourly), 0, 1e6, "")


@dataclass(frozen=True, slots=True)
class ControlSettings:
    """All of it.

    filter_k              filterCoefficient k: a = 1/2^(k/4) for samples 200 ms apart (TS 38.331 5.5.3.2)
    measurement_error_db  standard deviation of the error of each sample of each cell; 0 is none
    events                what makes the network hand a user over; any of them suffices
    preparation_ms        from the report to the command (TS 38.300 9.2.3.2, steps 1 to 5)
    interruption_ms       from the command until the target may send to the user (TS 38.133 6.1.1)
    t304_ms               for how long access to the target is tried (TS 38.331 5.3.5.8.3)
    setup_ms              from choosing a cell to the first data of a user that attaches
    minimum_rsrp_dbm      Q_rxlevmin: a cell is suitable above it (TS 38.304 5.2.3.2)
    soon_ms               a link that fails within this time after a handover fails because of it (TS 38.300
                          15.5.2); longer than T310, which each failure takes
    ping_pong_ms          a handover back within this time is a ping-pong (TR 36.839: 1 s)
    sessions              None: who is present stays
    """

    filter_k: int = 4
    measurement_error_db: float = 0.0
    events: tuple[Event, ...] = (A3(),)
    preparation_ms: float = 40.0
    interruption_ms: float = 40.0
    t304_ms: float = 500.0
    setup_ms: float = 0.0
    minimum_rsrp_dbm: float = -120.0
    soon_ms: float = 3000.0
    ping_pong_ms: float = 1000.0
    radio_link: RadioLink = field(default_factory=RadioLink)
    sessions: Sessions | None = None

    def __post_init__(self) -> None:
        _within("filter_k", self.filter_k, 0, 19, "")
        _within("measurement_error_db", self.measurement_error_db, 0, 20, "dB")
        _within("minimum_rsrp_dbm", self.minimum_rsrp_dbm, -300, 0, "dBm")
        for name in ("preparation_ms", "interruption_ms", "t304_ms", "setup_ms", "soon_ms", "ping_pong_ms"):
            _within(name, getattr(self, name), 0, 60_000, "ms")
        if self.t304_ms < self.interruption_ms:
            raise InputError(
                f"t304_ms of at least interruption_ms ({self.interruption_ms:g})",
                f"{self.t304_ms:g}",
                "raise it",
            )
