"""The three servers behind the ports: Kafka, Neo4j and InfluxDB 2, opened together or not at all.

settings + secrets ► configurations ► each opened in a thread of its own ─┬─ all answer ► Ports
                                                                          └─ else one error that names each

Only this module, `server_configs` and the adapters know the servers by name.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import structlog

from ranvier.fabric.ports import EventLog, GraphStore, Health, SeriesStore
from ranvier.gateway import server_configs
from ranvier.gateway.asked import Asked
from ranvier.gateway.runtime.stores import Ports
from ranvier.gateway.server_settings import ServerSettings
from ranvier.ontology.errors import AccessRefused, RanvierError, StoreError
from ranvier.ontology.ontology import Ontology

RETRY_S = 2.0
LOOK_S = 5.0
"""How long a look at a server may take; its own patience is a little less."""
BRIEF_DEADLINE_S, BRIEF_REQUEST_S = 3.0, 2.5
log = structlog.get_logger("ranvier.servers")


@dataclass(frozen=True, slots=True)
class Server:
    """What stands behind one port.

    config  its configuration, secrets and all; asks no server. Raises InputError where a setting is wrong
    open    the store, which may make on the server what it lacks
    look    whether the server answers and lets us in, within seconds; makes nothing
    """

    name: str
    address: Callable[[ServerSettings], str]
    config: Callable[[ServerSettings], Any]
    open: Callable[[Any, Ontology], Any]
    look: Callable[[Any, Ontology], Health]


@contextmanager
def open_servers(settings: ServerSettings, ontology: Ontology, wait_s: float = 0.0) -> Iterator[Ports]:
    """All three, closed at the end; those that do not answer are tried again for `wait_s`.

    Raises one StoreError that names all that do not answer. InputError where a setting cannot be used, and
    AccessRefused where a server does not take the credentials, come at once.
    """
    configs = _configs(settings)
    with ExitStack() as opened:
        found: dict[str, Any] = {}
        give_up_s = time.monotonic() + wait_s
        while errors := _open(configs, ontology, found, opened):
            if time.monotonic() >= give_up_s:
                raise _refusal(settings, errors)
            log.warning("waiting for servers", **{SERVERS[port].name: str(e) for port, e in errors.items()})
            time.sleep(min(RETRY_S, max(0.0, give_up_s - time.monotonic())))
        yield Ports(found["log"], found["graph"], found["series"])


def look_at_servers(settings: ServerSettings, ontology: Ontology) -> dict[str, tuple[Health, float]]:
    """What each server answers, and after how many milliseconds, whether or not the others do.

    Over within LOOK_S; nothing is made on the servers. Raises InputError where a setting cannot be used.
    """

    def look(port: str, config: Any) -> tuple[Health, float]:
        began_s = time.monotonic()
        health = SERVERS[port].look(config, ontology)
        return health, (time.monotonic() - began_s) * 1e3

    asked = {
        port: Asked(SERVERS[port].name, partial(look, port, config), LOOK_S)
        for port, config in _configs(settings).items()
    }
    end_s = time.monotonic() + LOOK_S
    begun = {port: each.begin() for port, each in asked.items()}
    found: dict[str, tuple[Health, float]] = {}
    for port, each in asked.items():
        try:
            found[port] = each.answer(begun[port], max(0.0, end_s - time.monotonic()))
        except (RanvierError, OSError) as error:
            found[port] = Health(SERVERS[port].name, ok=False, error=str(error)), LOOK_S * 1e3
    return found


@contextmanager
def brief_log(settings: ServerSettings) -> Iterator[EventLog]:
    """The event log with little patience, for those who only look."""
    config = SERVERS["log"].config(settings)
    brief = replace(
        config,
        deadline_s=min(BRIEF_DEADLINE_S, config.deadline_s),
        request_timeout_s=min(BRIEF_REQUEST_S, config.request_timeout_s),
    )
    store = _kafka(brief)
    try:
        yield store
    finally:
        store.close()


def _configs(settings: ServerSettings) -> dict[str, Any]:
    """All of them before any server is asked, so that a wrong setting is told at once."""
    return {port: server.config(settings) for port, server in SERVERS.items()}


def _open(
    configs: Mapping[str, Any], ontology: Ontology, found: dict[str, Any], opened: ExitStack
) -> dict[str, StoreError]:
    """Open those that are not open yet; why not, for those that do not answer."""
    missing = [port for port in SERVERS if port not in found]
    errors: dict[str, StoreError] = {}

    def attempt(port: str) -> Any:
        try:
            return _answering(SERVERS[port].open(configs[port], ontology))
        except RanvierError as error:
            return error

    with ThreadPoolExecutor(len(SERVERS)) as pool:
        tried = dict(zip(missing, pool.map(attempt, missing), strict=True))
    for port, store in tried.items():
        if not isinstance(store, RanvierError):
            found[port] = store
            opened.callback(store.close)
    for port, error in tried.items():
        if isinstance(error, StoreError) and not isinstance(error, AccessRefused):
            errors[port] = error
        elif isinstance(error, RanvierError):
            raise error  # waiting does not help
    return errors


def _answering(store: Any) -> Any:
    """The store, where it answers a ping; closed again where it does not."""
    try:
        _well(store.ping())
    except BaseException:
        store.close()
        raise
    return store


def _well(health: Health) -> None:
    if not health.ok:
        raise health.cause or StoreError(
            f"an answer of {health.name}", health.error or "none", "see whether it runs"
        )


def _refusal(settings: ServerSettings, errors: Mapping[str, StoreError]) -> StoreError:
    told = "; ".join(
        f"{SERVERS[port].name} at {SERVERS[port].address(settings)} does not ({e.got}: {e.remedy})"
        for port, e in errors.items()
    )
    return StoreError(
        "Kafka, Neo4j and InfluxDB to answer", told,
        "start them or correct the settings servers.* (docs/servers.md)",
    )  # fmt: skip


# ---------------------------------------------------------------- one function a server
def _kafka(config: Any, ontology: Ontology | None = None) -> EventLog:
    from ranvier.fabric.log.kafka import KafkaLog

    del ontology
    return KafkaLog(config)


def _neo4j(config: Any, ontology: Ontology) -> GraphStore:
    from ranvier.fabric.graph.neo4j import Neo4jGraph

    return Neo4jGraph(config, ontology)


def _influx(config: Any, ontology: Ontology) -> SeriesStore:
    from ranvier.fabric.series import influx_health
    from ranvier.fabric.series.influx import InfluxSeries

    _well(influx_health.look(config))  # to open it makes buckets, and is patient with a server that is away
    return InfluxSeries(config, ontology)


def _by_ping(make: Callable[[Any, Ontology], Any]) -> Callable[[Any, Ontology], Health]:
    """A look by a store that does nothing on the server until it is used."""

    def look(config: Any, ontology: Ontology) -> Health:
        store = make(config, ontology)
        try:
            health: Health = store.ping()
        finally:
            store.close()
        return health

    return look


def _look_at_influx(config: Any, ontology: Ontology) -> Health:
    from ranvier.fabric.series import influx_health

    del ontology
    return influx_health.look(config)


SERVERS = {
    "log": Server(
        "Kafka", lambda given: given.kafka.bootstrap, server_configs.kafka, _kafka, _by_ping(_kafka)
    ),
    "graph": Server("Neo4j", lambda given: given.neo4j.uri, server_configs.neo4j, _neo4j, _by_ping(_neo4j)),
    "series": Server(
        "InfluxDB", lambda given: given.influx.url, server_configs.influx, _influx, _look_at_influx
    ),
}
"""The port to its server."""


def _alone(port: str, settings: ServerSettings, ontology: Ontology) -> Any:
    return SERVERS[port].open(SERVERS[port].config(settings), ontology)


OPENERS: dict[str, Callable[[ServerSettings, Ontology], Any]] = {
    port: partial(_alone, port) for port in SERVERS
}
"""The port to what opens its server alone."""
