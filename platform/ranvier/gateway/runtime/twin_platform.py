"""`TwinPlatform`: the platform as the API, the command line and the page see it.

It answers from the stores and from what the workers last did. It starts nothing: `Workers` does, or nobody
when a command only looks at the stores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BufferedReader
from typing import TYPE_CHECKING, BinaryIO

from ranvier.diops import gate
from ranvier.dtops.issue import FORECAST_KIND, issue, issue_key
from ranvier.dtops.ports import Predictor
from ranvier.dtops.twin import Twin
from ranvier.dtops.twin_state import TwinState
from ranvier.fabric import replay as replaying
from ranvier.fabric.catalogue.fingerprint import Fingerprint
from ranvier.fabric.catalogue.view import CatalogueView
from ranvier.fabric.dead_letter import DeadLetter
from ranvier.fabric.ports import EventLog, GraphStore, Health, Ledger, SeriesStore
from ranvier.fabric.sources.adapters import ADAPTERS
from ranvier.fabric.sources.counter_state import CounterState
from ranvier.fabric.sources.mappings.mappings import Mappings
from ranvier.fabric.sources.source import Source, SourceContext
from ranvier.gateway.api import platform as api
from ranvier.gateway.clock import Clock
from ranvier.gateway.runtime.bookkeeping import Bookkeeping
from ranvier.gateway.runtime.counts import Counts
from ranvier.gateway.runtime.delivery import adapter_named, deliver
from ranvier.gateway.runtime.fidelity_book import FidelityBook
from ranvier.gateway.runtime.follower import CATCH_UP_STEPS, Follower
from ranvier.gateway.runtime.forecast_book import ForecastBook
from ranvier.gateway.runtime.patience import Troubles
from ranvier.gateway.runtime.scene_forecasts import SceneForecasts
from ranvier.gateway.runtime.sink_lag import SinkLag
from ranvier.gateway.runtime.stores import Stores
from ranvier.gateway.settings import Settings
from ranvier.gateway.twin_models import primary_of
from ranvier.ontology.errors import InputError, NotFound
from ranvier.ontology.ontology import Ontology

if TYPE_CHECKING:
    from ranvier.aiops.serving.service import Answer
    from ranvier.dtops.scenes.scene import Scene

HEAD_BYTES = 65_536
OWNERS_KEPT = 64
PAST_STEPS = 40 * CATCH_UP_STEPS
LAG_KEPT_S = 1.0


@dataclass(frozen=True, slots=True)
class FeedName:
    """What the feed is called, and whether it is the built-in emulated network."""

    name: str
    emulated: bool


@dataclass(frozen=True, slots=True)
class Operation:
    """How a platform is run: by which settings, clock and feed, and with whose mappings."""

    settings: Settings
    clock: Clock
    feed: FeedName
    mappings: Mappings


class TwinPlatform:
    """One network's twin over its stores."""

    def __init__(
        self, stores: Stores, books: Bookkeeping, operation: Operation, follower: Follower,
        fidelity_book: FidelityBook, predictors: Sequence[Predictor], scenes: SceneForecasts,
    ) -> None:  # fmt: skip
        self.stores, self.books, self._mappings = stores, books, operation.mappings
        self.settings, self.clock, self.feed = operation.settings, operation.clock, operation.feed
        self.follower, self.counts, self.troubles = follower, Counts(), Troubles()
        keep_s = LAG_KEPT_S if self.settings.profile == "servers" else 0.0
        self.sink_lag = SinkLag(stores.log, keep_s, self.settings.api.ping_timeout_s)
        self.whose = follower.whose
        self.catalogue = CatalogueView(stores.catalogue)
        self._predictors = {predictor.name: predictor for predictor in predictors}
        self._forecasts = ForecastBook(stores.ledger, stores.series)
        self._fidelity, self.scenes = fidelity_book, scenes
        self._counters: dict[api.Whose, CounterState] = {}

    # ------------------------------------------------------------ what the API reads directly
    @property
    def log(self) -> EventLog:
        """The event log."""
        return self.stores.log

    @property
    def graph(self) -> GraphStore:
        """The topology."""
        return self.stores.graph

    @property
    def series(self) -> SeriesStore:
        """The time series."""
        return self.stores.series

    @property
    def ledger(self) -> Ledger:
        """Forecasts, scores and decisions."""
        return self.stores.ledger

    @property
    def ontology(self) -> Ontology:
        """What exists."""
        return self.stores.ontology

    @property
    def past_ns(self) -> int:
        """How far back a twin that starts looks into its stores."""
        return PAST_STEPS * self.follower.pace.step_ns

    def now_ns(self) -> int:
        """The time, on the clock that the platform runs by."""
        return self.clock.now_ns()

    def figures(self) -> api.LiveFigures:
        """What the platform is doing now."""
        counts, follower = self.counts, self.follower
        events_per_s, points_per_s = counts.rates()
        state = follower.state
        return api.LiveFigures(
            uptime_s=counts.uptime_s(), feed=self.feed.name, feed_emulated=self.feed.emulated,
            twin_lag_p50_s=follower.lags.quantile(0.5), twin_lag_p99_s=follower.lags.quantile(0.99),
            events_per_s=events_per_s, points_per_s=points_per_s,
            events_accepted=counts.events.total, events_refused=counts.refused,
            points_accepted=counts.points.total, forecasts_issued=follower.issued,
            forecasts_scored=follower.scored, watermark_ns=None if state is None else state.as_of_ns,
            as_of_ns=None if state is None else state.as_of_ns, sink_lag=self.sink_lag.shown(),
            waiting=self.troubles.now(), scene_forecasts=self.scenes.counts(),
        )  # fmt: skip

    # ------------------------------------------------------------ telemetry in
    def context(self, source: str, whose: api.Whose) -> SourceContext:
        """What an adapter reads a delivery against."""
        return SourceContext(
            source, self.ontology, whose.tenant, whose.network, self._mappings, self._counters_of(whose),
            now_ns=self.now_ns(), max_skew_s=self.settings.ingest.max_skew_s,
        )  # fmt: skip

    def _counters_of(self, whose: api.Whose) -> CounterState:
        """The last readings of ever-rising counters, from one delivery to the next; the oldest owners give way."""
        found = self._counters.pop(whose, None) or CounterState()
        self._counters[whose] = found
        if len(self._counters) > OWNERS_KEPT:
            self._counters.pop(next(iter(self._counters)), None)
        return found

    def ingest_raw(
        self, adapter: str | None, raw: BinaryIO, source: str, whose: api.Whose
    ) -> api.PublishResult:
        """Put one delivery through its adapter and append what comes out to the log."""
        context, now_ns = self.context(source, whose), self.now_ns()
        came = Fingerprint(source, raw)
        stream = BufferedReader(came, HEAD_BYTES)
        found = adapter_named(adapter) if adapter is not None else self._detected(stream, context)
        records = self.books.watch(found.read(stream, context), came, found.name, now_ns)
        return self._counted(deliver(self.log, records, source, whose, now_ns))

    def _counted(self, done: api.PublishResult) -> api.PublishResult:
        self.counts.refused += done.refused
        return done

    def _detected(self, stream: BufferedReader[Fingerprint], context: SourceContext) -> Source:
        head = stream.peek(HEAD_BYTES)[:HEAD_BYTES]
        for adapter in ADAPTERS.values():
            if adapter.detect(head, context):
                return adapter
        raise InputError(
            f"a file that one of {', '.join(ADAPTERS)} can read", f"{context.source}, which none knows",
            "convert it, or declare a mapping (docs/sources.md)",
        )  # fmt: skip

    def replay(self, letter: DeadLetter) -> api.PublishResult:
        """Put a dead letter through its adapter again."""
        whose = api.Whose(letter.tenant, letter.network)
        records = replaying.replay(letter, ADAPTERS, self.context(letter.source, whose))
        return self._counted(deliver(self.log, records, letter.source, whose, self.now_ns()))

    # ------------------------------------------------------------ forecasts and fidelity
    def fidelity(self, query: api.FidelityQuery) -> Sequence[api.FidelityFigure]:
        """One figure for each quantity, horizon, model (and object) over the window asked for."""
        return self._fidelity.figures(query, self.now_ns())

    def fidelity_history(self, query: api.FidelityQuery, step_ns: int) -> Sequence[api.FidelityFigure]:
        """As `fidelity`, for each window of `step_ns`, oldest first."""
        return self._fidelity.history(query, step_ns, self.now_ns())

    def forecasts(self, query: api.ForecastQuery) -> Sequence[api.IssuedForecast]:
        """Sealed forecasts in the query's order."""
        return self._forecasts.forecasts(query, self.now_ns())

    def outcomes(self, query: api.ForecastQuery) -> Sequence[api.Outcome]:
        """Sealed forecasts in the query's order, each beside its outcome."""
        return self._forecasts.outcomes(query, self.now_ns())

    def issue(self, request: api.ForecastRequest) -> Sequence[api.IssuedForecast]:
        """Forecast now and seal it. Raises NotFound for an unknown target or model."""
        predictor = self._predictor(request.model or primary_of(self.settings.twin))
        state = self._state(request)
        narrowed = state.narrowed(request.targets)
        made_ns = max(self.now_ns(), narrowed.known_at_ns)
        issued_ns = made_ns if request.as_of_ns is None else request.as_of_ns
        twin = Twin(*request.whose, f"request-{made_ns}")
        forecasts = issue([predictor], narrowed, request.horizons_s, self.ledger, issued_ns, twin, made_ns)
        forecast = forecasts[0]
        seal = self.ledger.seal(FORECAST_KIND, issue_key(twin, state.step_ns, issued_ns))
        place = {target: row for row, target in enumerate(forecast.targets)}
        levels = None if forecast.levels is None else forecast.levels.tolist()
        return [
            api.IssuedForecast(
                target, horizon_s, forecast.model, forecast.model_version, issued_ns, forecast.known_at_ns,
                forecast.values[place[target], column].tolist(), levels, forecast.tail,
                None if seal is None else seal.digest,
            )
            for target in request.targets
            for column, horizon_s in enumerate(forecast.horizons_s)
        ]  # fmt: skip

    def _predictor(self, name: str) -> Predictor:
        try:
            return self._predictors[name]
        except KeyError:
            known = ", ".join(self._predictors)
            raise NotFound(f"a model among {known}", repr(name), "name one of them") from None

    def _state(self, request: api.ForecastRequest) -> TwinState:
        """The live twin, or the twin as of the time asked for, as it was known then."""
        state = self.follower.state
        if request.as_of_ns is None and state is not None and request.whose == self.whose:
            found: TwinState | None = state
        else:
            past = self.follower.apart(request.whose)
            as_of_ns = self._newest_ns() if request.as_of_ns is None else request.as_of_ns
            past.catch_up(as_of_ns - self.past_ns, as_of_ns)
            found = past.state
        missing = set(request.targets) - set(found.handed_out().targets if found is not None else ())
        if found is None or missing:
            named = ", ".join(sorted(f"{t.object_id} {t.quantity}" for t in missing)) or "no measurements"
            raise NotFound(
                "targets that the twin follows and has heard of lately", f"none for {named}",
                "see /v1/series for what is measured, and the setting twin.kpis for what is followed",
            )  # fmt: skip
        return found

    def _newest_ns(self) -> int:
        """When the twin last forecast; now where it never did."""
        newest = self._forecasts.forecasts(api.ForecastQuery(self.whose, limit=1), self.now_ns())
        return newest[0].issued_at_ns if newest else self.now_ns()

    def reliance(self, figure: api.FidelityFigure | None) -> gate.Verdict:
        """The gate's verdict on a forecast that this fidelity backs; None: no fidelity is known."""
        nan = float("nan")
        estimate = figure.fidelity if figure is not None else api.Estimate(None)
        known = [nan if x is None else x for x in (estimate.value, estimate.low, estimate.high)]
        return gate.reliance(known[0], known[1], known[2], self.settings.fidelity.rely_above)

    # ------------------------------------------------------------ scenes
    def live_scene(self, whose: api.Whose, as_of_ns: int | None) -> api.LiveScene:
        """The live twin as a scene, now (None) or as it was known then. Raises NotFound, or Unavailable."""
        return self.scenes.live_scene(whose, as_of_ns)

    def forecast_scenes(self, scenes: Sequence[Scene], horizons_s: Sequence[float]) -> Answer:
        """A forecast of each, by one version of the surrogate. Raises Unavailable where there is none."""
        return self.scenes.forecast(scenes, horizons_s)

    def forecast_service(self) -> tuple[Health, Mapping[str, int]]:
        """How the service of these forecasts does, and its counts. Raises Unavailable where there is none."""
        return self.scenes.health()

    def close(self) -> None:
        """End what the platform itself has started: the service of scenes. The stores are their opener's."""
        self.scenes.close()
