"""The shapes of the API's answers, from which the OpenAPI document is made.

Times are RFC 3339 text in UTC. A list comes as `items` with `next`, the cursor of the next page, null at
the end. Numbers are finite; what is undefined is null and says why.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ranvier.diops.gate import Reliance

Time = Annotated[str, Field(json_schema_extra={"format": "date-time"}, examples=["2026-01-31T12:00:00Z"])]
Cursor = Annotated[str | None, Field(description="Pass it as `cursor` to get the next page; null at the end")]


class Model(BaseModel):
    """What all answers share: nothing beyond what is declared."""

    model_config = ConfigDict(extra="forbid")


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = Field(examples=["urn:ranvier:problem:not-found"])
    title: str
    status: int
    detail: str
    instance: str
    expected: str | None = None
    got: str | None = None
    remedy: str | None = None
    errors: list[dict[str, Any]] | None = Field(default=None, description="One for each bad parameter")


# ---------------------------------------------------------------- health
class StoreHealth(Model):
    """One store's answer to a ping. A null is not known, or does not apply."""

    name: str
    ok: bool
    ping_ms: float | None = Field(default=None, description="How long the answer took, milliseconds")
    version: str | None = Field(default=None, description="Version of the engine or the server")
    disk_bytes: int | None = Field(default=None, description="What it takes on disk, bytes")
    lag_records: int | None = Field(default=None, description="Records of the log that it has yet to take")
    lag_s: float | None = Field(default=None, description="Age of the oldest of them, seconds")
    detail: dict[str, str | int | float] = {}
    error: str = ""


class Healthz(Model):
    """Whether every store answers."""

    ok: bool
    version: str
    stores: list[StoreHealth]


class Readyz(Model):
    """Whether the platform can be relied on now, and if not, why."""

    ready: bool
    reasons: list[str]


# ---------------------------------------------------------------- topology
class NodeItem(Model):
    """A managed object, valid in [valid_from, valid_to); null means still."""

    id: str = Field(examples=["ManagedElement=1,GNBDUFunction=1,NRCellDU=3"])
    node_class: str = Field(examples=["NRCellDU"])
    properties: dict[str, Any]
    valid_from: Time
    valid_to: Time | None
    recorded_at: Time


class RelationItem(Model):
    """A relation from `source` to `target`, valid in [valid_from, valid_to); null means still."""

    relation: str = Field(examples=["serves"])
    source: str
    target: str
    properties: dict[str, Any]
    valid_from: Time
    valid_to: Time | None
    recorded_at: Time


class NodePage(Model):
    """Nodes by rising id."""

    as_of: Time
    known_at: Time | None
    items: list[NodeItem]
    next: Cursor = None


class SnapshotPage(Model):
    """Nodes by rising id, and the relations whose source is among them: each relation on one page only."""

    as_of: Time
    known_at: Time | None
    nodes: list[NodeItem]
    relations: list[RelationItem]
    next: Cursor = None


class Neighbourhood(Model):
    """A node, what it is related to within `hops`, and the relations between them."""

    as_of: Time
    known_at: Time | None
    node: NodeItem
    neighbours: list[NodeItem]
    relations: list[RelationItem]
    truncated: bool = Field(description="There are more neighbours than `limit`")


class HistoryPage(Model):
    """All that was ever valid of a node and of its relations, by rising valid time."""

    items: list[NodeItem | RelationItem]
    next: Cursor = None


# ---------------------------------------------------------------- series
class SeriesItem(Model):
    """A quantity of a managed object that has Measurements. `unit` is null if the ontology has it no more."""

    object_id: str
    quantity: str = Field(examples=["DRB.UEThpDl"])
    label: str | None
    unit: str | None


class SeriesPage(Model):
    """The series that have points."""

    items: list[SeriesItem]
    next: Cursor = None


class Point(Model):
    """One value over [start, end)."""

    start: Time
    end: Time
    value: float
    recorded_at: Time
    suspect: bool


class PointsPage(Model):
    """Points by rising end of period."""

    object_id: str
    quantity: str
    unit: str | None
    collection: str | None
    items: list[Point]
    next: Cursor = None


# ---------------------------------------------------------------- fidelity
class EstimateItem(Model):
    """A value with the ends of its 90 % interval; where either is null, `undefined` says why."""

    value: float | None
    low: float | None
    high: float | None
    undefined: str | None = None


class FidelityItem(Model):
    """How right one model was for one quantity and horizon over [window_from, window_to)."""

    quantity: str
    unit: str | None
    horizon_s: float
    model: str
    object_id: str | None = Field(description="null: over all managed objects")
    window_from: Time
    window_to: Time | None
    n: int
    fidelity: EstimateItem
    coverage80: EstimateItem
    bias: EstimateItem
    precision: EstimateItem
    crps: float | None
    reference: str
    floor: str = Field(description="What the floor S_0 is; empty: 0")


class FidelityList(Model):
    """Fidelity by quantity, horizon and model (and object)."""

    items: list[FidelityItem]
    next: Cursor = None


# ---------------------------------------------------------------- forecasts
class Quantile(Model):
    """With probability `level` the value is at or below `value`."""

    level: float
    value: float


