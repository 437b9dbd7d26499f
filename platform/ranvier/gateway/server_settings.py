"""Where the servers of the profile `servers` are, and how to speak with them.

A secret is given by a file (`password_file`, `token_file`), which suits what a container platform mounts, or
by an environment variable. A settings file may name such a file but not hold the secret itself: settings
files are copied, shown and kept in version control.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from ranvier.ontology.errors import InputError

SECRETS = (("kafka", "password"), ("kafka", "key_password"), ("neo4j", "password"), ("influx", "token"))
"""Server and setting of each secret; `<setting>_file` names the file that holds it."""


class Section(BaseModel):
    """A part of the tree: frozen, and with no settings but those declared."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class KafkaSettings(Section):
    """The event log."""

    bootstrap: str = Field(
        "127.0.0.1:9092", min_length=3, description="Brokers to begin with, `host:port`, commas between."
    )
    prefix: str = Field(
        "ranvier.",
        pattern=r"^[A-Za-z0-9._-]{1,100}$",
        description="What the names of topics and groups begin with; keeps two platforms on one Kafka apart.",
    )
    partitions: int = Field(
        4, ge=1, le=1024, description="Partitions of each new topic: how many ingest processes can share it."
    )
    replication_factor: int = Field(
        1, ge=1, le=16, description="Brokers that hold each record; 3 where there are three."
    )
    min_insync_replicas: int = Field(
        1,
        ge=1,
        le=16,
        description="Brokers that must hold a record before it counts; 2 where there are three.",
    )
    retention_s: float | None = Field(
        None,
        gt=0,
        description="Seconds after which the broker itself deletes records, read or not; None: never, "
        "`store.log_retention_s` alone deletes what has been read.",
    )
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL."
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        None, description="PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; None without SASL."
    )
    username: str | None = Field(None, description="Who signs in with SASL.")
    password: SecretStr | None = Field(
        None, description="Its password, by the environment only; better in a file."
    )
    password_file: Path | None = Field(None, description="File that holds the password.")
    ca_file: Path | None = Field(
        None, description="Certificates (PEM) that the brokers' are checked against; None: the system's."
    )
    cert_file: Path | None = Field(None, description="Own certificate (PEM), where the brokers ask for one.")
    key_file: Path | None = Field(None, description="Key (PEM) of the own certificate.")
    key_password: SecretStr | None = Field(None, description="Password of that key, by the environment only.")
    key_password_file: Path | None = Field(None, description="File that holds the password of that key.")
    check_hostname: bool = Field(
        True, description="Whether a broker's certificate must name the host that was asked."
    )
    deadline_s: float = Field(
        30.0, gt=0, le=600, description="Seconds after which a call on brokers that are away gives up."
    )
    request_timeout_s: float = Field(
        10.0, gt=0, le=600, description="Seconds after which one request is tried again; below `deadline_s`."
    )
    session_s: float = Field(
        10.0, gt=0, le=600, description="Seconds after which a silent ingest process loses its partitions."
    )
    poll_interval_s: float = Field(
        300.0, gt=0, description="Seconds that one step of ingest may take; longer than any write of a store."
    )
    max_record_bytes: int = Field(
        16 * 2**20, ge=2**16, description="Largest record, bytes; a dead letter carries what was refused."
    )


class Neo4jSettings(Section):
    """The topology graph."""

    uri: str = Field(
        "bolt://127.0.0.1:7687",
        pattern=r"^(bolt|neo4j)(\+s|\+ssc)?://",
        description="Address; `bolt+s://` or `neo4j+s://` for TLS.",
    )
    user: str = Field("neo4j", description="Who signs in.")
    password: SecretStr | None = Field(
        None, description="The password, by the environment only; better in a file."
    )
    password_file: Path | None = Field(None, description="File that holds the password.")
    database: str = Field("neo4j", description="Database; the Community edition has this one.")
    space: str = Field(
        "ranvier",
        pattern=r"^[A-Za-z][A-Za-z0-9_]{0,62}$",
        description="Name that keeps two platforms in one database apart.",
    )
    ca_file: Path | None = Field(
        None, description="Certificates (PEM) that the server's is checked against; None: the system's."
    )
    deadline_s: float = Field(
        30.0, gt=0, le=600, description="Seconds that one transaction is tried again before it has failed."
    )


class InfluxSettings(Section):
    """The time series."""

    url: str = Field(
        "http://127.0.0.1:8086", pattern=r"^https?://", description="Address; `https://` for TLS."
    )
    org: str = Field("ranvier", min_length=1, description="Organisation that owns the buckets.")
    token: SecretStr | None = Field(None, description="API token, by the environment only; better in a file.")
    token_file: Path | None = Field(None, description="File that holds the API token.")
    prefix: str = Field(
        "ranvier",
        pattern=r"^[A-Za-z][A-Za-z0-9._-]{0,62}$",
        description="What the names of buckets begin with; keeps two platforms on one server apart.",
    )
    retention_s: float | None = Field(
        None,
        ge=3600,
        description="Seconds after which the server itself drops points, by its own clock; None: never.",
    )
    downsample_every_s: int | None = Field(
        None,
        gt=0,
        description="Period of the server's own downsampling tasks, seconds; None: no tasks.",
    )
    downsampled_retention_s: float | None = Field(
        None, ge=3600, description="Seconds that downsampled points are kept; None: for ever."
    )
    compress: bool | None = Field(
        None, description="Whether points are sent compressed; None: not to a server on this machine."
    )
    ca_file: Path | None = Field(
        None, description="Certificates (PEM) that the server's is checked against; None: the system's."
    )
    deadline_s: float = Field(
        30.0,
        gt=0,
        le=600,
        description="Seconds that a request is tried again before the server counts as away.",
    )
    timeout_s: float = Field(
        30.0, gt=0, le=600, description="Seconds that one request may take before it counts as failed."
    )


class ServerSettings(Section):
    """The three servers."""

    kafka: KafkaSettings = KafkaSettings()
    neo4j: Neo4jSettings = Neo4jSettings()
    influx: InfluxSettings = InfluxSettings()
    start_wait_s: float = Field(
        60.0, ge=0, description="Seconds to wait at the start for servers that do not answer yet."
    )


def refuse_secrets(tree: dict[str, Any]) -> None:
    """Raises InputError where a settings file holds a secret itself."""
    servers = tree.get("servers")
    for server, name in SECRETS:
        section = servers.get(server) if isinstance(servers, dict) else None
        if isinstance(section, dict) and name in section:
            raise InputError(
                "no secret in a settings file", f"servers.{server}.{name} in it",
                f"put it into a file and name that with servers.{server}.{name}_file, "
                f"or give it as RANVIER_SERVERS__{server.upper()}__{name.upper()}",
            )  # fmt: skip
