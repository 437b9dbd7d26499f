"""The series store's database: its tables, its limits, and who may open it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from ranvier.fabric.ports import Health
from ranvier.ontology.errors import StoreBusy, StoreError

TABLES = """
CREATE TABLE IF NOT EXISTS series (
    id INTEGER NOT NULL, tenant VARCHAR NOT NULL, network VARCHAR NOT NULL, origin VARCHAR NOT NULL,
    object_id VARCHAR NOT NULL, quantity VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS points (
    series INTEGER NOT NULL, start_ns BIGINT NOT NULL, end_ns BIGINT NOT NULL, value DOUBLE NOT NULL,
    revision INTEGER NOT NULL, recorded_at_ns BIGINT NOT NULL, seq BIGINT NOT NULL, suspect BOOLEAN NOT NULL);
CREATE TABLE IF NOT EXISTS progress (offsets VARCHAR NOT NULL);
INSERT INTO progress SELECT '[]' WHERE NOT EXISTS (SELECT 1 FROM progress);
"""

_claimed: set[Path] = set()
_claiming = threading.Lock()


def claim(path: Path, memory_limit_mb: int) -> duckdb.DuckDBPyConnection:
    """Open the file for writing. Raises StoreBusy where this or another process has it open."""
    path.parent.mkdir(parents=True, exist_ok=True)
    own = path.resolve()
    with _claiming:
        if own in _claimed:
            raise _busy(path, "this process has it open already")
        try:
            opened = duckdb.connect(
                str(path),
                config={
                    "memory_limit": f"{memory_limit_mb}MB",
                    "threads": 2,
                    "temp_directory": f"{path}.spill",
                    "autoinstall_known_extensions": False,
                    "autoload_known_extensions": False,
                },
            )
        except duckdb.IOException as error:
            if "lock" in str(error).lower():
                raise _busy(path, "another process has it open") from error
            raise StoreError(f"a DuckDB file at {path}", str(error), "check the folder's rights") from error
        except duckdb.Error as error:
            raise StoreError(f"a DuckDB file at {path}", str(error), "restore it from a backup") from error
        _claimed.add(own)
    return opened


def _busy(path: Path, got: str) -> StoreBusy:
    return StoreBusy(
        f"to open {path} for writing", got, "ask the running platform through its HTTP API, or stop it first"
    )


def release(path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    """Close the file, so that others may open it."""
    with _claiming:
        connection.close()
        _claimed.discard(path.resolve())


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """All of it or nothing. Raises StoreError where DuckDB cannot do it."""
    connection.execute("BEGIN")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException as error:
        _roll_back(connection)
        if isinstance(error, duckdb.Error):
            raise StoreError("the series store to write", str(error), "see docs/ingest.md") from error
        raise


def _roll_back(connection: duckdb.DuckDBPyConnection) -> None:
    try:
        connection.execute("ROLLBACK")
    except duckdb.Error:
        return  # DuckDB has ended the transaction itself, as it does when a commit fails.


def ping(cursor: duckdb.DuckDBPyConnection, path: Path) -> Health:
    """Rows, series and size."""
    counts = "SELECT (SELECT count(*) FROM points), (SELECT count(*) FROM series)"
    points, series = cursor.execute(counts).fetchall()[0]
    size = sum(part.stat().st_size for part in path.parent.glob(path.name + "*") if part.is_file())
    detail = {"version": duckdb.__version__, "points": points, "series": series, "bytes": size}
    return Health("series store (DuckDB)", True, detail)
