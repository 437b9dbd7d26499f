"""Connections to one database file: one that writes, and as many that read as there are reads at once."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ranvier.fabric.graph import schema
from ranvier.ontology.errors import StoreBusy, StoreError

_IDLE = 8
_PATIENCE_S = 5.0


class Connections:
    """Opens, lends and closes connections. Any thread may borrow; each connection has one user at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        path.parent.mkdir(parents=True, exist_ok=True)
        self.writer = self._open(cache_kib=65_536)
        self._prepare()

    def _open(self, cache_kib: int) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path,
            timeout=_PATIENCE_S,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        try:
            connection.executescript(schema.PRAGMAS)
            connection.execute(f"PRAGMA cache_size = -{cache_kib}")
        except sqlite3.Error as error:
            connection.close()
            raise refusal(error, self._path) from error
        return connection

    def _prepare(self) -> None:
        """Make the tables once. NORMAL: see docs/adr/0002-embedded-graph.md on durability."""
        try:
            self.writer.execute("PRAGMA journal_mode = WAL")
            self.writer.execute("PRAGMA synchronous = NORMAL")
            self.writer.execute("PRAGMA wal_autocheckpoint = 4000")
            self.writer.execute("BEGIN IMMEDIATE")
            version = self.writer.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                for statement in schema.TABLES.split(";"):
                    self.writer.execute(statement)
                self.writer.execute(f"PRAGMA user_version = {schema.VERSION}")
            self.writer.execute("COMMIT")
        except sqlite3.Error as error:
            self.writer.close()
            raise refusal(error, self._path) from error
        if version not in (0, schema.VERSION):
            self.writer.close()
            raise StoreError(
                f"a graph of version {schema.VERSION}", f"version {version} in {self._path}",
                "open it with the release that wrote it",
            )  # fmt: skip

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection within a transaction that sees one state of the store."""
        connection = self._borrow()
        try:
            connection.execute("BEGIN")
            yield connection
        except sqlite3.Error as error:
            raise refusal(error, self._path) from error
        finally:
            self._give_back(connection)

    def _borrow(self) -> sqlite3.Connection:
        with self._lock:
            if self._closed:
                raise StoreError("an open graph store", "a closed one", "open it again")
            if self._idle:
                return self._idle.pop()
        return self._open(cache_kib=8_192)

    def _give_back(self, connection: sqlite3.Connection) -> None:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        with self._lock:
            if not self._closed and len(self._idle) < _IDLE:
                self._idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Close all that are idle; those that are lent close as they come back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()
        self.writer.close()


def refusal(error: sqlite3.Error, path: Path) -> StoreError:
    """The error in words of Ranvier."""
    if "locked" in str(error) or "busy" in str(error):
        return StoreBusy(
            "to be the one that writes", f"{path} is held by another", "stop the other process, or try again"
        )
    return StoreError(
        "a readable and writable graph", f"{error} ({path})", "check the disk and its permissions"
    )
