"""The one wiring page: which adapter stands behind each port, and who is handed what.

Tests differ from production only in what they pass in here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryFile

from ranvier.aiops.baselines.climatology import Climatology
from ranvier.aiops.baselines.persistence import Persistence
from ranvier.aiops.baselines.statistical import Statistical
from ranvier.dtops.block_sums import Axes
from ranvier.dtops.ports import Predictor
from ranvier.dtops.scorekeeper import Scorekeeper, ScoringPlan
from ranvier.dtops.synchroniser import LoadBinSynchroniser
from ranvier.fabric.catalogue.sqlite import SqliteCatalogue
from ranvier.fabric.graph.sqlite import SqliteGraph
from ranvier.fabric.ledger.parquet import ParquetLedger
from ranvier.fabric.log.sqlite import SqliteLog
from ranvier.fabric.migration.progress import refuse_under_way
from ranvier.fabric.series.duckdb import DuckdbSeries
from ranvier.fabric.sources.mappings.mappings import Mappings, load_mapping
from ranvier.gateway.api.platform import ForecastQuery, Whose
from ranvier.gateway.clock import Clock, StoppedClock, SystemClock
from ranvier.gateway.runtime.bookkeeping import Bookkeeping
from ranvier.gateway.runtime.fidelity_book import FidelityBook
from ranvier.gateway.runtime.follower import Follower, Pace, TwinStores
from ranvier.gateway.runtime.forecast_book import ForecastBook
from ranvier.gateway.runtime.live_scenes import LiveScenes
from ranvier.gateway.runtime.scene_forecasts import SceneForecasts
from ranvier.gateway.runtime.stores import Ports, Stores
from ranvier.gateway.runtime.twin_platform import FeedName, Operation, TwinPlatform
from ranvier.gateway.scene_serving import forecast_service
from ranvier.gateway.settings import Settings, TwinSettings
from ranvier.gateway.twin_models import with_model
from ranvier.ontology.errors import InputError, StoreError
from ranvier.ontology.ontology import Ontology, load

SECOND_NS = 10**9
DEFAULT_STEP_S = 10.0
SHORTEST_ISSUE_S = 5.0
IDENTITY = "platform.json"
HORIZON_STEPS = (1, 3, 6, 30)
FORGET_NS, FEWEST_KEPT_STEPS = 7 * 86_400 * SECOND_NS, 1_000
"""A target not heard of for a week, or for so many steps if they take longer, is forgotten."""


def predictors(ontology: Ontology) -> tuple[Predictor, ...]:
    """The models that every twin runs: the baselines."""
    return (Climatology(), Persistence(), Statistical(ontology.quantities))


@contextmanager
def open_stores(settings: Settings, wait_s: float = 0.0) -> Iterator[Stores]:
    """The stores of the profile, closed at the end. Raises StoreBusy where another process has the folder.

    With the profile `servers`, ledger and catalogue stay in the folder, so each platform needs one of its own;
    servers that do not answer are tried again for `wait_s`.
    """
    folder, ontology = settings.store.folder, load()
    with ExitStack() as opened:
        with _usable(folder), TemporaryFile(dir=folder):
            pass
        ledger = ParquetLedger(folder / "ledger")  # first: who has it has the folder
        opened.callback(ledger.close)
        refuse_under_way(folder)
        catalogue = SqliteCatalogue(folder / "catalogue.sqlite")
        opened.callback(catalogue.close)
        ports = opened.enter_context(open_ports(settings, ontology, wait_s))
        yield Stores(ports.log, ports.graph, ports.series, ledger, catalogue, ontology)


@contextmanager
def open_ports(settings: Settings, ontology: Ontology, wait_s: float = 0.0) -> Iterator[Ports]:
    """Log, graph and series of the profile alone, closed at the end."""
    if settings.profile == "servers":
        from ranvier.gateway.server_stores import open_servers

        with open_servers(settings.servers, ontology, wait_s) as servers:
            yield servers
        return
    folder = settings.store.folder
    with ExitStack() as opened:
        series = DuckdbSeries(folder / "series.duckdb", ontology, settings.store.series_memory_mb)
        opened.callback(series.close)
        log = SqliteLog(folder / "log.sqlite", settings.store.log_partitions)
        opened.callback(log.close)
        graph = SqliteGraph(folder / "graph.sqlite", ontology)
        opened.callback(graph.close)
        yield Ports(log, graph, series)


@contextmanager
def _usable(folder: Path) -> Iterator[Path]:
    """The folder of the stores, made when missing. Raises StoreError where no files can be kept in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
    except OSError as error:
        reason = "a file of that name" if isinstance(error, FileExistsError) else error.strerror or str(error)
        raise StoreError(
            f"a folder for the stores at {folder}", reason,
            "name one that you may write to with --folder or the setting store.folder",
        ) from None  # fmt: skip


def mappings_of(settings: Settings) -> Mappings:
    """The user's mappings before the shipped ones. Raises InputError that names the file and the field."""
    found = []
    for path in settings.ingest.mappings:
        try:
            found.append(load_mapping(path.read_text(), path.name))
        except (OSError, UnicodeDecodeError) as error:
            raise InputError("a mapping in TOML", f"{path}: {error}", "check ingest.mappings") from None
    mappings = Mappings().preferring(found)
    mappings.check(load())
    return mappings


def pace_of(settings: TwinSettings, feed_step_s: float = DEFAULT_STEP_S) -> Pace:
    """When the twin moves: what the settings say, else what suits the feed."""
    step_s = settings.step_s or feed_step_s
    issue_s = settings.issue_every_s or max(step_s, SHORTEST_ISSUE_S)
    horizons_s = settings.horizons_s or tuple(steps * step_s for steps in HORIZON_STEPS)
    step_ns = round(step_s * SECOND_NS)
    whole_steps = max(1, round(issue_s / step_s))
    return Pace(step_ns, whole_steps * step_ns, round(settings.grace_s * SECOND_NS), horizons_s)


