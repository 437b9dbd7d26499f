"""The configurations of the three servers' adapters: the settings of the profile with their secrets.

Nothing is asked of a server here. The clients come with the extra `servers`, which is looked for first.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ranvier.gateway.secret_files import secret
from ranvier.gateway.server_settings import ServerSettings
from ranvier.ontology.errors import InputError

if TYPE_CHECKING:
    from ranvier.fabric.graph.neo4j import Neo4jConfig
    from ranvier.fabric.log.kafka import KafkaConfig
    from ranvier.fabric.series.influx import InfluxConfig


def kafka(settings: ServerSettings) -> KafkaConfig:
    """Of the event log. Raises InputError where a setting cannot be used or the client is missing."""
    _need("kafka")
    from ranvier.fabric.log.kafka import KafkaConfig

    given = settings.kafka
    return KafkaConfig(
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
        ssl_key_password=secret("servers.kafka.key_password", given.key_password, given.key_password_file),
        ssl_check_hostname=given.check_hostname,
        deadline_s=given.deadline_s,
        request_timeout_s=given.request_timeout_s,
        session_s=given.session_s,
        poll_interval_s=given.poll_interval_s,
        max_record_bytes=given.max_record_bytes,
    )


def neo4j(settings: ServerSettings) -> Neo4jConfig:
    """Of the graph. Raises InputError where a setting cannot be used or the client is missing."""
    _need("neo4j")
    from ranvier.fabric.graph.neo4j import Neo4jConfig

    given = settings.neo4j
    return Neo4jConfig(
        uri=given.uri,
        user=given.user,
        password=_needed("servers.neo4j.password", given.password, given.password_file),
        database=given.database,
        space=given.space,
        ca_file=_path(given.ca_file),
        deadline_s=given.deadline_s,
    )


def influx(settings: ServerSettings) -> InfluxConfig:
    """Of the series. Raises InputError where a setting cannot be used or the client is missing."""
    _need("influxdb_client")
    from ranvier.fabric.series.influx import InfluxConfig

    given = settings.influx
    return InfluxConfig(
        url=given.url,
        org=given.org,
        token=_needed("servers.influx.token", given.token, given.token_file),
        prefix=given.prefix,
        retention_s=given.retention_s,
        downsample_every_s=given.downsample_every_s,
        downsampled_retention_s=given.downsampled_retention_s,
        compress=given.compress,
        ca_file=given.ca_file,
        deadline_s=given.deadline_s,
        timeout_s=given.timeout_s,
    )


def _need(client: str) -> None:
    """Load the client, which takes a second or two: here, where no server's deadline runs yet."""
    try:
        import_module(client)
    except ImportError as error:
        raise InputError(
            "the clients of the servers", f"no module named {str(error.name or client)!r}",
            "install the extra: pip install 'ranvier[servers]'",
        ) from None  # fmt: skip


def _needed(name: str, given: Any, file: Any) -> str:
    found = secret(name, given, file)
    if found is None:
        raise InputError(f"{name}_file or {name}", "neither", "name the file that holds it (docs/servers.md)")
    return found


def _path(file: Any) -> str | None:
    return None if file is None else str(file)
