"""What the graph needs of a Neo4j server: reads and writes that are tried again until a deadline.

    read(work)   queries in READ mode, each a transaction of its own; each sees at least what the one before
                 it in `work` has seen, wholly applied (the session hands its bookmark on)
    write(work)  one transaction in WRITE mode; `work` may run more than once

The only module that imports the client. Its errors become StoreError here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from ranvier.ontology.errors import AccessRefused, InputError, StoreError

T = TypeVar("T")
Rows = list[list[Any]]
Run = Callable[[str, Mapping[str, Any]], Rows]
"""Runs one query with its parameters, and gives its rows."""
Observer = Callable[[str, str, Mapping[str, Any]], None]
"""Told of every query: access mode (READ or WRITE), text, and parameters."""

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 1.0
_IDLE_S = 20.0
"""A connection that rested longer is tried before it is used: the server may have restarted meanwhile."""


@dataclass(frozen=True, slots=True)
class Neo4jConfig:
    """How to reach the server. `space` keeps platforms apart that share one database.

    deadline_s  how long a read or write is tried again before it has failed
    ca_file     certificates (PEM) that the server's is checked against; None: the system's
    """

    uri: str = "bolt://127.0.0.1:7687"
    user: str = "neo4j"
    password: str = field(default="", repr=False)
    database: str = "neo4j"
    space: str = "ranvier"
    ca_file: Path | str | None = None
    deadline_s: float = 30.0
    pool_size: int = 32

    def __post_init__(self) -> None:
        if self.ca_file is not None and self.uri.split(":", 1)[0].endswith("+ssc"):
            raise InputError(
                "a scheme that checks certificates, as a ca_file is given", self.uri,
                "use bolt+s:// or neo4j+s://, or leave the ca_file out",
            )  # fmt: skip

    @property
    def client_uri(self) -> str:
        """The address as the client wants it: certificates of one's own only beside a scheme without TLS."""
        return self.uri if self.ca_file is None else self.uri.replace("+s://", "://", 1)


