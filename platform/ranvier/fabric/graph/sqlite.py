"""`SqliteGraph`: the embedded adapter of the port `GraphStore`."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

from ranvier.fabric.graph.admission import Admission, Key
from ranvier.fabric.graph.connections import Connections, refusal
from ranvier.fabric.graph.export import GraphExport
from ranvier.fabric.graph.names import Cache
from ranvier.fabric.graph.reader import Point, Reader, Row
from ranvier.fabric.graph.recording import by_time
from ranvier.fabric.graph.writer import Writer
from ranvier.fabric.ports import GraphPage, Health, Offsets
from ranvier.fabric.snapshot import Node, Relation, Snapshot
from ranvier.fabric.topology_change import NodeChange, TopologyChange
from ranvier.ontology.errors import StoreError
from ranvier.ontology.ontology import Ontology

_CLASS = """
SELECT c.name FROM scope AS s JOIN entity AS e ON e.scope = s.id
JOIN fact AS f ON f.slot = -e.id AND f.superseded_at = 9223372036854775807
JOIN category AS c ON c.id = f.category
WHERE s.tenant = ? AND s.network = ? AND e.name = ? ORDER BY f.valid_from DESC LIMIT 1
"""


class SqliteGraph:
    """A property graph with two times in one SQLite file. Any thread may read and write; writes queue.

    Another process may read beside it; one that writes at the same moment waits five seconds, then gets
    StoreBusy.
    """

    def __init__(self, path: Path, ontology: Ontology) -> None:
        self._path, self._ontology = Path(path), ontology
        self._connections = Connections(self._path)
        self._lock = threading.RLock()
        self._writer = Writer(self._connections.writer, ontology)
        self._admission = Admission(ontology, self._known_class)
        self._classes: Cache[Key, str] = Cache(200_000)
        self._data_version: int | None = None
        self._closed = False

    # ------------------------------------------------------------ writing
    def check(self, change: TopologyChange) -> None:
        """Raises OntologyError or InputError where `apply` would refuse this change. Alters nothing."""
        with self._lock:
            self._admission.check(change)

    def apply(
        self, changes: Sequence[TopologyChange], recorded_at_ns: int | Sequence[int],
        offsets: Offsets | None = None,
    ) -> int:  # fmt: skip
        """See the port. All changes or none: the first that is not admitted is raised before any is written.

        Knowledge does not go back: a `recorded_at_ns` before the store's latest is taken as the latest.
        """
        with self._lock:
            if self._closed:
                raise StoreError("an open graph store", "a closed one", "open it again")
            declared = {
                (c.tenant, c.network, c.node_id): c.node_class for c in changes if isinstance(c, NodeChange)
            }
            for change in changes:
                self._admission.check(change, declared)
            try:
                altered = self._write(changes, recorded_at_ns, offsets or {})
            except BaseException as error:
                self._abandon()
                if isinstance(error, sqlite3.Error):
                    raise refusal(error, self._path) from error
                raise
            for key, node_class in declared.items():
                self._classes.put(key, node_class)
            return altered

    def _write(
        self, changes: Sequence[TopologyChange], recorded_at_ns: int | Sequence[int], offsets: Offsets
    ) -> int:
        connection = self._connections.writer
        connection.execute("BEGIN IMMEDIATE")
        version = connection.execute("PRAGMA data_version").fetchone()[0]
        if version != self._data_version:  # another connection has written, or this is the first write
            self._writer.forget()
            self._data_version = version
        clock = connection.execute("SELECT recorded_at FROM clock").fetchone()[0]
        altered = 0
        for recorded, several in by_time(changes, recorded_at_ns, clock):
            fresh = self._writer.apply(several, recorded)
            altered += fresh
            if fresh:
                connection.execute("UPDATE clock SET recorded_at = ?", (recorded,))
        connection.executemany(
            "INSERT OR REPLACE INTO log_offset VALUES (?, ?, ?)",
            [(topic, part, after) for (topic, part), after in offsets.items()],
        )
        connection.execute("COMMIT")
        return altered

    def _abandon(self) -> None:
        if self._connections.writer.in_transaction:
            self._connections.writer.execute("ROLLBACK")
        self._data_version = None

    def _known_class(self, key: Key) -> str | None:
        known = self._classes[key]
        if known is None:
            row = self._connections.writer.execute(_CLASS, key).fetchone()
            if row is not None:
                known = row[0]
                self._classes.put(key, known)
        return known

    # ------------------------------------------------------------ reading
    def node(self, tenant: str, network: str, node_id: str, as_of_ns: int, known_at_ns: int) -> Node | None:
        """See the port."""
        with self._connections.reading() as connection:
            reader = Reader(connection, tenant, network, Point(as_of_ns, known_at_ns))
            entity = reader.entity(node_id)
            rows = reader.of_nodes([entity]) if entity else []
            return reader.nodes(rows)[0] if rows else None

    def neighbourhood(
        self, tenant: str, network: str, node_id: str, as_of_ns: int, known_at_ns: int, hops: int = 1
    ) -> Snapshot:
        """See the port. Empty where there was no such node; relations to nodes not there are left out."""
        with self._connections.reading() as connection:
            reader = Reader(connection, tenant, network, Point(as_of_ns, known_at_ns))
            entity = reader.entity(node_id)
            nodes = {row.a: row for row in reader.of_nodes([entity])} if entity else {}
            relations: dict[int, Row] = {}
            frontier = set(nodes)
            for _ in range(hops):
                found = reader.of_ends(frontier)
                relations.update((row.id, row) for row in found)
                fresh = {end for row in found for end in (row.a, row.b)} - set(nodes)
                arrived = {row.a: row for row in reader.of_nodes(fresh)}
                nodes |= arrived
                frontier = set(arrived)
            relations.update((row.id, row) for row in reader.of_ends(frontier))
            return _snapshot(reader, list(nodes.values()), relations.values(), Point(as_of_ns, known_at_ns))

    def snapshot(
        self, tenant: str, network: str, as_of_ns: int, known_at_ns: int, classes: Sequence[str] | None = None
    ) -> Snapshot:
        """See the port. `classes` are taken literally, without their subclasses."""
        with self._connections.reading() as connection:
            reader = Reader(connection, tenant, network, Point(as_of_ns, known_at_ns))
            nodes = reader.of_categories(reader.categories("node", classes))
            relations = reader.of_categories(reader.categories("relation"))
            return _snapshot(reader, nodes, relations, Point(as_of_ns, known_at_ns))

    def page(
        self, tenant: str, network: str, as_of_ns: int, known_at_ns: int, *,
        node_class: str | None = None, cursor: str | None = None, limit: int = 100,
    ) -> GraphPage:  # fmt: skip
        """See the port. The cursor is the last id of the page before: it stays good whatever is written."""
        with self._connections.reading() as connection:
            reader = Reader(connection, tenant, network, Point(as_of_ns, known_at_ns))
            classes = None if node_class is None else [node_class]
            found = reader.nodes(reader.of_categories(reader.categories("node", classes)))
        rest = [node for node in found if cursor is None or node.node_id > cursor]
        page = tuple(rest[:limit])
        return GraphPage(page, page[-1].node_id if len(rest) > limit else None)

    def history(
        self, tenant: str, network: str, entity_id: str, known_at_ns: int
    ) -> tuple[Node | Relation, ...]:
        """See the port. At one instant the node comes before its relations."""
        with self._connections.reading() as connection:
            reader = Reader(connection, tenant, network, Point(0, known_at_ns))
            entity = reader.entity(entity_id)
            rows = reader.history(entity) if entity else []
            nodes = reader.nodes([row for row in rows if row.slot < 0])
            relations = reader.relations([row for row in rows if row.slot > 0])
        return tuple(sorted([*nodes, *relations], key=lambda item: item.valid_from_ns))

    def offsets(self) -> Offsets:
        """See the port."""
        with self._connections.reading() as connection:
            rows = connection.execute("SELECT topic, part, next FROM log_offset").fetchall()
        return {(topic, part): after for topic, part, after in rows}

    def export(self) -> GraphExport:
        """All that was ever told, in order of recording, to tell it to another store; close it after use."""
        return GraphExport(self._path, self._ontology)

    # ------------------------------------------------------------ running
    def ping(self) -> Health:
        """See the port."""
        try:
            with self._connections.reading() as connection:
                facts = connection.execute("SELECT coalesce(max(id), 0) FROM fact").fetchone()[0]
                entities = connection.execute("SELECT coalesce(max(id), 0) FROM entity").fetchone()[0]
        except StoreError as error:
            return Health("graph", ok=False, error=str(error))
        files = (self._path, self._path.with_name(self._path.name + "-wal"))
        size = sum(file.stat().st_size for file in files if file.exists())
        detail = {
            "engine": f"SQLite {sqlite3.sqlite_version}",
            "bytes": size,
            "ids": entities,
            "facts": facts,
        }
        return Health("graph", ok=True, detail=detail)

    def close(self) -> None:
        """See the port. Safe to call twice."""
        with self._lock:
            self._closed = True
            self._connections.close()


def _snapshot(reader: Reader, nodes: list[Row], relations: Iterable[Row], at: Point) -> Snapshot:
    present = {row.a for row in nodes}
    between = [row for row in relations if row.a in present and row.b in present]
    return Snapshot(at.as_of_ns, at.known_at_ns, tuple(reader.nodes(nodes)), tuple(reader.relations(between)))
