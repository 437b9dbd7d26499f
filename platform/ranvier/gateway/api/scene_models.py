"""The shapes of asks about scenes, and of what comes back."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ranvier.gateway.api.models import FidelityItem, Model, Time
from ranvier.gateway.api.scene_columns import MAX_NODES, SceneItem

MAX_WHAT_IFS = 4096
MAX_NUMBERS = 2_000_000
MAX_BATCH_NODES = 5_000_000
Level = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
NodeName = Annotated[str, Field(min_length=1, max_length=1024)]
KpiName = Literal[
    "rsrp_dbm", "sinr_db", "throughput_kbit_s", "handovers", "moved", "prb_percent", "active_users",
    "rlc_delay_ms", "handovers_out",
]  # fmt: skip


class InterventionItem(Model):
    """A change of configuration or load to be tried."""

    knob: Literal["power_dbm", "tilt_deg", "azimuth_deg", "on", "offset_db", "scheduler", "demand"] = Field(
        description="`on` takes 0 or 1, `scheduler` an index, `demand` a factor for the load of the cells' users"
    )
    value: Annotated[float, Field(allow_inf_nan=False)] = Field(
        description="In the knob's unit", examples=[40.0]
    )
    cells: Annotated[list[NodeName], Field(max_length=MAX_NODES)] = Field(
        [], description="By name; empty: all cells"
    )


class _AskedOfScene(Model):
    """What asks about one scene, and asks about many what-ifs of it, share."""

    scene: SceneItem | None = Field(None, description="The network to forecast; else give `as_of`")
    as_of: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        None, description="The live twin: `now`, or as it was at a time (RFC 3339)", examples=["now"]
    )
    horizons_s: Annotated[
        list[Annotated[float, Field(gt=0, le=31_622_400, allow_inf_nan=False)]],
        Field(
            min_length=1,
            max_length=8,
            examples=[[1.0, 60.0]],
            description="How far ahead; the model knows which",
        ),
    ]
    kpis: Annotated[list[KpiName], Field(min_length=1, max_length=9)] | None = Field(
        None, description="Which KPIs; all if left out"
    )
    nodes: Annotated[list[NodeName], Field(min_length=1, max_length=MAX_NODES)] | None = Field(
        None, description="Which cells and users, by name; all if left out"
    )
    levels: Annotated[list[Level], Field(min_length=1, max_length=99)] | None = Field(
        None, description="Levels of the quantiles; 0.1, 0.25, 0.5, 0.75, 0.9 if left out"
    )

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.scene is None) == (self.as_of is None):
            raise ValueError("either `scene` or `as_of`, and not both (or `targets`: see docs/api.md)")
        return self


class SceneAsk(_AskedOfScene):
    """Forecast a scene, or the live twin as of a time, under interventions."""

    interventions: Annotated[list[InterventionItem], Field(max_length=1000)] = Field(
        [], description="In effect from the scene's time on, in this order"
    )
    samples: Annotated[int, Field(ge=0, le=1000)] = Field(
        0, description="Draws of each KPI, node and horizon; each by itself, there is no joint structure"
    )
    seed: Annotated[int, Field(ge=0, lt=2**53)] = Field(0, description="The same seed gives the same draws")


class WhatIf(Model):
    """One set of interventions to try."""

    name: Annotated[str, Field(max_length=256)] = Field("", description="Yours, to find it again")
    interventions: Annotated[list[InterventionItem], Field(max_length=1000)]


class SceneBatchAsk(_AskedOfScene):
    """Many what-ifs of one scene: up to 4,096, and 5,000,000 nodes of all of them together."""

    what_ifs: Annotated[list[WhatIf], Field(min_length=1, max_length=MAX_WHAT_IFS)]
    full: bool = Field(False, description="Also the distributions of every node of every what-if")


class KpiForecast(Model):
    """One KPI of the nodes asked for. By node, then by horizon; null where the model gives no forecast.

    Of an event `probability` is that of at least one in the period, `mean_count` how many to expect.
    """

    kpi: KpiName
    unit: str
    node: Literal["cell", "ue"]
    nodes: list[str]
    quantiles: list[list[list[float] | None]] | None = Field(
        description="By node, horizon, level; null: an event"
    )
    probability: list[list[float | None]] | None = None
    mean_count: list[list[float | None]] | None = None
    samples: list[list[list[float] | None]] | None = Field(None, description="By node, horizon, draw")


class KpiSummary(Model):
    """One KPI over the nodes asked for, by horizon.

    `mean` is the mean over nodes of what is expected of each; `quantiles` are means over nodes of each node's own
    quantile, which is no quantile of the mean. `change` is against the scene without interventions, by the same
    version of the model.
    """

    kpi: KpiName
    unit: str
    node: Literal["cell", "ue"]
    counted: list[int] = Field(description="Nodes that have a forecast")
    mean: list[float | None]
    change: list[float | None]
    quantiles: list[list[float] | None] | None = Field(description="By horizon, level; null: an event")


class Backing(Model):
    """What made a forecast, and what is known of how right it is."""

    model: str
    model_version: str
    answered_by: str = Field(description="`in_process`, or `ray_serve`", examples=["in_process"])
    because: str | None = Field(
        description="Why not the service first asked: `late: …`, `away: …`; null: it was"
    )
    as_of: Time | None = Field(description="The time of the twin's scene; null: the scene was given")
    known_at: Time | None = Field(description="Nothing recorded later was read; null: the scene was given")
    horizons_s: list[float]
    levels: list[float]
    fidelity: list[FidelityItem] | None = Field(
        description="The newest figures of this model in the referee's table; null: there are none"
    )
    fidelity_reason: str | None = Field(description="Why there are none")


class SceneAnswer(Backing):
    """Distributions of the KPIs of the cells and users of a scene."""

    kpis: list[KpiForecast]


class WhatIfAnswer(Model):
    """What one set of interventions is forecast to do."""

    name: str
    model_version: str
    answered_by: str
    summary: list[KpiSummary]
    kpis: list[KpiForecast] | None = Field(description="Null unless `full` was asked for")


class SceneBatchAnswer(Backing):
    """The scene without interventions, and each what-if, in the order of the ask."""

    base: list[KpiSummary]
    items: list[WhatIfAnswer]


class ServiceItem(Model):
    """The service behind scene forecasts."""

    ok: bool
    service: str = Field(examples=["in_process"])
    detail: dict[str, str | int | float]
    error: str
    counts: dict[str, int] = Field(
        description="Since the start: scenes by who answered, and asks that were late or that nobody took"
    )
