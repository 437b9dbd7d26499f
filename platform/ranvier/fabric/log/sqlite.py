"""`SqliteLog`: the event log in one SQLite file in WAL mode.

Several processes may append and read; SQLite lets one write at a time, and the others wait up to 30 s. A
record's partition is CRC-32 of its key in UTF-8, modulo the number of partitions.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from zlib import crc32

import msgspec

from ranvier.fabric.log import database
from ranvier.fabric.log.consumer import SqliteConsumer
from ranvier.fabric.ports import Consumer, Entry, Health, Offsets, Record
from ranvier.ontology.errors import InputError, StoreError


class SqliteLog:
    """An EventLog in one file.

    partitions  for each topic; fixed when the file is made, because another number breaks the order by key
    lease_s     how long a consumer that falls silent keeps its partitions
    clock_ns    for leases and for giving up groups; wall time, since processes share it
    keep_group_s  how long a group of which no member is seen still holds back `truncate`
    """

    def __init__(
        self, path: Path, partitions: int = 4, lease_s: float = 10.0,
        clock_ns: Callable[[], int] = time.time_ns, keep_group_s: float = 7 * 86_400.0,
    ) -> None:  # fmt: skip
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self.partitions, self.lease_ns, self.clock_ns = (
            path,
            partitions,
            int(lease_s * 1e9),
            clock_ns,
        )
        self._keep_group_ns = int(keep_group_s * 1e9)
        self.writing = threading.RLock()
        self._reading = threading.Lock()
        self._appended = threading.Condition()
        self._appends = 0
        self._writer = database.connect(path, durable=True)
        self._reader = database.connect(path, durable=False)
        self._consumers: list[SqliteConsumer] = []
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    def _prepare(self) -> None:
        with self.writing:
            self._writer.executescript(database.TABLES)
            with database.transaction(self._writer) as writer:
                writer.execute(
                    "INSERT INTO settings VALUES ('partitions', ?) ON CONFLICT DO NOTHING", (self.partitions,)
                )
                found = writer.execute("SELECT value FROM settings WHERE name = 'partitions'").fetchone()
        if int(found[0]) != self.partitions:
            raise StoreError(
                f"a log of {self.partitions} partitions at {self.path}",
                f"one of {found[0]}",
                "open it with that number: another one would break the order by key",
            )

    def append(self, topic: str, entries: Sequence[Entry], recorded_at_ns: int) -> None:
        """Append all entries or none; they are on the disk when this returns."""
        if not entries:
            return
        parts: dict[int, list[Entry]] = {}
        count = self.partitions
        for entry in entries:
            parts.setdefault(crc32(entry.key.encode()) % count, []).append(entry)
        with self.writing, database.transaction(self._writer) as writer:
            database.ensure_topic(writer, topic, self.partitions)
            for part, several in parts.items():
                _append_part(writer, (topic, part), several, recorded_at_ns)
        with self._appended:
            self._appends += 1
            self._appended.notify_all()

    def consumer(self, group: str, topics: Sequence[str]) -> Consumer:
        """Join `group` for `topics`. Raises InputError where there is no topic."""
        if not topics:
            raise InputError("at least one topic", "none", "name the topics to read")
        joined = SqliteConsumer(self, group, tuple(topics))
        self._consumers.append(joined)
        return joined

    def left(self, consumer: SqliteConsumer) -> None:
        """What a consumer calls when it has closed."""
        if consumer in self._consumers:
            self._consumers.remove(consumer)

    @property
    def appends(self) -> int:
        """How often this process appended: lets a consumer wait for the next time."""
        return self._appends

    def wait(self, appends: int, timeout_s: float) -> None:
        """Return when this process has appended since it had done so `appends` times, or at the timeout."""
        with self._appended:
            self._appended.wait_for(lambda: self._appends != appends, timeout_s)

    def read(self, topic: str, partition: int, offset: int, max_records: int) -> list[Record]:
        """Records from `offset` on, outside any group; from the oldest that is left where it is gone."""
        with self._reading:
            stream = self._reader.execute(
                "SELECT id FROM streams WHERE topic = ? AND part = ?", (topic, partition)
            ).fetchone()
            if stream is None:
                return []
            return database.fetch(self._reader, (stream[0], topic, partition), offset, max_records)

    def offsets(self, topic: str, at_ns: int | None = None) -> Offsets:
        """The end of each partition, or the first offset recorded at or after `at_ns`."""
        with self._reading:
            streams = self._reader.execute(
                "SELECT id, part, next_offset FROM streams WHERE topic = ?", (topic,)
            ).fetchall()
            found: dict[tuple[str, int], int] = {(topic, part): 0 for part in range(self.partitions)}
            for stream, part, end in streams:
                first = None if at_ns is None else _first_at(self._reader, stream, at_ns)
                found[topic, part] = end if first is None else first
        return found

    def lag(self, group: str) -> Mapping[tuple[str, int], int]:
        """How many records each partition of the group's topics holds that it has not committed."""
        with self._reading:
            rows = self._reader.execute(
                "SELECT s.topic, s.part, s.next_offset - max(coalesce(c.next_offset, 0), s.start_offset) "
                "FROM subscriptions u JOIN streams s ON s.topic = u.topic "
                "LEFT JOIN commits c ON c.grp = u.grp AND c.stream = s.id WHERE u.grp = ?",
                (group,),
            ).fetchall()
        return {(topic, part): count for topic, part, count in rows}

    def truncate(self, topic: str, before_ns: int) -> int:
        """Forget records recorded before `before_ns` that every group of the topic has committed.

        Only whole beginnings go: from the first record recorded at or after `before_ns` on, all stay. A group
        that was not seen for `keep_group_s` is given up for this topic first, with what it had committed.
        """
        removed = 0
        with self.writing, database.transaction(self._writer) as writer:
            _give_up_groups(writer, topic, self.clock_ns(), self._keep_group_ns)
            streams = writer.execute(
                "SELECT id, start_offset, next_offset FROM streams WHERE topic = ?", (topic,)
            ).fetchall()
            for stream, start, end in streams:
                first = _first_at(writer, stream, before_ns)
                keep = min(end if first is None else first, _committed_by_all(writer, stream, topic, end))
                if keep > start:
                    removed += database.drop_before(writer, stream, keep)
        return removed

    def ping(self) -> Health:
        """Whether the log answers, with SQLite's version, its size in bytes and its records."""
        try:
            with self._reading:
                records = self._reader.execute(
                    "SELECT sum(next_offset - start_offset) FROM streams"
                ).fetchone()
            size = sum(part.stat().st_size for part in self.path.parent.glob(self.path.name + "*"))
            return Health(
                "event log (SQLite)", True,
                {"version": sqlite3.sqlite_version, "bytes": size, "records": int(records[0] or 0)},
            )  # fmt: skip
        except (sqlite3.Error, OSError) as error:
            return Health("event log (SQLite)", False, error=str(error))

    def close(self) -> None:
        """Close the consumers and the connections."""
        for consumer in tuple(self._consumers):
            consumer.close()
        with self.writing, self._reading:
            self._reader.close()
            self._writer.close()


