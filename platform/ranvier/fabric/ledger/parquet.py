"""`ParquetLedger`: sealed rows in a folder.

    append ─┬► recent (DuckDB: the rows and their seal in one transaction) ─ once large ► segments (Parquet)
            └─ rows that are large by themselves ► a segment, then their seal

The recent rows of a kind are kept as the very Arrow bytes that were sealed. A segment is written under
another name, synced and renamed before the database learns of it, so a crash leaves at most a file that
nobody refers to, which the next start removes.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow as pa

from ranvier.fabric.ledger import catalogue, reading, sealing, segments
from ranvier.fabric.ports import FOREVER_NS, Health, Seal
from ranvier.ontology.errors import InputError, NotFound, StoreError


class _Head(NamedTuple):
    """Where a kind's chain goes on."""

    sequence: int
    digest: str


class ParquetLedger:
    """A Ledger in a folder, for one process: any number of threads read while one appends.

    segment_rows, segment_bytes  the recent rows of a kind become a segment once they are this many or large
    """

    def __init__(self, folder: Path, segment_rows: int = 100_000, segment_bytes: int = 2**24) -> None:
        self.folder, self._segment_rows, self._segment_bytes = folder, segment_rows, segment_bytes
        self._appending = threading.RLock()
        self._heads: dict[str, _Head] = {}
        self._connection = catalogue.claim(folder)
        self._schemas = catalogue.schemas(self._connection)
        for kind in self._schemas:
            segments.remove_strays(folder / kind, catalogue.segment_names(self._connection, kind))

    def append(self, kind: str, key: str, rows: pa.Table, sealed_at_ns: int) -> Seal:
        """Append `rows` and seal them; a key that the kind already has returns its first seal unchanged.

        Raises InputError where a column is missing or the kind's schema is another one.
        """
        sealing.check_kind(kind)
        with self._appending:
            found = catalogue.seal_of(self._connection, kind, key)
            if found is not None:
                return found
            table = self._checked(kind, rows)
            head = self._head(kind)
            stream = sealing.to_bytes(table)
            digest = sealing.digest(head.digest, kind, key, sealed_at_ns, stream)
            seal = Seal(head.sequence, kind, key, sealed_at_ns, len(table), digest)
            is_new = kind not in self._schemas
            segment = self._at_once(seal, table, len(stream))
            catalogue.insert(self._connection, seal, table, stream, table.schema if is_new else None, segment)
            self._schemas.setdefault(kind, table.schema)
            self._heads[kind] = _Head(seal.sequence + 1, digest)
            if catalogue.recent_exceeds(self._connection, kind, self._segment_rows, self._segment_bytes):
                self.roll(kind)
        return seal

    def _checked(self, kind: str, rows: pa.Table) -> pa.Table:
        table = sealing.canonical(rows)
        sealing.check_rows(table)
        expected = self._schemas.get(kind)
        if expected is not None and table.schema != expected:
            raise InputError(
                f"rows of the schema that {kind} began with: {expected}", str(table.schema),
                "cast them, or choose a new kind",
            )  # fmt: skip
        return table

    def _head(self, kind: str) -> _Head:
        if kind not in self._heads:
            last = catalogue.last_seal(self._connection, kind)
            self._heads[kind] = (
                _Head(0, sealing.GENESIS) if last is None else _Head(last.sequence + 1, last.digest)
            )
        return self._heads[kind]

    def _at_once(self, seal: Seal, table: pa.Table, size: int) -> str | None:
        """Rows that fill a segment by themselves become one and never pass through the database's memory."""
        if len(table) < self._segment_rows and size < self._segment_bytes:
            return None
        self.roll(seal.kind)  # what came before lies before it
        return segments.write(self.folder / seal.kind, [(seal.sequence, table)])

    def roll(self, kind: str) -> None:
        """Move the recent rows of a kind into a segment now."""
        with self._appending:
            recent = catalogue.recent(self._connection, kind)
            if recent:
                tables = [(sequence, sealing.from_bytes(stream)) for sequence, stream in recent]
                name = segments.write(self.folder / kind, tables)
                catalogue.to_segment(self._connection, kind, (recent[0][0], recent[-1][0]), name)

    def get(self, kind: str, key: str) -> pa.Table:
        """The rows appended under `key`. Raises NotFound."""
        with self._connection.cursor() as cursor, catalogue.snapshot(cursor):
            seal = catalogue.seal_of(cursor, kind, key)
            if seal is None:
                raise NotFound(
                    f"rows of {kind} under a key", repr(key), "look through the seals for the keys"
                )
            recent = catalogue.recent(cursor, kind, seal.sequence)
            if recent:
                return sealing.from_bytes(recent[0][1])
            name = catalogue.segment_of(cursor, kind, seal.sequence)
        return segments.rows_of(self.folder / kind / name, seal.sequence) if seal.rows else self._empty(kind)

    def _empty(self, kind: str) -> pa.Table:
        return self._schemas[kind].empty_table() if kind in self._schemas else pa.table({})

    def scan(
        self, kind: str, tenant: str, from_ns: int = 0, to_ns: int = FOREVER_NS,
        where: Mapping[str, str | int | Sequence[str]] | None = None, limit: int | None = None,
    ) -> pa.Table:  # fmt: skip
        """Rows with time_ns in [from_ns, to_ns), newest last, where columns equal (or are among) values.

        Rows of one time stay in the order of appending. `limit` keeps the first ones. A kind without rows
        gives an empty table. Raises InputError where `where` names a column that the kind does not have.
        """
        schema = self._schemas.get(kind)
        if schema is None:
            return pa.table({})
        selection = reading.Selection(schema, tenant, from_ns, to_ns, dict(where or {}))
        with self._connection.cursor() as cursor, catalogue.snapshot(cursor):
            return reading.scan(cursor, self.folder / kind, kind, selection, limit)

    def seals(self, kind: str, after: int = -1, limit: int = 100) -> tuple[Seal, ...]:
        """The seals of a kind in order, from after a sequence number on."""
        with self._connection.cursor() as cursor:
            return catalogue.seals(cursor, kind, after, limit)

    def seal(self, kind: str, key: str) -> Seal | None:
        """The seal of `key`; None where the kind has no such key."""
        with self._connection.cursor() as cursor:
            return catalogue.seal_of(cursor, kind, key)

    def verify(self, kind: str) -> int:
        """Recompute every digest of the kind; how many were checked. Raises StoreError at the first break.

        That the last seals are missing altogether cannot be seen from inside: keep the newest digest
        elsewhere.
        """
        checked, previous = 0, sealing.GENESIS
        with self._connection.cursor() as cursor, catalogue.snapshot(cursor):
            rows = self._sealed(cursor, kind)
            while page := catalogue.seals(cursor, kind, checked - 1, 1000):
                for seal in page:
                    table = next(rows, None) if seal.rows else (seal.sequence, self._empty(kind))
                    _check(seal, checked, previous, table)
                    checked, previous = checked + 1, seal.digest
            surplus = next(rows, None)
        if surplus is not None:
            raise StoreError(f"{kind} to hold sealed rows only", f"rows of {surplus[0]}", "restore a backup")
        return checked

    def _sealed(self, cursor: duckdb.DuckDBPyConnection, kind: str) -> Iterator[tuple[int, pa.Table]]:
        """All (sequence, rows) that hold rows, in order."""
        for name in catalogue.segment_list(cursor, kind):
            yield from segments.each(self.folder / kind / name)
        for sequence in catalogue.recent_sequences(cursor, kind):
            table = sealing.from_bytes(catalogue.recent(cursor, kind, sequence)[0][1])
            if len(table):
                yield sequence, table

    def ping(self) -> Health:
        """Whether the ledger answers, with its seals, rows and size in bytes."""
        try:
            with self._connection.cursor() as cursor:
                return catalogue.ping(cursor, self.folder)
        except (duckdb.Error, OSError) as error:
            return Health("ledger (DuckDB, Parquet)", False, error=str(error))

    def close(self) -> None:
        """Release the folder."""
        with self._appending:
            catalogue.release(self.folder, self._connection)


def _check(seal: Seal, sequence: int, previous: str, found: tuple[int, pa.Table] | None) -> None:
    if seal.sequence != sequence or found is None or found[0] != seal.sequence:
        got = "none" if found is None else f"those of {found[0]}"
        raise StoreError(f"the rows of seal {sequence} of {seal.kind}", got, "restore a backup")
    stream = sealing.to_bytes(sealing.canonical(found[1]))
    if sealing.digest(previous, seal.kind, seal.key, seal.sealed_at_ns, stream) != seal.digest:
        raise StoreError(
            f"the rows of {seal.key!r} ({seal.kind} {seal.sequence}) as they were sealed", "others",
            "restore a backup; what was derived from them since is in doubt",
        )  # fmt: skip