class ForecastItem(Model):
    """One distribution: one quantity of one object, `horizon_s` after it was issued.

    `fidelity` is the newest figure for this quantity, horizon and model; null: none is known yet.
    """

    object_id: str
    quantity: str
    unit: str | None
    model: str
    model_version: str
    issued_at: Time
    known_at: Time
    horizon_s: float
    valid_at: Time
    quantiles: list[Quantile] = Field(description="Empty: the model gives no forecast here")
    seal: str | None = Field(description="Digest of the ledger's seal, in hex")
    fidelity: FidelityItem | None


class ForecastPage(Model):
    """Forecasts, newest first."""

    items: list[ForecastItem]
    next: Cursor = None


class RelianceItem(Model):
    """How far a decision may rely on a forecast with this fidelity, and why."""

    verdict: Reliance
    reason: str


class FreshForecast(ForecastItem):
    """A forecast issued for this request."""

    reliance: RelianceItem


class FreshForecasts(Model):
    """One for each target and horizon asked for."""

    items: list[FreshForecast]


class TargetItem(Model):
    """What to forecast."""

    object_id: str = Field(min_length=1, max_length=1024)
    quantity: str = Field(min_length=1, max_length=256, examples=["DRB.UEThpDl"])


class OutcomeItem(Model):
    """A forecast beside what then happened; a null `outcome` has not arrived."""

    issued_at: Time
    valid_at: Time
    horizon_s: float
    model: str
    model_version: str
    quantiles: list[Quantile]
    outcome: float | None
    outcome_end: Time | None


class OutcomePage(Model):
    """Forecasts beside their outcomes for one series, newest first."""

    object_id: str
    quantity: str
    unit: str | None
    items: list[OutcomeItem]
    next: Cursor = None


# ---------------------------------------------------------------- ingest
class RefusalItem(Model):
    """One record that became a dead letter."""

    position: str = Field(examples=["line 17"])
    reason: str


class IngestReceipt(Model):
    """What became of a delivery: durable in the log, or a dead letter. `refusals` lists the first hundred."""

    accepted: int
    refused: int
    refusals: list[RefusalItem]


class DeadLetterItem(Model):
    """A record that could not be used. `raw` is text; bytes that are no UTF-8 come as base64 (`encoding`)."""

    id: str = Field(examples=["0-17"])
    recorded_at: Time
    reason: str
    source: str
    position: str
    adapter: str
    size_bytes: int


class DeadLetterDetail(DeadLetterItem):
    """With the bytes as they came, up to a bound."""

    context: str
    encoding: Literal["utf-8", "base64"]
    raw: str
    truncated: bool


class DeadLetterPage(Model):
    """Dead letters, newest first."""

    items: list[DeadLetterItem]
    next: Cursor = None


# ---------------------------------------------------------------- live
class FiguresItem(Model):
    """What the platform is doing now. A null has no value yet."""

    uptime_s: float
    feed: str
    feed_emulated: bool = Field(description="The feed is the built-in emulated network, not a real one")
    twin_lag_p50_s: float | None
    twin_lag_p99_s: float | None
    events_per_s: float
    points_per_s: float
    events_accepted: int
    events_refused: int
    points_accepted: int
    forecasts_issued: int
    forecasts_scored: int
    watermark: Time | None
    as_of: Time | None
    sink_lag: dict[str, int] = Field(
        description="Sink to records yet to take; empty: the log does not answer"
    )
    waiting: dict[str, str] = Field(
        default={}, description="Worker to the failing store that it keeps trying; empty when all goes on"
    )


class AlarmItem(Model):
    """An alarm that came in."""

    alarm_id: str
    object_id: str
    at: Time
    severity: str
    type: str
    probable_cause: str
    specific_problem: str
    text: str


class AlarmPage(Model):
    """Alarm records, newest first."""

    items: list[AlarmItem]
    next: Cursor = None


class StatusItem(Model):
    """The figures, whether the platform is ready, and how each store does."""

    at: Time
    version: str
    figures: FiguresItem
    ready: Readyz
    stores: list[StoreHealth]


class LiveSnapshot(Model):
    """One message of `/v1/live`. `alarms` and `dead_letters` are those that came since the message before."""

    at: Time
    figures: FiguresItem
    fidelity: list[FidelityItem]
    alarms: list[AlarmItem]
    dead_letters: list[DeadLetterItem]


# ---------------------------------------------------------------- ontology
class QuantityItem(Model):
    """A measured quantity."""

    name: str
    label: str
    unit: str
    object_classes: list[str]
    collection: str
    source: str
    minimum: float | None
    maximum: float | None
    tolerance: float | None
    integer: bool


class ClassItem(Model):
    """A class of nodes."""

    name: str
    label: str
    parent: str | None
    domain: str
    source: str
    attributes: dict[str, str]


class RelationTypeItem(Model):
    """A relation and the classes it may join."""

    name: str
    label: str
    sources: list[str]
    targets: list[str]
    functional: str | None
    source: str


class OntologyItem(Model):
    """What exists."""

    version: str
    quantities: list[QuantityItem]
    classes: list[ClassItem]
    relations: list[RelationTypeItem]


class QuantityPage(Model):
    """Quantities by name."""

    items: list[QuantityItem]
    next: Cursor = None


class SchemaPage(Model):
    """The types of event, and where the JSON Schema of each is."""

    items: list[str] = Field(examples=[["ranvier.alarm.v1"]])
    next: Cursor = None


class CataloguePage(Model):
    """Datasets by id, as the catalogue describes them."""

    items: list[dict[str, Any]]
    next: Cursor = None