def _append_part(
    writer: sqlite3.Connection, stream: tuple[str, int], entries: Sequence[Entry], now_ns: int
) -> None:
    row, first, high_ns = writer.execute(
        "SELECT id, next_offset, high_ns FROM streams WHERE topic = ? AND part = ?", stream
    ).fetchone()
    place = row << database.OFFSET_BITS | first
    writer.executemany(
        "INSERT INTO records VALUES (?, ?, ?, ?, ?)",
        [
            (place + i, e.key, e.value, msgspec.json.encode(e.headers) if e.headers else None, now_ns)
            for i, e in enumerate(entries)
        ],
    )
    # A mark is set only where time rises, so the first mark at or after a time is the first record there.
    if high_ns is None or now_ns > high_ns:
        writer.execute("INSERT INTO marks VALUES (?, ?, ?)", (row, now_ns, first))
        high_ns = now_ns
    writer.execute(
        "UPDATE streams SET next_offset = ?, high_ns = ? WHERE id = ?", (first + len(entries), high_ns, row)
    )


def _first_at(connection: sqlite3.Connection, stream: int, at_ns: int) -> int | None:
    """The first offset recorded at or after `at_ns`, or None where there is none."""
    row = connection.execute(
        "SELECT max(m.first_offset, s.start_offset) FROM marks m JOIN streams s ON s.id = m.stream "
        "WHERE m.stream = ? AND m.high_ns >= ? ORDER BY m.high_ns LIMIT 1",
        (stream, at_ns),
    ).fetchone()
    return None if row is None else int(row[0])


def _give_up_groups(writer: sqlite3.Connection, topic: str, now_ns: int, keep_ns: int) -> None:
    # A file made before groups were seen, or a clock that was set back: their time begins now.
    writer.execute(
        "INSERT OR REPLACE INTO seen SELECT u.grp, u.topic, ?1 FROM subscriptions u "
        "LEFT JOIN seen s USING (grp, topic) WHERE u.topic = ?2 AND (s.at_ns IS NULL OR s.at_ns > ?1)",
        (now_ns, topic),
    )
    given_up = writer.execute(
        "SELECT grp FROM seen WHERE topic = ? AND at_ns < ?", (topic, now_ns - keep_ns)
    ).fetchall()
    for (group,) in given_up:
        for table in ("seen", "subscriptions"):
            writer.execute(f"DELETE FROM {table} WHERE grp = ? AND topic = ?", (group, topic))
        writer.execute(
            "DELETE FROM commits WHERE grp = ? AND stream IN (SELECT id FROM streams WHERE topic = ?)",
            (group, topic),
        )


def _committed_by_all(connection: sqlite3.Connection, stream: int, topic: str, end: int) -> int:
    row = connection.execute(
        "SELECT min(coalesce(c.next_offset, 0)) FROM subscriptions u "
        "LEFT JOIN commits c ON c.grp = u.grp AND c.stream = ? WHERE u.topic = ?",
        (stream, topic),
    ).fetchone()
    return end if row[0] is None else int(row[0])
