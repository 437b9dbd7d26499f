"""`Membership`: who of a consumer group reads which partition, agreed upon through the database.

A member is live until its row expires or its process ends. Every member computes the same shares: of the
live members that read a topic, in order of joining, partition p belongs to member p modulo their number. A
member takes a partition of its share once the one who holds it has released it or is no longer live, so each
has one live owner.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from ranvier.fabric.log import database, process


class Stream(NamedTuple):
    """One partition of a topic, with its row in the database."""

    row: int
    topic: str
    part: int

    @property
    def place(self) -> tuple[str, int]:
        """(topic, partition), as offsets name it."""
        return self.topic, self.part


class Membership:
    """One consumer's part in its group. The caller holds the log's writing lock."""

    def __init__(
        self, connection: sqlite3.Connection, group: str, topics: tuple[str, ...], lease_ns: int,
        clock_ns: Callable[[], int],
    ) -> None:  # fmt: skip
        self._connection, self._group, self._topics = connection, group, topics
        self._lease_ns, self._clock_ns = lease_ns, clock_ns
        self._generation = -1
        self._renew_at_ns = 0
        self.member = -1

    def join(self, partitions: int) -> None:
        """Make the topics where they are not there, and become a member."""
        with database.transaction(self._connection) as connection:
            for topic in self._topics:
                database.ensure_topic(connection, topic, partitions)
            self._enter(connection)
            self._show(connection, self._clock_ns())

    def _enter(self, connection: sqlite3.Connection) -> None:
        cursor = connection.execute(
            "INSERT INTO members (grp, topics, process, expires_ns) VALUES (?, ?, ?, ?)",
            (
                self._group,
                msgspec.json.encode(self._topics).decode(),
                process.own_name(),
                self._clock_ns() + self._lease_ns,
            ),
        )
        self.member = int(cursor.lastrowid or 0)
        self._change(connection)

    def _show(self, connection: sqlite3.Connection, now_ns: int) -> None:
        """Let it be known that the group reads its topics: what it has not committed is kept."""
        own = [(self._group, topic) for topic in self._topics]
        connection.executemany("INSERT INTO subscriptions VALUES (?, ?) ON CONFLICT DO NOTHING", own)
        connection.executemany(
            "INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", [(*each, now_ns) for each in own]
        )

    def _change(self, connection: sqlite3.Connection) -> None:
        connection.execute(
            "INSERT INTO generations VALUES (?, 1) ON CONFLICT DO UPDATE SET number = number + 1",
            (self._group,),
        )

    def is_stale(self) -> bool:
        """Whether the lease is due or the group has changed since the last renewal."""
        now_ns = self._clock_ns()
        # A clock that was set back must not stretch a lease.
        if now_ns >= self._renew_at_ns or now_ns < self._renew_at_ns - self._lease_ns:
            return True
        row = self._connection.execute(
            "SELECT number FROM generations WHERE grp = ?", (self._group,)
        ).fetchone()
        return row is None or row[0] != self._generation

    def renew(self) -> set[Stream]:
        """Extend the lease, see the dead out, release and take partitions; those now owned."""
        now_ns = self._clock_ns()
        with database.transaction(self._connection) as connection:
            self._see_out(connection, now_ns)
            updated = connection.execute(
                "UPDATE members SET expires_ns = ? WHERE id = ?", (now_ns + self._lease_ns, self.member)
            ).rowcount
            if updated == 0:
                self._enter(connection)
            self._show(connection, now_ns)
            owned = self._take(connection)
            row = connection.execute(
                "SELECT number FROM generations WHERE grp = ?", (self._group,)
            ).fetchone()
        self._generation = row[0]
        self._renew_at_ns = now_ns + self._lease_ns // 3
        return owned

    def _see_out(self, connection: sqlite3.Connection, now_ns: int) -> None:
        """Remove others whose process or lease has ended, or whose lease a clock set back has stretched."""
        others = connection.execute(
            "SELECT id, process, expires_ns FROM members WHERE grp = ? AND id != ?",
            (self._group, self.member),
        ).fetchall()
        gone = [
            (member,)
            for member, name, expires_ns in others
            if not now_ns < expires_ns <= now_ns + 2 * self._lease_ns or process.is_gone(name)
        ]
        connection.executemany("DELETE FROM members WHERE id = ?", gone)
        released = connection.execute(
            "DELETE FROM leases WHERE grp = ? AND member NOT IN (SELECT id FROM members WHERE grp = ?)",
            (self._group, self._group),
        ).rowcount
        if gone or released:
            self._change(connection)

    def _take(self, connection: sqlite3.Connection) -> set[Stream]:
        held: dict[int, int] = dict(
            connection.execute("SELECT stream, member FROM leases WHERE grp = ?", (self._group,))
        )
        share = self._share(connection)
        rows = {stream.row for stream in share}
        release = [row for row, member in held.items() if member == self.member and row not in rows]
        connection.executemany(
            "DELETE FROM leases WHERE grp = ? AND stream = ?", [(self._group, row) for row in release]
        )
        free = [row for row in rows if row not in held]
        connection.executemany(
            "INSERT INTO leases VALUES (?, ?, ?)", [(self._group, row, self.member) for row in free]
        )
        if release:
            self._change(connection)
        return {s for s in share if s.row in free or held.get(s.row) == self.member}

    def _share(self, connection: sqlite3.Connection) -> list[Stream]:
        members = [
            (member, msgspec.json.decode(topics, type=list[str]))
            for member, topics in connection.execute(
                "SELECT id, topics FROM members WHERE grp = ? ORDER BY id", (self._group,)
            )
        ]
        share = []
        for topic in self._topics:
            readers = [member for member, topics in members if topic in topics]
            streams = connection.execute("SELECT id, topic, part FROM streams WHERE topic = ?", (topic,))
            share += [Stream(*s) for s in streams if readers[s[2] % len(readers)] == self.member]
        return share

    def leave(self) -> None:
        """Release everything at once."""
        with database.transaction(self._connection) as connection:
            connection.execute("DELETE FROM leases WHERE grp = ? AND member = ?", (self._group, self.member))
            connection.execute("DELETE FROM members WHERE id = ?", (self.member,))
            self._change(connection)
