"""The three servers behind the ports: Kafka, Neo4j and InfluxDB 2, opened together or not at all.

settings + secrets ► configurations ► each opened in a thread of its own ─┬─ all answer ► Ports
                                                                          └─ else one error that names each

Only this module and the adapters know the servers by name; their clients come with the extra `servers`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any, cast

import structlog

from ranvier.fabric.ports import EventLog, GraphStore, Health, SeriesStore
from ranvier.gateway.runtime.stores import Ports
from ranvier.gateway.secret_files import secret
from ranvier.gateway.server_settings import InfluxSettings, KafkaSettings, Neo4jSettings, ServerSettings
from ranvier.ontology.errors import InputError, RanvierError, StoreError
from ranvier.ontology.ontology import Ontology

RETRY_S = 2.0
SERVER_OF = {"log": "Kafka", "graph": "Neo4j", "series": "InfluxDB"}
Opener = Callable[[ServerSettings, Ontology], Any]
log = structlog.get_logger("ranvier.servers")


@contextmanager
def open_servers(settings: ServerSettings, ontology: Ontology, wait_s: float = 0.0) -> Iterator[Ports]:
    """All three, closed at the end; those that do not answer are tried again for `wait_s`.

    Raises one StoreError that names all that do not answer, InputError where a setting cannot be used.
    """
    with ExitStack() as opened:
        found: dict[str, Any] = {}
        give_up_s = time.monotonic() + wait_s
        while errors := _open(settings, ontology, found, opened):
            if time.monotonic() >= give_up_s:
                raise _refusal(settings, errors)
            log.warning("waiting for servers", **{SERVER_OF[name]: str(e) for name, e in errors.items()})
            time.sleep(min(RETRY_S, max(0.0, give_up_s - time.monotonic())))
        yield Ports(found["log"], found["graph"], found["series"])


def ping_servers(settings: ServerSettings, ontology: Ontology) -> dict[str, tuple[Health, float]]:
    """What each server answers, and after how many milliseconds, whether or not the others do."""

    def ping(name: str) -> tuple[Health, float]:
        began_s = time.monotonic()
        try:
            store = OPENERS[name](settings, ontology)
            try:
                began_s = time.monotonic()
                health = cast(Health, store.ping())
            finally:
                store.close()
        except (RanvierError, OSError) as error:
            health = Health(SERVER_OF[name], ok=False, error=str(error))
        return health, (time.monotonic() - began_s) * 1e3

    with ThreadPoolExecutor(len(OPENERS)) as pool:
        return dict(zip(OPENERS, pool.map(ping, OPENERS), strict=True))


def _open(
    settings: ServerSettings, ontology: Ontology, found: dict[str, Any], opened: ExitStack
) -> dict[str, StoreError]:
    """Open those that are not open yet; why not, for those that do not answer."""
    missing = [name for name in OPENERS if name not in found]
    errors: dict[str, StoreError] = {}

    def attempt(name: str) -> tuple[str, Any]:
        try:
            return name, _answering(OPENERS[name](settings, ontology))
        except RanvierError as error:
            return name, error

    with ThreadPoolExecutor(len(OPENERS)) as pool:
        tried = list(pool.map(attempt, missing))
    for name, store in tried:
        if not isinstance(store, RanvierError):
            found[name] = store
            opened.callback(store.close)
    for name, error in tried:
        if isinstance(error, StoreError):
            errors[name] = error
        elif isinstance(error, RanvierError):
            raise error  # a setting is wrong: waiting does not help
    return errors


def _answering(store: Any) -> Any:
    """The store, where it answers a ping; closed again where it does not."""
    health: Health = store.ping()
    if not health.ok:
        store.close()
        raise StoreError(f"an answer of {health.name}", health.error or "none", "see whether it runs")
    return store


def _refusal(settings: ServerSettings, errors: Mapping[str, StoreError]) -> StoreError:
    addresses = {
        "log": settings.kafka.bootstrap, "graph": settings.neo4j.uri, "series": settings.influx.url,
    }  # fmt: skip
    told = "; ".join(f"{SERVER_OF[n]} at {addresses[n]} does not ({e.got})" for n, e in errors.items())
    return StoreError(
        "Kafka, Neo4j and InfluxDB to answer", told,
        "start them or correct the settings servers.* (docs/servers.md)",
    )  # fmt: skip


# ---------------------------------------------------------------- one function a server
def _kafka(settings: ServerSettings, ontology: Ontology) -> EventLog:
    del ontology
    with _extra():
        from ranvier.fabric.log.kafka import KafkaConfig, KafkaLog
    given: KafkaSettings = settings.kafka
    return KafkaLog(
        KafkaConfig(
            bootstrap=given.bootstrap,
            prefix=given.prefix,
            partitions=given.partitions,
            replication_factor=given.replication_factor,
            min_insync_replicas=given.min_insync_replicas,
            retention_s=given.retention_s,
            security_protocol=given.security_protocol,
            sasl_mechanism=given.sasl_mechanism,
            sasl_username=given.username,
            sasl_password=secret("servers.kafka.password", given.password, given.password_file),
            ssl_cafile=_path(given.ca_file),
            ssl_certfile=_path(given.cert_file),
            ssl_keyfile=_path(given.key_file),
            ssl_key_password=secret(
                "servers.kafka.key_password", given.key_password, given.key_password_file
            ),
            ssl_check_hostname=given.check_hostname,
            deadline_s=given.deadline_s,
            request_timeout_s=given.request_timeout_s,
            session_s=given.session_s,
            poll_interval_s=given.poll_interval_s,
            max_record_bytes=given.max_record_bytes,
        )
    )


def _neo4j(settings: ServerSettings, ontology: Ontology) -> GraphStore:
    with _extra():
        from ranvier.fabric.graph.neo4j import Neo4jConfig, Neo4jGraph
    given: Neo4jSettings = settings.neo4j
    config = Neo4jConfig(
        uri=given.uri,
        user=given.user,
        password=_needed("servers.neo4j.password", given.password, given.password_file),
        database=given.database,
        space=given.space,
        ca_file=_path(given.ca_file),
        deadline_s=given.deadline_s,
    )
    return Neo4jGraph(config, ontology)


def _influx(settings: ServerSettings, ontology: Ontology) -> SeriesStore:
    with _extra():
        from ranvier.fabric.series.influx import InfluxConfig, InfluxSeries
    given: InfluxSettings = settings.influx
    config = InfluxConfig(
        url=given.url,
        org=given.org,
        token=_needed("servers.influx.token", given.token, given.token_file),
        prefix=given.prefix,
        retention_s=given.retention_s,
        downsample_every_s=given.downsample_every_s,
        downsampled_retention_s=given.downsampled_retention_s,
        ca_file=given.ca_file,
        deadline_s=given.deadline_s,
        timeout_s=given.timeout_s,
    )
    return InfluxSeries(config, ontology)


OPENERS: dict[str, Opener] = {"log": _kafka, "graph": _neo4j, "series": _influx}
"""The port to what opens its server."""


@contextmanager
def _extra() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        if str(error.name).startswith("ranvier"):
            raise
        raise InputError(
            "the clients of the servers", f"no module named {error.name!r}",
            "install the extra: pip install 'ranvier[servers]'",
        ) from None  # fmt: skip


def _needed(name: str, given: Any, file: Any) -> str:
    found = secret(name, given, file)
    if found is None:
        raise InputError(f"{name}_file or {name}", "neither", "name the file that holds it (docs/servers.md)")
    return found


def _path(file: Any) -> str | None:
    return None if file is None else str(file)
