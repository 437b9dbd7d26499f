"""The ledger's database: seals, the recent rows, and which segments hold the others."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc

from ranvier.fabric.ports import Health, Seal
from ranvier.ontology.errors import StoreBusy, StoreError

FILE = "ledger.duckdb"
TABLES = """
CREATE TABLE IF NOT EXISTS kinds (kind VARCHAR NOT NULL, schema BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS seals (
    kind VARCHAR NOT NULL, sequence BIGINT NOT NULL, key VARCHAR NOT NULL, sealed_at_ns BIGINT NOT NULL,
    rows BIGINT NOT NULL, digest VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS recent (
    kind VARCHAR NOT NULL, sequence BIGINT NOT NULL, min_ns BIGINT, max_ns BIGINT, rows BIGINT NOT NULL,
    bytes BIGINT NOT NULL, stream BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS segments (
    kind VARCHAR NOT NULL, first BIGINT NOT NULL, last BIGINT NOT NULL, name VARCHAR NOT NULL,
    min_ns BIGINT, max_ns BIGINT);
"""
SEAL = "sequence, kind, key, sealed_at_ns, rows, digest"

_claimed: set[Path] = set()
_claiming = threading.Lock()


def claim(folder: Path) -> duckdb.DuckDBPyConnection:
    """Open the folder for appending. Raises StoreBusy where this or another process has it open."""
    folder.mkdir(parents=True, exist_ok=True)
    own = folder.resolve()
    with _claiming:
        if own in _claimed:
            raise _busy(folder, "this process has it open already")
        try:
            connection = duckdb.connect(
                str(folder / FILE),
                config={
                    "memory_limit": "128MB", "threads": 2, "temp_directory": str(folder / "spill"),
                    "autoinstall_known_extensions": False,
                },
            )  # fmt: skip
        except duckdb.IOException as error:
            if "lock" in str(error).lower():
                raise _busy(folder, "another process has it open") from error
            raise StoreError(f"a ledger at {folder}", str(error), "check the folder's rights") from error
        except duckdb.Error as error:
            raise StoreError(f"a ledger at {folder}", str(error), "restore it from a backup") from error
        connection.execute(TABLES)
        _claimed.add(own)
    return connection


def _busy(folder: Path, got: str) -> StoreBusy:
    return StoreBusy(
        f"to open the ledger at {folder}",
        got,
        "ask the running platform through its HTTP API, or stop it first",
    )


def release(folder: Path, connection: duckdb.DuckDBPyConnection) -> None:
    """Close the folder, so that others may open it."""
    with _claiming:
        connection.close()
        _claimed.discard(folder.resolve())


@contextmanager
def snapshot(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """One transaction: reads within it see one state, writes happen all or not at all."""
    connection.execute("BEGIN")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException as error:
        with suppress(duckdb.Error):  # DuckDB may have ended the transaction itself.
            connection.execute("ROLLBACK")
        if isinstance(error, duckdb.Error):
            raise StoreError("the ledger in working order", str(error), "see docs/ingest.md") from error
        raise


def insert(
    connection: duckdb.DuckDBPyConnection, seal: Seal, rows: pa.Table, stream: bytes,
    schema: pa.Schema | None, segment: str | None = None,
) -> None:  # fmt: skip
    """Store the rows and their seal, and the schema of a new kind, in one transaction.

    `segment` names the segment that holds the rows already; None keeps them here.
    """
    bounds = pc.min_max(rows.column("time_ns")).as_py()
    with snapshot(connection):
        if schema is not None:
            connection.execute(
                "INSERT INTO kinds VALUES (?, ?)", [seal.kind, schema.serialize().to_pybytes()]
            )
        connection.execute(
            "INSERT INTO seals VALUES (?, ?, ?, ?, ?, ?)",
            [seal.kind, seal.sequence, seal.key, seal.sealed_at_ns, seal.rows, seal.digest],
        )
        if segment is None:
            connection.execute(
                "INSERT INTO recent VALUES (?, ?, ?, ?, ?, ?, ?)",
                [seal.kind, seal.sequence, bounds["min"], bounds["max"], seal.rows, len(stream), stream],
            )
        else:
            connection.execute(
                "INSERT INTO segments VALUES (?, ?, ?, ?, ?, ?)",
                [seal.kind, seal.sequence, seal.sequence, segment, bounds["min"], bounds["max"]],
            )


def to_segment(
    connection: duckdb.DuckDBPyConnection, kind: str, sequences: tuple[int, int], name: str
) -> None:
    """The recent rows of these sequences, first and last, are in a segment now."""
    with snapshot(connection):
        connection.execute(
            "INSERT INTO segments SELECT kind, ?, ?, ?, min(min_ns), max(max_ns) FROM recent "
            "WHERE kind = ? AND sequence BETWEEN ? AND ? GROUP BY kind",
            [*sequences, name, kind, *sequences],
        )
        connection.execute(
            "DELETE FROM recent WHERE kind = ? AND sequence BETWEEN ? AND ?", [kind, *sequences]
        )


def schemas(connection: duckdb.DuckDBPyConnection) -> dict[str, pa.Schema]:
    """The schema of each kind."""
    rows = connection.execute("SELECT kind, schema FROM kinds").fetchall()
    return {kind: pa.ipc.read_schema(pa.py_buffer(schema)) for kind, schema in rows}


def seal_of(connection: duckdb.DuckDBPyConnection, kind: str, key: str) -> Seal | None:
    """The seal of a key, if the kind has it."""
    rows = connection.execute(f"SELECT {SEAL} FROM seals WHERE kind = ? AND key = ?", [kind, key]).fetchall()
    return Seal(*rows[0]) if rows else None


def last_seal(connection: duckdb.DuckDBPyConnection, kind: str) -> Seal | None:
    """The newest seal of a kind."""
    rows = connection.execute(
        f"SELECT {SEAL} FROM seals WHERE kind = ? ORDER BY sequence DESC LIMIT 1", [kind]
    ).fetchall()
    return Seal(*rows[0]) if rows else None


def seals(connection: duckdb.DuckDBPyConnection, kind: str, after: int, limit: int) -> tuple[Seal, ...]:
    """The seals after a sequence number, in order."""
    rows = connection.execute(
        f"SELECT {SEAL} FROM seals WHERE kind = ? AND sequence > ? ORDER BY sequence LIMIT ?",
        [kind, after, limit],
    ).fetchall()
    return tuple(Seal(*row) for row in rows)


def recent_exceeds(connection: duckdb.DuckDBPyConnection, kind: str, rows: int, size: int) -> bool:
    """Whether the recent rows are as many as `rows` or as large as `size` bytes."""
    counted, taken = connection.execute(
        "SELECT coalesce(sum(rows), 0), coalesce(sum(bytes), 0) FROM recent WHERE kind = ?", [kind]
    ).fetchall()[0]
    return bool(counted >= rows or taken >= size)


def recent(
    connection: duckdb.DuckDBPyConnection, kind: str, sequence: int | None = None
) -> list[tuple[int, bytes]]:
    """(sequence, Arrow IPC stream) of the recent rows of a kind, or of one of its seals."""
    rows: list[tuple[int, bytes]] = connection.execute(
        "SELECT sequence, stream FROM recent "
        "WHERE kind = $kind AND ($n IS NULL OR sequence = $n) ORDER BY sequence",
        {"kind": kind, "n": sequence},
    ).fetchall()
    return rows


def recent_between(connection: duckdb.DuckDBPyConnection, kind: str, from_ns: int, to_ns: int) -> list[bytes]:
    """The streams that may hold rows in [from_ns, to_ns), in order of appending."""
    rows = connection.execute(
        "SELECT stream FROM recent WHERE kind = ? AND max_ns >= ? AND min_ns < ? ORDER BY sequence",
        [kind, from_ns, to_ns],
    ).fetchall()
    return [row[0] for row in rows]


def recent_sequences(connection: duckdb.DuckDBPyConnection, kind: str) -> list[int]:
    """The sequence numbers of the recent rows."""
    rows = connection.execute(
        "SELECT sequence FROM recent WHERE kind = ? ORDER BY sequence", [kind]
    ).fetchall()
    return [row[0] for row in rows]


def segments_between(connection: duckdb.DuckDBPyConnection, kind: str, from_ns: int, to_ns: int) -> list[str]:
    """The names of the segments that may hold rows in [from_ns, to_ns), in order of appending."""
    rows = connection.execute(
        "SELECT name FROM segments WHERE kind = ? AND max_ns >= ? AND min_ns < ? ORDER BY first",
        [kind, from_ns, to_ns],
    ).fetchall()
    return [row[0] for row in rows]


def segment_list(connection: duckdb.DuckDBPyConnection, kind: str) -> list[str]:
    """The names of all segments of a kind, in order of appending."""
    rows = connection.execute("SELECT name FROM segments WHERE kind = ? ORDER BY first", [kind]).fetchall()
    return [row[0] for row in rows]


def segment_names(connection: duckdb.DuckDBPyConnection, kind: str) -> set[str]:
    """The names of all segments of a kind."""
    return set(segment_list(connection, kind))


def segment_of(connection: duckdb.DuckDBPyConnection, kind: str, sequence: int) -> str:
    """The segment that holds the rows of a seal. Raises StoreError where none does."""
    rows = connection.execute(
        "SELECT name FROM segments WHERE kind = ? AND first <= ? AND last >= ?", [kind, sequence, sequence]
    ).fetchall()
    if not rows:
        raise StoreError(f"the rows of seal {sequence} of {kind}", "none", "restore a backup")
    return str(rows[0][0])


def ping(connection: duckdb.DuckDBPyConnection, folder: Path) -> Health:
    """Seals, rows and size."""
    counts = "SELECT count(*), coalesce(sum(rows), 0)::BIGINT FROM seals"
    seals_, rows = connection.execute(counts).fetchall()[0]
    size = sum(part.stat().st_size for part in folder.rglob("*") if part.is_file())
    detail = {"version": duckdb.__version__, "seals": seals_, "rows": rows, "bytes": size}
    return Health("ledger (DuckDB, Parquet)", True, detail)
