"""`Scenario`: everything that is fixed before a run: the ground, the cells, the users, and how it all works.

Each section is a frozen dataclass that lives where it is used; here they are put together, checked and given
a JSON Schema. A refusal names the field, what it may be and what came.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from ranvier.dtops.simulator.carrier import Carrier
from ranvier.dtops.simulator.control.settings import ControlSettings
from ranvier.dtops.simulator.deployment.free_sites import FreeSites
from ranvier.dtops.simulator.deployment.hexagonal_grid import HexagonalGrid
from ranvier.dtops.simulator.deployment.indoor_hotspot import IndoorHotspot
from ranvier.dtops.simulator.deployment.port_yard import PortYard
from ranvier.dtops.simulator.deployment.railway import Railway
from ranvier.dtops.simulator.deployment.street_grid import StreetGrid
from ranvier.dtops.simulator.drop import Drop, population
from ranvier.dtops.simulator.energy.settings import EnergySettings
from ranvier.dtops.simulator.intervention import Intervention, applied
from ranvier.dtops.simulator.layout import SCHEDULERS, Antenna, Cells, Environment, Layout, Scheduler, Sites
from ranvier.dtops.simulator.motion import Ground
from ranvier.dtops.simulator.population import Population
from ranvier.dtops.simulator.propagation.path_loss import check_frequency
from ranvier.dtops.simulator.seeds import Seeds
from ranvier.dtops.simulator.slots.state import SlotSettings
from ranvier.dtops.simulator.traffic.services import ConstantRate, Ftp3, FullBuffer, Voice, Web, Xr
from ranvier.ontology.errors import InputError

Ground_ = HexagonalGrid | StreetGrid | Railway | IndoorHotspot | PortYard | FreeSites
Service_ = FullBuffer | Ftp3 | ConstantRate | Voice | Xr | Web


@dataclass(frozen=True, slots=True)
class CellDefaults:
    """How cells are set up unless an intervention says otherwise."""

    power_dbm: float = 46.0
    tilt_deg: float = 0.0
    offset_db: float = 0.0
    scheduler: Scheduler = "proportional_fair"

    def __post_init__(self) -> None:
        if not -60 <= self.power_dbm <= 80:
            raise InputError("cells.power_dbm of -60 to 80", f"{self.power_dbm:g}", "choose another")
        if not -90 <= self.tilt_deg <= 90:
            raise InputError("cells.tilt_deg of -90 to 90", f"{self.tilt_deg:g}", "choose another")


@dataclass(frozen=True, slots=True)
class Traffic:
    """One service and the share of users that have it."""

    service: Annotated[Service_, Field(discriminator="kind")]
    share: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise InputError("traffic.share of 0 to 1", f"{self.share:g}", "choose another share")


class Scenario(BaseModel):
    """A scenario; its fields are the sections of a scenario file (docs/scenarios.md)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field("scenario", min_length=1, description="What it is called in tables and folders.")
    description: str = ""
    environment: Environment = Field("uma", description="Propagation scenario of TR 38.901.")
    carriers: tuple[Carrier, ...] = Field(
        (Carrier(),), min_length=1, description="Carriers, on one slot grid."
    )
    deployment: Annotated[Ground_, Field(discriminator="kind")] = HexagonalGrid()
    antenna: Antenna = Antenna()
    cells: CellDefaults = CellDefaults()
    users: Drop = Drop()
    traffic: tuple[Traffic, ...] = Field(
        (Traffic(Ftp3()),), description="Services; the rest asks for nothing."
    )
    link: SlotSettings = SlotSettings()
    control: ControlSettings = ControlSettings()
    interventions: tuple[Intervention, ...] = ()
    noise_figure_db: float = Field(9.0, ge=0, le=40, description="Of the user's receiver, dB.")
    site_correlation: float = Field(0.0, ge=0, le=1, description="Of shadowing between sites.")
    links: int | None = Field(None, ge=1, description="Cells that a user sees one by one; None: all.")
    measurement_period_ms: float = Field(40.0, gt=0, description="Between two measurements of cells, ms.")
    granularity_s: float = Field(10.0, gt=0, description="Granularity period of counters, seconds.")
    energy: EnergySettings | None = Field(
        EnergySettings(), description="How cells spend and save power; null: it is not worked out."
    )

    @model_validator(mode="after")
    def _holds_together(self) -> Scenario:
        first = self.carriers[0]
        grid = [(each.numerology, each.prbs, each.prbs_of_subband) for each in self.carriers]
        if len(set(grid)) > 1:
            raise InputError(
                "carriers on one grid: equal numerology and bandwidth", str(grid), "make them equal"
            )
        for carrier in self.carriers:
            check_frequency(self.environment, carrier.frequency_hz)
        if sum(each.share for each in self.traffic) > 1 + 1e-9:
            total = sum(each.share for each in self.traffic)
            raise InputError("traffic shares of 1 together, at most", f"{total:g}", "lower some of them")
        self._whole("measurement_period_ms", self.measurement_period_ms * 1e-3 / first.slot_s)
        self._whole("granularity_s", self.granularity_s / first.slot_s)
        if self.measurement_slots % self.link.fading_period_slots:
            raise InputError(
                f"link.fading_period_slots that divides the measurement period ({self.measurement_slots} slots)",
                str(self.link.fading_period_slots), "choose a divisor",
            )  # fmt: skip
        applied(self.layout(), self.interventions)
        return self

    def _whole(self, name: str, slots: float) -> None:
        if abs(slots - round(slots)) > 1e-6 or round(slots) < 1:
            raise InputError(f"{name} of whole slots", f"{slots:g} slots", "choose a multiple of the slot")

    @property
    def measurement_slots(self) -> int:
        """The measurement period in slots."""
        return round(self.measurement_period_ms * 1e-3 / self.carriers[0].slot_s)

    @property
    def granularity_slots(self) -> int:
        """The granularity period in slots."""
        return round(self.granularity_s / self.carriers[0].slot_s)

    def layout(self) -> Layout:
        """The deployment with its cells as they are before any intervention; on each bearing all carriers."""
        plan = self.deployment.plan()
        rows = [
            (site, bearing, carrier)
            for site, bearings in enumerate(plan.bearings_deg)
            for bearing in bearings for carrier in range(len(self.carriers))
        ]  # fmt: skip
        site = np.array([row[0] for row in rows], dtype=np.int64)
        count, many = len(rows), len(self.carriers) > 1
        numbers: dict[int, int] = {}
        ids = []
        for place, _, carrier in rows:
            if carrier == 0:
                numbers[place] = numbers.get(place, 0) + 1
            ids.append(f"{plan.site_ids[place]}-{numbers[place]}" + (f"-f{carrier + 1}" if many else ""))
        cells = Cells(
            tuple(ids), site, site.copy(), np.array([row[2] for row in rows], dtype=np.int64),
            np.array([row[1] for row in rows], dtype=float), np.full(count, self.cells.tilt_deg),
            np.full(count, self.cells.power_dbm), np.ones(count, dtype=bool),
            np.full(count, self.cells.offset_db), np.full(count, SCHEDULERS.index(self.cells.scheduler)),
        )  # fmt: skip
        return Layout(
            self.environment, self.carriers, (self.antenna,),
            Sites(plan.site_ids, plan.position_m, plan.height_m), cells, plan.bounds_m, plan.wraparound,
            links=self.links,
        )  # fmt: skip

    def ground(self) -> Ground:
        """Where users may go."""
        plan = self.deployment.plan()
        return Ground(plan.bounds_m, plan.street_m)

    def population(self, seeds: Seeds) -> Population:
        """The users of R realisations."""
        shares = tuple(each.share for each in self.traffic)
        return population(self.users, self.deployment, len(self.layout().cells), shares, seeds)

    def changed(self, **sections: Any) -> Scenario:
        """The scenario with whole sections or their fields replaced, checked again."""
        merged = {
            name: value if not isinstance(value, dict) else replace(getattr(self, name), **value)
            for name, value in sections.items()
        }
        return parse({**{name: getattr(self, name) for name in type(self).model_fields}, **merged})


def parse(tree: Any) -> Scenario:
    """A scenario from a tree of plain values. Raises InputError that names the field, its range and the value."""
    try:
        return Scenario.model_validate(tree)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the scenario"
        raise InputError(
            f"{where}: {_expected(first)}", _short(first.get("input")), "see docs/scenarios.md"
        ) from None


def _expected(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return "a field that scenarios have"
    return str(error["msg"])[:1].lower() + str(error["msg"])[1:]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:79] + "…"


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a scenario file."""
    return TypeAdapter(Scenario).json_schema()