class Driver:
    """A pool of connections, opened when it is first needed. Any thread may use it."""

    def __init__(self, config: Neo4jConfig, observer: Observer | None = None) -> None:
        self._config = config
        self._observer = observer
        self._lock = threading.Lock()
        self._driver: Any = None
        self._closed = False

    def with_deadline(self, deadline_s: float) -> Driver:
        """Another driver to the same server, with less patience and one connection."""
        return Driver(replace(self._config, deadline_s=deadline_s, pool_size=1))

    # ------------------------------------------------------------ work
    def read(self, work: Callable[[Run], T]) -> T:
        """What `work` returns. It must only read."""

        def attempt(driver: Any) -> T:
            with driver.session(database=self._config.database, default_access_mode="READ") as session:

                def run(text: str, parameters: Mapping[str, Any]) -> Rows:
                    self._observe("READ", text, parameters)
                    return _rows(session.run(text, dict(parameters)))

                return work(run)

        return self._until_deadline(attempt)

    def write(self, work: Callable[[Run], T]) -> T:
        """What `work` returns, once all that it wrote is durable. Whatever it raises undoes it."""

        def attempt(driver: Any) -> T:
            # The server undoes what a client leaves hanging, so that a frozen writer does not stop others.
            patience_s = self._config.deadline_s
            with (
                driver.session(database=self._config.database, default_access_mode="WRITE") as session,
                session.begin_transaction(timeout=patience_s) as transaction,
            ):

                def run(text: str, parameters: Mapping[str, Any]) -> Rows:
                    self._observe("WRITE", text, parameters)
                    return _rows(transaction.run(text, dict(parameters)))

                done = work(run)
                transaction.commit()
                return done

        return self._until_deadline(attempt)

    def _observe(self, mode: str, text: str, parameters: Mapping[str, Any]) -> None:
        if self._observer:
            self._observer(mode, text, parameters)

    def _until_deadline(self, attempt: Callable[[Any], T]) -> T:
        client = _client()
        end = time.monotonic() + self._config.deadline_s
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                return attempt(self._open(client))
            except (client.exceptions.DriverError, client.exceptions.Neo4jError) as error:
                if self._closed or not _passes(error, client) or time.monotonic() + pause_s >= end:
                    raise self._refusal(error, client) from error
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    # ------------------------------------------------------------ the pool
    def _open(self, client: Any) -> Any:
        with self._lock:
            if self._closed:
                raise StoreError("an open graph store", "a closed one", "open it again")
            if self._driver is None:
                try:
                    self._driver = client.GraphDatabase.driver(
                        self._config.client_uri, **self._settings(client)
                    )
                except (client.exceptions.DriverError, ValueError, OSError) as error:
                    raise self._refusal(error, client) from error
                self._bound_silence(self._driver)
            return self._driver

    def _settings(self, client: Any) -> dict[str, Any]:
        config = self._config
        settings: dict[str, Any] = {
            "auth": (config.user, config.password),
            "connection_timeout": min(config.deadline_s / 2, 10.0),
            "connection_acquisition_timeout": config.deadline_s / 2,
            "connection_write_timeout": config.deadline_s / 2,
            "liveness_check_timeout": _IDLE_S,
            "max_connection_pool_size": config.pool_size,
            "notifications_min_severity": "OFF",
            "warn_notification_severity": "OFF",
            "telemetry_disabled": True,
            "user_agent": "ranvier",
        }
        if config.ca_file is not None:
            settings["encrypted"] = True
            settings["trusted_certificates"] = client.TrustCustomCAs(str(config.ca_file))
        return settings

    def _bound_silence(self, driver: Any) -> None:
        """A server that is paused must not hold a caller: the client itself waits two minutes and more."""
        pool, silence_s = driver._pool, self._config.deadline_s / 2
        opener = pool.opener

        def opened(*arguments: Any, **named: Any) -> Any:
            connection = opener(*arguments, **named)
            connection.socket.set_read_timeout(silence_s)
            return connection

        pool.opener = opened

    def _refusal(self, error: Exception, client: Any) -> StoreError:
        where = f"{self._config.uri} (database {self._config.database})"
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        if self._closed:
            return StoreError("an open graph store", "a closed one", "open it again")
        if isinstance(error, client.exceptions.AuthError):
            return AccessRefused(
                f"that {where} lets user {self._config.user!r} in", reason, "check user and password"
            )
        if _passes(error, client):
            return StoreError(
                f"an answer of Neo4j at {where} within {self._config.deadline_s:g} s",
                reason, "see whether the server runs and can be reached",
            )  # fmt: skip
        return StoreError(
            f"that Neo4j at {where} does what it is asked", reason,
            "see the server's log",
        )  # fmt: skip

    def close(self) -> None:
        """Release the connections. Safe to call twice."""
        with self._lock:
            self._closed = True
            driver, self._driver = self._driver, None
        if driver is not None:
            driver.close()


def _client() -> Any:
    try:
        import neo4j
    except ImportError as error:
        raise StoreError(
            "the client of Neo4j", str(error), "install Ranvier with the extra 'servers'"
        ) from error
    return neo4j


def _rows(result: Any) -> Rows:
    rows: Rows = result.values()
    result.consume()
    return rows


def _passes(error: Exception, client: Any) -> bool:
    """Whether trying again may help. A commit whose answer was lost is tried again: writes repeat safely."""
    errors = client.exceptions
    if isinstance(error, (errors.IncompleteCommit, errors.ConnectionAcquisitionTimeoutError)):
        return True
    code = getattr(error, "code", None) or ""
    retryable = getattr(error, "is_retryable", None)
    return bool(retryable and retryable()) or code in _PASSING


_PASSING = frozenset(
    {
        "Neo.ClientError.Statement.EntityNotFound",  # deleted by another between two steps of a read
        "Neo.ClientError.Transaction.TransactionTimedOut",
        "Neo.ClientError.Transaction.TransactionTimedOutClientConfiguration",
        "Neo.ClientError.Database.DatabaseNotFound",  # while the server starts
        "Neo.ClientError.Security.AuthenticationRateLimit",  # others' wrong passwords lock the user for seconds
        "Neo.DatabaseError.Transaction.TransactionCommitFailed",
        "Neo.DatabaseError.Transaction.TransactionLogError",
    }
)
