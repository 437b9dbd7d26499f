"""`SqliteConsumer`: one member of a consumer group of a `SqliteLog`."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ranvier.fabric.log import database
from ranvier.fabric.log.membership import Membership, Stream
from ranvier.fabric.ports import Offsets, Record
from ranvier.ontology.errors import StoreError

if TYPE_CHECKING:
    from ranvier.fabric.log.sqlite import SqliteLog

RECHECK_S = 0.05


class SqliteConsumer:
    """Reads the partitions that its group gave it. One thread at a time may use it."""

    def __init__(self, log: SqliteLog, group: str, topics: tuple[str, ...]) -> None:
        self._log, self._group = log, group
        self._using = threading.RLock()
        self._connection = database.connect(log.path, durable=False)
        self._positions: dict[Stream, int] = {}
        self._taken: dict[tuple[str, int], int] = {}
        self._takings = 0
        self._sought: dict[tuple[str, int], int] = {}
        self._turn = 0
        self._closed = False
        self._membership = Membership(self._connection, group, topics, log.lease_ns, log.clock_ns)
        with log.writing:
            self._membership.join(log.partitions)

    def poll(self, max_records: int, timeout_s: float = 0.0) -> list[Record]:
        """The next records, in order within each partition; empty when there are none in `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while True:
            with self._using:
                self._check_open()
                seen = self._log.appends
                self._keep_place()
                records = self._fetch(max_records)
            remaining = deadline - time.monotonic()
            if records or remaining <= 0:
                return records
            # Other processes append without telling, so look again soon.
            self._log.wait(seen, min(remaining, RECHECK_S))

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError("an open consumer", "a closed one", "join the group again")

    def _keep_place(self) -> None:
        """Renew the membership, drop what was lost, and take up what was gained where it was left."""
        if not self._membership.is_stale():
            return
        before = self._membership.member
        with self._log.writing:
            owned = self._membership.renew()
        # Whoever was given up and joins anew knows nothing of what others have read in between.
        kept = owned if self._membership.member == before else set()
        self._positions = {s: o for s, o in self._positions.items() if s in kept}
        gained = owned - self._positions.keys()
        self._takings += bool(gained)
        held = {stream.place: self._taken[stream.place] for stream in self._positions}
        self._taken = held | {stream.place: self._takings for stream in gained}
        for stream in gained:
            sought = self._sought.pop(stream.place, None)
            self._positions[stream] = self._committed(stream) if sought is None else sought

    def _committed(self, stream: Stream) -> int:
        row = self._connection.execute(
            "SELECT next_offset FROM commits WHERE grp = ? AND stream = ?", (self._group, stream.row)
        ).fetchone()
        return 0 if row is None else int(row[0])

    def _fetch(self, max_records: int) -> list[Record]:
        """Give each partition that has something its share."""
        ends: Mapping[int, int] = dict(self._connection.execute("SELECT id, next_offset FROM streams"))
        records: list[Record] = []
        order = self._order({s: ends[s.row] - at for s, at in self._positions.items()}, max_records)
        for left, stream in zip(range(len(order), 0, -1), order, strict=True):
            share = -(-(max_records - len(records)) // left)
            if share <= 0:
                break
            got = database.fetch(
                self._connection, (stream.row, *stream.place), self._positions[stream], share, 2**25 // left
            )
            if got:
                self._positions[stream] = got[-1].offset + 1
                records.extend(got)
        return records

    def _order(self, waiting: Mapping[Stream, int], max_records: int) -> list[Stream]:
        """The shortest queues first, so that what they leave of their share goes to the longer ones.

        Where there is not one record for each, another one is first each time.
        """
        order = sorted((s for s, count in waiting.items() if count > 0), key=lambda s: (waiting[s], s))
        if max_records < len(order):
            self._turn = (self._turn + 1) % len(order)
            return order[self._turn :] + order[: self._turn]
        return order

    def assigned(self) -> Mapping[tuple[str, int], int]:
        """The places that this member owns as of its last poll, each with the number of the taking."""
        return self._taken

    def commit(self, offsets: Offsets) -> None:
        """Remember where this group goes on.

        A partition that has meanwhile gone to another member is left alone: its records go to that one again.
        """
        with self._using, self._log.writing:
            self._check_open()
            with database.transaction(self._connection) as connection:
                for (topic, part), offset in offsets.items():
                    connection.execute(
                        "INSERT INTO commits SELECT l.grp, s.id, ? FROM streams s JOIN leases l "
                        "ON l.stream = s.id WHERE s.topic = ? AND s.part = ? AND l.grp = ? AND l.member = ? "
                        "ON CONFLICT DO UPDATE SET next_offset = excluded.next_offset",
                        (offset, topic, part, self._group, self._membership.member),
                    )

    def seek(self, offsets: Offsets) -> None:
        """Go on from these offsets; for a partition of another member, once it comes to this one."""
        with self._using:
            self._check_open()
            self._sought.update(offsets)
            for stream in self._positions:
                if stream.place in self._sought:
                    self._positions[stream] = self._sought.pop(stream.place)

    def close(self) -> None:
        """Leave the group, so that others take over the partitions at once."""
        with self._using:
            if self._closed:
                return
            self._closed = True
            with self._log.writing:
                self._membership.leave()
            self._connection.close()
        self._log.left(self)
