"""`Platform`: all that the HTTP API needs of a running platform, and the values that pass between them.

The API reads the stores through their ports, and asks the platform for what lives in no store: the live
figures, fidelity, fresh forecasts, the gate's verdict. `gateway.runtime` implements it; tests hand a double.
Times are nanoseconds since the Unix epoch, UTC. Every method may block and is called from a thread pool.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Protocol

from ranvier.diops.gate import Verdict
from ranvier.dtops.forecast import Tail, Target
from ranvier.fabric.dead_letter import DeadLetter
from ranvier.fabric.ports import FOREVER_NS, EventLog, GraphStore, Health, Ledger, SeriesStore
from ranvier.ontology.ontology import Ontology

if TYPE_CHECKING:  # scenes need torch, and the API does not
    from ranvier.aiops.serving.service import Answer
    from ranvier.dtops.scenes.scene import Scene


class Whose(NamedTuple):
    """The tenant and the network that a request is about."""

    tenant: str = "default"
    network: str = "default"


DEFAULT_WHOSE = Whose()


# ---------------------------------------------------------------- live figures
@dataclass(frozen=True, slots=True)
class LiveFigures:
    """What the platform is doing now. Totals count since the start of the process.

    uptime_s          since the start of the process, in real time, whatever clock a replay runs by
    twin_lag_*_s      from the end of a granularity period to a twin state that holds it, on the platform's
                      clock (in a replay: the recording's); None: none yet
    events_per_s, points_per_s   over the last ten seconds of real time
    watermark_ns      all Measurements up to here are taken to have arrived; None: none yet
    as_of_ns          the time of the newest twin state; None: there is none yet
    sink_lag          sink to records of the log that it has yet to take; empty: the log does not answer
    feed_emulated     whether the feed is the built-in emulated network
    waiting           worker to the failing store that it keeps trying; empty when all goes on
    scene_forecasts   scenes forecast, by who answered, and asks "late" and "away"; empty: none was asked for
    """

    uptime_s: float
    feed: str
    feed_emulated: bool
    twin_lag_p50_s: float | None
    twin_lag_p99_s: float | None
    events_per_s: float
    points_per_s: float
    events_accepted: int
    events_refused: int
    points_accepted: int
    forecasts_issued: int
    forecasts_scored: int
    watermark_ns: int | None
    as_of_ns: int | None
    sink_lag: Mapping[str, int] = field(default_factory=dict)
    waiting: Mapping[str, str] = field(default_factory=dict)
    scene_forecasts: Mapping[str, int] = field(default_factory=dict)


# ---------------------------------------------------------------- fidelity
@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and its interval; None where one is undefined, and `undefined` says why."""

    value: float | None
    low: float | None = None
    high: float | None = None
    undefined: str = ""


@dataclass(frozen=True, slots=True)
class FidelityFigure:
    """Fidelity of one model for one quantity and horizon over the window [from_ns, to_ns).

    object_id   None: over all managed objects
    n           scored pairs of forecast and outcome
    fidelity    1 − (ΣS_f − ΣS_0) / (ΣS_ref − ΣS_0), unitless
    coverage80  share of outcomes inside the 80 % band; 0.8 is perfect
    bias        mean of median forecast − outcome, in the quantity's unit
    precision   share of medians within the quantity's tolerance ("twinning precision")
    crps        mean score, in the quantity's unit
    floor       what S_0 is, when it is not 0
    """

    quantity: str
    horizon_s: float
    model: str
    object_id: str | None
    from_ns: int
    to_ns: int
    n: int
    fidelity: Estimate
    coverage80: Estimate
    bias: Estimate
    precision: Estimate
    crps: float | None = None
    reference: str = "climatology"
    floor: str = ""


@dataclass(frozen=True, slots=True)
class FidelityQuery:
    """Which fidelity; None means each. `per_object` asks for one figure for each managed object.

    window_ns   of a history alone: how far back each figure looks; at least, and by default, one step
    """

    whose: Whose = DEFAULT_WHOSE
    quantity: str | None = None
    horizon_s: float | None = None
    model: str | None = None
    object_id: str | None = None
    per_object: bool = False
    from_ns: int = 0
    to_ns: int = FOREVER_NS
    window_ns: int = 0


# ---------------------------------------------------------------- forecasts
@dataclass(frozen=True, slots=True)
class IssuedForecast:
    """One distribution: one target at one horizon. `values` are quantiles at `levels`, or samples if None."""

    target: Target
    horizon_s: float
    model: str
    model_version: str
    issued_at_ns: int
    known_at_ns: int
    values: Sequence[float]
    levels: Sequence[float] | None
    tail: Tail = "clamped"
    seal: str | None = None
    """The digest of the ledger's seal; None where the forecast was not sealed."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A forecast beside what then happened; None: the outcome has not arrived (or never will)."""

    forecast: IssuedForecast
    end_ns: int | None
    value: float | None


class ForecastPosition(NamedTuple):
    """Where a page of forecasts ended, in the order of `ForecastQuery`."""

    issued_at_ns: int
    object_id: str
    quantity: str
    model: str
    horizon_s: float


@dataclass(frozen=True, slots=True)
class ForecastQuery:
    """Which forecasts, issued in [from_ns, to_ns). None means each.

    In the order of falling `issued_at_ns`, then rising object, quantity, model and horizon; the first
    `limit` that come after the position `after` in that order.
    """

    whose: Whose = DEFAULT_WHOSE
    object_id: str | None = None
    quantity: str | None = None
    model: str | None = None
    horizon_s: float | None = None
    from_ns: int = 0
    to_ns: int = FOREVER_NS
    after: ForecastPosition | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True)