def remembered(settings: Settings, feed_step_s: float | None) -> tuple[Settings, float]:
    """The network and the grid: as given, else as the stores were last used with; remembered for the next."""
    with _usable(settings.store.folder) as folder:
        network, step_s = known_identity(settings)
        step_s = feed_step_s or step_s
        (folder / IDENTITY).write_text(json.dumps({"network": network, "step_s": step_s}))
    return settings.model_copy(update={"network": network}), step_s


def known_identity(settings: Settings) -> tuple[str, float]:
    """The network and the grid: as set, else as remembered, else by default. Writes nothing."""
    file = settings.store.folder / IDENTITY
    known = json.loads(file.read_text()) if file.exists() else {}
    return settings.network or known.get("network", "default"), known.get("step_s", DEFAULT_STEP_S)


def scoring_plan(
    settings: Settings, pace: Pace, whose: Whose, models: Sequence[Predictor], ontology: Ontology
) -> ScoringPlan:
    """How live forecasts are scored; a block is a whole number of steps."""
    steps = max(1, round(settings.fidelity.block_s * SECOND_NS / pace.step_ns))
    axes = Axes(
        tuple(model.name for model in models), settings.twin.kpis, pace.horizons_s, steps * pace.step_ns
    )
    tolerances = {
        name: found.tolerance
        for name in settings.twin.kpis
        if (found := ontology.quantities.get(name)) is not None and found.tolerance is not None
    }
    return ScoringPlan(whose, pace.step_ns, axes, tolerances)


@contextmanager
def open_platform(
    settings: Settings, clock: Clock | None = None, feed: FeedName | None = None,
    feed_step_s: float | None = None, look_back: bool = False,
) -> Iterator[TwinPlatform]:  # fmt: skip
    """A platform over the stores of its profile; nothing runs until `Workers` are started on it.

    `look_back`: its time is that of the twin's newest forecast where that lies out of fidelity's window.
    """
    settings, step_s = remembered(settings, feed_step_s)
    with open_stores(settings) as stores, open_books(stores, settings, clock) as books:
        if look_back:
            clock = _looking_back(stores, settings, clock or SystemClock())
        with closing(platform_over(stores, books, settings, clock, feed, step_s)) as platform:
            yield platform


def _looking_back(stores: Stores, settings: Settings, clock: Clock) -> Clock:
    """A replay ends long ago by its own clock, and a platform may have been down since: not now, but then."""
    query = ForecastQuery(Whose(settings.tenant, settings.network), limit=1)
    newest = ForecastBook(stores.ledger, stores.series).forecasts(query, clock.now_ns())
    long_ago_ns = clock.now_ns() - round(settings.fidelity.window_s * SECOND_NS)
    return StoppedClock(newest[0].issued_at_ns) if newest and newest[0].issued_at_ns < long_ago_ns else clock


@contextmanager
def open_books(stores: Stores, settings: Settings, clock: Clock | None = None) -> Iterator[Bookkeeping]:
    """The catalogue's bookkeeping; what it has begun is ended with the context."""
    clock = clock or SystemClock()
    whose = Whose(settings.tenant, settings.network)
    books = Bookkeeping(stores.catalogue, whose, clock.now_ns(), lineage=settings.store.folder / "lineage")
    try:
        yield books
    except BaseException as error:
        books.end(clock.now_ns(), str(error) or type(error).__name__)
        raise
    books.end(clock.now_ns())


def platform_over(
    stores: Stores, books: Bookkeeping, settings: Settings, clock: Clock | None = None,
    feed: FeedName | None = None, step_s: float = DEFAULT_STEP_S,
) -> TwinPlatform:  # fmt: skip
    """The twin over its stores: synchroniser, models, scorekeeper and what reads them."""
    clock, feed = clock or SystemClock(), feed or FeedName("none", emulated=False)
    pace, whose = pace_of(settings.twin, step_s), Whose(settings.tenant, settings.network)
    bins = LoadBinSynchroniser(
        pace.step_ns, quantities=settings.twin.kpis, max_targets=settings.twin.max_targets,
        forget_steps=max(FEWEST_KEPT_STEPS, FORGET_NS // pace.step_ns),
    )  # fmt: skip
    synchroniser, models = with_model(
        bins,
        predictors(stores.ontology), settings.twin, pace.step_ns / SECOND_NS,
    )  # fmt: skip
    keeper = Scorekeeper(stores.ledger, scoring_plan(settings, pace, whose, models, stores.ontology))
    keeper.restore(clock.now_ns(), max(round(settings.fidelity.window_s * SECOND_NS), 64 * pace.step_ns))
    twin_stores = TwinStores(stores.series, stores.graph, stores.ledger)
    follower = Follower(twin_stores, synchroniser, models, pace, whose, settings.twin.kpis, keeper)
    books.register(pace.step_ns / SECOND_NS)
    fidelity = FidelityBook(keeper, stores.ledger, settings.fidelity)
    operation = Operation(settings, clock, feed, mappings_of(settings))
    scenes = SceneForecasts(
        lambda: forecast_service(settings),
        LiveScenes(follower, lambda: Follower(twin_stores, bins, (), pace, whose, settings.twin.kpis)),
        folder=settings.surrogate.folder,
        look_s=settings.serving.look_s,
    )
    return TwinPlatform(stores, books, operation, follower, fidelity, models, scenes)
