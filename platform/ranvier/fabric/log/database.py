"""The log's database: its tables, and connections to them.

A record's row id is its stream in the upper bits and its offset in the lower ones, so that a topic's
partition lies together in the B-tree and an append is an insertion at the end of it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from ranvier.fabric.ports import Record
from ranvier.ontology.errors import StoreBusy, StoreError

OFFSET_BITS = 44
BUSY_TIMEOUT_S = 30.0

TABLES = """
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS streams (
    id INTEGER PRIMARY KEY, topic TEXT NOT NULL, part INTEGER NOT NULL,
    start_offset INTEGER NOT NULL DEFAULT 0, next_offset INTEGER NOT NULL DEFAULT 0,
    high_ns INTEGER, UNIQUE (topic, part));
CREATE TABLE IF NOT EXISTS records (
    place INTEGER PRIMARY KEY, key TEXT NOT NULL, value BLOB NOT NULL, headers BLOB,
    recorded_at_ns INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS marks (
    stream INTEGER, high_ns INTEGER, first_offset INTEGER NOT NULL,
    PRIMARY KEY (stream, high_ns)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS subscriptions (grp TEXT, topic TEXT, PRIMARY KEY (grp, topic)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seen (
    grp TEXT, topic TEXT, at_ns INTEGER NOT NULL, PRIMARY KEY (grp, topic)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS commits (
    grp TEXT, stream INTEGER, next_offset INTEGER NOT NULL, PRIMARY KEY (grp, stream)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS generations (grp TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS members (
    id INTEGER PRIMARY KEY AUTOINCREMENT, grp TEXT NOT NULL, topics TEXT NOT NULL,
    process TEXT NOT NULL, expires_ns INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS members_of ON members (grp);
CREATE TABLE IF NOT EXISTS leases (
    grp TEXT, stream INTEGER, member INTEGER NOT NULL, PRIMARY KEY (grp, stream)) WITHOUT ROWID;
"""


def connect(path: Path, *, durable: bool) -> sqlite3.Connection:
    """A connection in WAL mode that any thread may use under a lock of the caller's.

    `durable` syncs the disk at every commit; without it a commit survives the process, and after a loss of
    power the last ones may be missing: enough for offsets and leases, since delivery is at least once.
    """
    try:
        connection = sqlite3.connect(
            path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
    except sqlite3.Error as error:
        raise StoreError(f"an event log at {path}", str(error), "check the folder's rights") from error
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        connection.execute("PRAGMA cache_size = -8000")
        connection.execute("PRAGMA journal_size_limit = 67108864")
    except sqlite3.Error as error:
        connection.close()
        raise _translate(error) from error
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """One writing transaction: all of it or nothing. Raises StoreBusy where another process writes on."""
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.Error as error:
        raise _translate(error) from error
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        if isinstance(error, sqlite3.Error):
            raise _translate(error) from error
        raise


def _translate(error: sqlite3.Error) -> StoreError:
    if "locked" in str(error) or "busy" in str(error):
        return StoreBusy(
            "to write to the event log",
            f"another process has been writing for {BUSY_TIMEOUT_S:.0f} s",
            "wait, or end that process",
        )
    return StoreError("an event log in working order", str(error), "see docs/ingest.md, 'When a store fails'")


def ensure_topic(connection: sqlite3.Connection, topic: str, partitions: int) -> None:
    """Make the topic's streams where they are not there; within a transaction."""
    if connection.execute("SELECT 1 FROM streams WHERE topic = ?", (topic,)).fetchone() is None:
        connection.executemany(
            "INSERT INTO streams (topic, part) VALUES (?, ?)", [(topic, part) for part in range(partitions)]
        )


def fetch(
    connection: sqlite3.Connection, stream: tuple[int, str, int], offset: int, max_records: int,
    max_bytes: int = 2**25,
) -> list[Record]:  # fmt: skip
    """Up to `max_records` records of (row, topic, partition) from `offset` on; fewer beyond `max_bytes`."""
    row, topic, part = stream
    first = row << OFFSET_BITS
    found: list[Record] = []
    size = 0
    cursor = connection.execute(
        "SELECT place, key, value, headers, recorded_at_ns FROM records "
        "WHERE place >= ? AND place < ? ORDER BY place LIMIT ?",
        (first + max(offset, 0), first + (1 << OFFSET_BITS), max_records),
    )
    for place, key, value, headers, recorded_at_ns in cursor:
        decoded = msgspec.json.decode(headers, type=dict[str, str]) if headers else {}
        found.append(Record(topic, part, place - first, key, value, decoded, recorded_at_ns))
        size += len(value)
        if size >= max_bytes:
            break
    cursor.close()
    return found


def drop_before(connection: sqlite3.Connection, stream: int, keep: int) -> int:
    """Delete the stream's records below offset `keep`; how many went. Within a transaction."""
    first = stream << OFFSET_BITS
    gone = connection.execute(
        "DELETE FROM records WHERE place >= ? AND place < ?", (first, first + keep)
    ).rowcount
    connection.execute("UPDATE streams SET start_offset = ? WHERE id = ?", (keep, stream))
    # The last mark at or below the new beginning stays: it dates the records that are left.
    connection.execute(
        "DELETE FROM marks WHERE stream = ?1 AND first_offset < "
        "(SELECT max(first_offset) FROM marks WHERE stream = ?1 AND first_offset <= ?2)",
        (stream, keep),
    )
    return int(gone)