class ForecastRequest:
    """A fresh forecast of `targets` at `horizons_s` from the twin at `as_of_ns`; None: the live twin, now.

    `model` None: the one that the platform relies on.
    """

    whose: Whose
    targets: tuple[Target, ...]
    horizons_s: tuple[float, ...]
    model: str | None = None
    as_of_ns: int | None = None


@dataclass(frozen=True, slots=True)
class LiveScene:
    """A scene, and of which time it is; None: a client gave it, and knows."""

    scene: Scene
    as_of_ns: int | None
    known_at_ns: int | None


# ---------------------------------------------------------------- ingest
@dataclass(frozen=True, slots=True)
class Refusal:
    """One record that became a dead letter: where in the source, and why."""

    position: str
    reason: str


@dataclass(frozen=True, slots=True)
class PublishResult:
    """What became of the records of one delivery. `refusals` holds the first hundred only."""

    accepted: int
    refused: int
    refusals: tuple[Refusal, ...] = ()


# ---------------------------------------------------------------- catalogue
class Catalogue(Protocol):
    """The catalogue of datasets, in JSON forms ready to send."""

    def page(self, tenant: str, after: str | None, limit: int) -> Sequence[Mapping[str, object]]:
        """Datasets by rising `id`, those after `after`."""
        ...

    def dataset(self, tenant: str, dataset_id: str) -> Mapping[str, object]:
        """One dataset. Raises NotFound."""
        ...

    def dcat(self, tenant: str, dataset_id: str | None) -> Mapping[str, object]:
        """One dataset, or the whole catalogue, as DCAT 3 in JSON-LD. Raises NotFound."""
        ...

    def lineage(self, tenant: str, dataset_id: str) -> Mapping[str, object]:
        """Where a dataset came from: OpenLineage events under `events`. Raises NotFound."""
        ...


class Platform(Protocol):
    """A running platform, as the API sees it."""

    @property
    def whose(self) -> Whose:
        """The tenant and network that a request means when it names none."""
        ...

    @property
    def log(self) -> EventLog:
        """The event log."""
        ...

    @property
    def graph(self) -> GraphStore:
        """The topology."""
        ...

    @property
    def series(self) -> SeriesStore:
        """The time series."""
        ...

    @property
    def ledger(self) -> Ledger:
        """Forecasts, scores and decisions."""
        ...

    @property
    def ontology(self) -> Ontology:
        """What exists."""
        ...

    @property
    def catalogue(self) -> Catalogue | None:
        """The catalogue; None where this platform keeps none."""
        ...

    def now_ns(self) -> int:
        """The time, on the clock that the platform runs by."""
        ...

    def figures(self) -> LiveFigures:
        """What the platform is doing now. Cheap: asked every second by every viewer. Never raises StoreError."""
        ...

    def ingest_raw(self, adapter: str | None, raw: BinaryIO, source: str, whose: Whose) -> PublishResult:
        """Put one delivery through the source adapter of that name and append what comes out to the log.

        `adapter` None: the one that knows the content (the file's name is `source`). Raises InputError where
        none does; bad records never raise.

        Every record is stamped with `whose`, whatever it says itself. Reads `raw` as a stream. Durable when
        this returns. Adapters: "cloudevents" (one event, an array, or one a line), "ves", "pm".
        """
        ...

    def replay(self, letter: DeadLetter) -> PublishResult:
        """Put a dead letter through its adapter again. Raises InputError where no adapter applies."""
        ...

    def fidelity(self, query: FidelityQuery) -> Sequence[FidelityFigure]:
        """One figure for each quantity, horizon, model (and object) over the whole window asked for."""
        ...

    def fidelity_history(self, query: FidelityQuery, step_ns: int) -> Sequence[FidelityFigure]:
        """As `fidelity`, at each step of [from_ns, to_ns) over the window that ends with it, oldest first."""
        ...

    def forecasts(self, query: ForecastQuery) -> Sequence[IssuedForecast]:
        """Sealed forecasts in the query's order."""
        ...

    def outcomes(self, query: ForecastQuery) -> Sequence[Outcome]:
        """Sealed forecasts in the query's order, each beside its outcome."""
        ...

    def issue(self, request: ForecastRequest) -> Sequence[IssuedForecast]:
        """Forecast now and seal it. Raises NotFound for an unknown target or model."""
        ...

    def reliance(self, figure: FidelityFigure | None) -> Verdict:
        """The gate's verdict on a forecast that this fidelity backs; None: no fidelity is known."""
        ...

    def live_scene(self, whose: Whose, as_of_ns: int | None) -> LiveScene:
        """The live twin as a scene, now (None) or as it was known then. Raises NotFound, or Unavailable."""
        ...

    def forecast_scenes(self, scenes: Sequence[Scene], horizons_s: Sequence[float]) -> Answer:
        """A forecast of each, by one version of the surrogate. Raises Unavailable where there is none."""
        ...

    def forecast_service(self) -> tuple[Health, Mapping[str, int]]:
        """How the service of these forecasts does, and its counts. Raises Unavailable where there is none."""
        ...
