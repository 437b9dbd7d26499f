"""The embedded `Catalogue`: SQLite in WAL mode, one file, one writing process, any number of readers."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from ranvier.fabric.catalogue.dataset import Dataset
from ranvier.fabric.catalogue.port import Direction, Edge, Entry, Lineage, Observation
from ranvier.fabric.catalogue.quality import DAY_NS, FOLDED, Quality, QualityState, fold, quality
from ranvier.fabric.catalogue.run import Run, SourceFile
from ranvier.fabric.ports import Health
from ranvier.ontology.errors import InputError, NotFound, StoreBusy, StoreError

TABLES = """
CREATE TABLE IF NOT EXISTS datasets (
    tenant TEXT, id TEXT, body BLOB NOT NULL, files INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (tenant, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS quality (
    tenant TEXT, dataset TEXT, day INTEGER, body BLOB NOT NULL, PRIMARY KEY (tenant, dataset, day)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS runs (
    tenant TEXT, id TEXT, started_ns INTEGER NOT NULL, ended_ns INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (tenant, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS edges (
    tenant TEXT, dataset TEXT, role TEXT, started_ns INTEGER, run TEXT,
    PRIMARY KEY (tenant, dataset, role, started_ns, run)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS files (
    number INTEGER PRIMARY KEY AUTOINCREMENT, tenant TEXT, dataset TEXT, name TEXT, sha256 TEXT,
    received_ns INTEGER NOT NULL, body BLOB NOT NULL, UNIQUE (tenant, dataset, name, sha256));
CREATE INDEX IF NOT EXISTS files_newest ON files (tenant, dataset, number);
CREATE INDEX IF NOT EXISTS files_oldest ON files (received_ns);
"""
DEPTH = 16

_DATASET = msgspec.json.Decoder(Dataset)
_STATE = msgspec.json.Decoder(QualityState)
_RUN = msgspec.json.Decoder(Run)
_FILE = msgspec.json.Decoder(SourceFile)
_encode = msgspec.json.encode


class SqliteCatalogue:
    """The catalogue in one file; `Path(":memory:")` keeps it in memory. Any thread may call it."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        try:
            self._connection = sqlite3.connect(
                path, timeout=30.0, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.executescript(TABLES)
        except sqlite3.Error as error:
            raise StoreError(f"a catalogue at {path}", str(error), "check the folder's rights") from error

    def register(self, dataset: Dataset) -> None:
        """Add a dataset, or replace its description. Raises InputError for an id that no URL can carry."""
        _check_id(dataset.dataset_id)
        with self._transaction() as run:
            run.execute(
                "INSERT INTO datasets (tenant, id, body) VALUES (?, ?, ?)"
                " ON CONFLICT DO UPDATE SET body = excluded.body",
                (dataset.tenant, dataset.dataset_id, _encode(dataset)),
            )

    def record(self, run: Run) -> None:
        """Add a run, or replace it with its later state."""
        ends = [(d, "in") for d in run.inputs] + [(d, "out") for d in run.outputs]
        with self._transaction() as connection:
            for dataset_id, _ in ends:
                self._dataset(run.tenant, dataset_id)
            connection.execute(
                "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?)",
                (run.tenant, run.run_id, run.started_at_ns, run.ended_at_ns, _encode(run)),
            )
            connection.executemany(
                "INSERT OR IGNORE INTO edges VALUES (?, ?, ?, ?, ?)",
                [(run.tenant, d, role, run.started_at_ns, run.run_id) for d, role in ends],
            )

    def observe(self, observations: Sequence[Observation]) -> int:
        """Add what came; a file that is already known changes nothing. Returns how many counted."""
        counted = 0
        with self._transaction() as connection:
            for each in observations:
                self._dataset(each.tenant, each.dataset_id)
                if each.file is not None and not self._add_file(connection, each, each.file):
                    continue
                counted += 1
                for day, state in each.days.items():
                    self._add_state(connection, (each.tenant, each.dataset_id, day), state)
        return counted

    def get(self, tenant: str, dataset_id: str) -> Entry:
        """A dataset with its figures."""
        with self._reading():
            return self._entry(self._dataset(tenant, dataset_id))

    def page(self, tenant: str, after: str | None = None, limit: int = 100) -> tuple[Entry, ...]:
        """Datasets by rising id, those after `after`."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT body FROM datasets WHERE tenant = ? AND id > ? ORDER BY id LIMIT ?",
                (tenant, after or "", limit),
            ).fetchall()
            return tuple(self._entry(_DATASET.decode(body)) for (body,) in rows)

    def days(self, tenant: str, dataset_id: str, from_day: int, to_day: int) -> dict[int, Quality]:
        """The figures of each UTC day in [from_day, to_day)."""
        with self._reading():
            period_s = self._dataset(tenant, dataset_id).period_s
            states = self._states(tenant, dataset_id)
        return {
            day: quality({day: state}, period_s)
            for day, state in states.items()
            if from_day <= day < to_day and day != FOLDED
        }

    def files(
        self, tenant: str, dataset_id: str, after: str | None = None, limit: int = 100
    ) -> tuple[tuple[SourceFile, ...], str | None]:
        """The files read into a dataset, newest first, and the next cursor."""
        before = _cursor(after)
        with self._reading() as connection:
            self._dataset(tenant, dataset_id)
            rows = connection.execute(
                "SELECT number, body FROM files WHERE tenant = ? AND dataset = ? AND number < ?"
                " ORDER BY number DESC LIMIT ?",
                (tenant, dataset_id, before, limit + 1),
            ).fetchall()
        found = tuple(_FILE.decode(body) for _, body in rows[:limit])
        return found, str(rows[limit - 1][0]) if len(rows) > limit else None

    def lineage(self, tenant: str, dataset_id: str, direction: Direction = "up", limit: int = 100) -> Lineage:
        """The way of the data: the datasets' runs and derivations, breadth first."""
        edges: dict[Edge, None] = {}
        runs: dict[str, Run] = {}
        with self._reading():
            self._dataset(tenant, dataset_id)
            seen, front = {dataset_id}, [dataset_id]
            for _ in range(DEPTH):
                found = [n for each in front for n in self._step(tenant, each, direction, limit, edges, runs)]
                front = [each for each in dict.fromkeys(found) if each not in seen]
                seen.update(front)
                if not front:
                    break
            files, _ = self.files(tenant, dataset_id, None, limit)
            total = self._entry(self._dataset(tenant, dataset_id)).files
        newest = tuple(sorted(runs.values(), key=lambda run: -run.started_at_ns))
        return Lineage(dataset_id, direction, tuple(edges), newest, files, total)

    def forget(self, before_ns: int) -> int:
        """Drop files and ended runs, and fold older days into one; how many rows went."""
        with self._transaction() as connection:
            gone = connection.execute("DELETE FROM files WHERE received_ns < ?", (before_ns,)).rowcount
            ended = "ended_ns > 0 AND ended_ns < ?"
            connection.execute(
                "DELETE FROM edges WHERE EXISTS (SELECT 1 FROM runs WHERE runs.tenant = edges.tenant"
                f" AND runs.id = edges.run AND runs.{ended.replace('AND ', 'AND runs.')})",
                (before_ns,),
            )
            gone += connection.execute(f"DELETE FROM runs WHERE {ended}", (before_ns,)).rowcount
            return gone + self._fold(connection, before_ns // DAY_NS)

    def ping(self) -> Health:
        """Whether the catalogue answers, with its size."""
        try:
            with self._reading() as connection:
                detail = {
                    table: int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
                    for table in ("datasets", "runs", "files")
                }
            return Health("catalogue", True, {"version": f"SQLite {sqlite3.sqlite_version}", **detail})
        except (StoreError, sqlite3.Error) as error:
            return Health("catalogue", False, error=str(error))

    def close(self) -> None:
        """Release the file."""
        with self._lock:
            self._connection.close()

    # ------------------------------------------------------------ within a transaction
    def _dataset(self, tenant: str, dataset_id: str) -> Dataset:
        row = self._connection.execute(
            "SELECT body FROM datasets WHERE tenant = ? AND id = ?", (tenant, dataset_id)
        ).fetchone()
        if row is None:
            raise NotFound(
                "a registered dataset", f"{dataset_id!r} of tenant {tenant!r}", "see `ranvier catalogue list`"
            )
        return _DATASET.decode(row[0])

    def _states(self, tenant: str, dataset_id: str) -> dict[int, QualityState]:
        rows = self._connection.execute(
            "SELECT day, body FROM quality WHERE tenant = ? AND dataset = ?", (tenant, dataset_id)
        )
        return {day: _STATE.decode(body) for day, body in rows}

    def _entry(self, dataset: Dataset) -> Entry:
        whose = (dataset.tenant, dataset.dataset_id)
        (files,) = self._connection.execute(
            "SELECT files FROM datasets WHERE tenant = ? AND id = ?", whose
        ).fetchone()
        return Entry(dataset, quality(self._states(*whose), dataset.period_s), files)

    def _add_file(self, connection: sqlite3.Connection, each: Observation, file: SourceFile) -> bool:
        """Whether the file is new."""
        added = connection.execute(
            "INSERT OR IGNORE INTO files (tenant, dataset, name, sha256, received_ns, body)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (each.tenant, each.dataset_id, file.name, file.sha256, file.received_at_ns, _encode(file)),
        ).rowcount
        if added:
            connection.execute(
                "UPDATE datasets SET files = files + 1 WHERE tenant = ? AND id = ?",
                (each.tenant, each.dataset_id),
            )
        return bool(added)

    def _add_state(
        self, connection: sqlite3.Connection, place: tuple[str, str, int], state: QualityState
    ) -> None:
        row = connection.execute(
            "SELECT body FROM quality WHERE tenant = ? AND dataset = ? AND day = ?", place
        ).fetchone()
        whole = state if row is None else _STATE.decode(row[0]) + state
        connection.execute("INSERT OR REPLACE INTO quality VALUES (?, ?, ?, ?)", (*place, _encode(whole)))

    def _step(
        self, tenant: str, dataset_id: str, direction: Direction, limit: int,
        edges: dict[Edge, None], runs: dict[str, Run],
    ) -> list[str]:  # fmt: skip
        """One step from a dataset along its runs and derivations; the datasets that it leads to."""
        mine, theirs = ("out", "inputs") if direction == "up" else ("in", "outputs")
        rows = self._connection.execute(
            "SELECT runs.body FROM edges JOIN runs ON runs.tenant = edges.tenant AND runs.id = edges.run"
            " WHERE edges.tenant = ? AND dataset = ? AND role = ? ORDER BY edges.started_ns DESC LIMIT ?",
            (tenant, dataset_id, mine, limit),
        ).fetchall()
        found = self._derived(tenant, dataset_id, direction)
        for other in found:
            _join(edges, direction, f"dataset:{other}", f"dataset:{dataset_id}")
        for run in (_RUN.decode(body) for (body,) in rows):
            runs[run.run_id] = run
            _join(edges, direction, f"run:{run.run_id}", f"dataset:{dataset_id}")
            for other in getattr(run, theirs):
                _join(edges, direction, f"dataset:{other}", f"run:{run.run_id}")
                found.append(other)
        return found

    def _derived(self, tenant: str, dataset_id: str, direction: Direction) -> list[str]:
        if direction == "up":
            return list(self._dataset(tenant, dataset_id).derived_from)
        bodies = self._connection.execute("SELECT body FROM datasets WHERE tenant = ?", (tenant,)).fetchall()
        datasets = (_DATASET.decode(body) for (body,) in bodies)
        return [each.dataset_id for each in datasets if dataset_id in each.derived_from]

    def _fold(self, connection: sqlite3.Connection, before_day: int) -> int:
        whose = connection.execute(
            "SELECT tenant, dataset, count(*) FROM quality WHERE day < ? GROUP BY 1, 2 HAVING count(*) > 1"
            " OR min(day) > ?",
            (before_day, FOLDED),
        ).fetchall()
        gone = 0
        for tenant, dataset_id, count in whose:
            period_s = self._dataset(tenant, dataset_id).period_s
            folded = fold(self._states(tenant, dataset_id), before_day, period_s)
            place = (tenant, dataset_id)
            connection.execute(
                "DELETE FROM quality WHERE tenant = ? AND dataset = ? AND day < ?", (*place, before_day)
            )
            connection.execute("INSERT INTO quality VALUES (?, ?, ?, ?)", (*place, FOLDED, _encode(folded)))
            gone += count - 1
        return gone

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._connection
            except sqlite3.Error as error:
                raise _translated(error) from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise


def _join(edges: dict[Edge, None], direction: Direction, far: str, near: str) -> None:
    edges[Edge(far, near) if direction == "up" else Edge(near, far)] = None


def _check_id(dataset_id: str) -> None:
    if not dataset_id or not all(c.isascii() and (c.isalnum() or c in "-._~") for c in dataset_id):
        raise InputError(
            "an id of letters, digits and -._~", repr(dataset_id), "choose one that a URL can carry"
        )


def _cursor(after: str | None) -> int:
    if after is None:
        return 2**63 - 1
    if not after.isdecimal():
        raise InputError("a cursor from the page before", repr(after), "begin without a cursor")
    return int(after)


def _translated(error: sqlite3.Error) -> StoreError:
    if "locked" in str(error) or "busy" in str(error):
        return StoreBusy(
            "to write to the catalogue", "another process is writing", "wait, or end that process"
        )
    return StoreError("a catalogue in working order", str(error), "see docs/catalogue.md")
