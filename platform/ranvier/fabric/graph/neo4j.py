"""`Neo4jGraph`: the adapter of the port `GraphStore` for a Neo4j server (5.26 or later, any edition).

What is known now and has no end is the graph that one browses; all else lies beside it:

    (:NRCellDU:Cell:…:Entity {id})──[:serves]──►(:UE:Entity {id})        the graph as it is
            │                         │
            │ changed, ended          │ ended by a handover
            ▼                         ▼
    (:EndedFact)  known to have held over [valid_from, valid_to)
            │ corrected by a late change
            ▼
    (:SupersededFact)  believed over [recorded_at, superseded_at), no longer

    (:Assertion)  every distinct thing that was ever said of a slot, once: redelivery finds itself here
    (:Clock)      one for each space: its turn (number of batches) and the latest time of recording
    (:Scope)      one for each tenant's network: its classes, and up to when anything there has ended
    (:LogOffset)  where this sink goes on in the log, written in the transaction of the data

Facts beside the graph are no neighbours of anything, so they make no node dense. They are found by an
index over (place, fork): the virtual backbone of a relational interval tree (`intervals`), over valid time
for ended facts and over the time of belief for superseded ones. A place is a category (all nodes of a
class, or all relations, of a network), a node, or a node as an end of relations. So a read at any point of
both times takes a fixed number of queries, and looks at what held then and now, never at all the history.
As of now, nothing beside the graph is looked at. Why reads hold together without locks: `neo4j_reader`.

An entity's node stays when what it stands for is gone, without labels of its classes. Times are
nanoseconds; `body` holds a fact's properties exactly, and those with plain names stand beside it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from ranvier.fabric.graph import neo4j_reader, neo4j_schema
from ranvier.fabric.graph.neo4j_driver import Driver, Neo4jConfig, Observer, Run
from ranvier.fabric.graph.neo4j_reader import Reader, Whose
from ranvier.fabric.graph.neo4j_reading import Row, State
from ranvier.fabric.graph.neo4j_writer import Writer
from ranvier.fabric.ports import FOREVER_NS, GraphPage, Health, Offsets
from ranvier.fabric.snapshot import Node, Relation, Snapshot
from ranvier.fabric.topology_change import TopologyChange
from ranvier.ontology.errors import StoreError
from ranvier.ontology.ontology import Ontology

__all__ = ["Neo4jConfig", "Neo4jGraph"]

T = TypeVar("T")
_PING_S = 3.0
_OFFSETS = "MATCH (o:LogOffset {space: $space}) RETURN o.topic, o.partition, o.next"
_PING = """
CALL dbms.components() YIELD name, versions, edition
WITH name, versions[0] AS version, edition
CALL () { MATCH (n) RETURN count(n) AS nodes }
CALL () { MATCH ()-[r]->() RETURN count(r) AS relations }
RETURN name, version, edition, nodes, relations
"""


class Neo4jGraph:
    """A property graph with two times on a Neo4j server. Any thread may read and write; writes queue.

    Nothing is done on opening: the first use connects, and makes the constraints that are missing.
    """

    def __init__(self, config: Neo4jConfig, ontology: Ontology, observer: Observer | None = None) -> None:
        self._space, self._ontology = config.space, ontology
        self._driver = Driver(config, observer)
        self._pinger = self._driver.with_deadline(min(_PING_S, config.deadline_s))
        self._writer = Writer(config.space, ontology)
        self._lock = threading.Lock()
        self._ready = False
        self._confirmed: dict[str, State] = {}

    def _prepare(self) -> None:
        """Make what constraints and indexes this database lacks, once."""
        with self._lock:
            if self._ready:
                return
            statements = self._driver.read(lambda run: neo4j_schema.pending(run, self._ontology))
            if statements:
                self._driver.write(lambda run: [run(statement, {}) for statement in statements])
                self._driver.read(lambda run: run("CALL db.awaitIndexes(300)", {}))
                self._driver.write(lambda run: neo4j_schema.record(run, self._ontology))
            self._ready = True

    # ------------------------------------------------------------ writing
    def apply(
        self, changes: Sequence[TopologyChange], recorded_at_ns: int | Sequence[int],
        offsets: Offsets | None = None,
    ) -> int:  # fmt: skip
        """See the port. All changes or none: the first that is not admitted is raised before any is written.

        Knowledge does not go back: a `recorded_at_ns` before the space's latest is taken as the latest.
        Offsets do not go back either: a batch that a slow writer sends again moves none.
        """
        self._prepare()
        with self._lock:
            return self._driver.write(
                lambda run: self._writer.apply(run, changes, recorded_at_ns, offsets or {})
            )

    # ------------------------------------------------------------ reading
    def _read(
        self, whose: tuple[str, str], as_of_ns: int, known_at_ns: int, plan: Callable[[Reader], T]
    ) -> T:
        if not self._ready:
            self._prepare()

        def work(run: Run) -> T:
            reader = Reader(run, Whose(self._space, *whose), (as_of_ns, known_at_ns), self._confirmed)
            return reader.answer(plan)

        return self._driver.read(work)

    def node(self, tenant: str, network: str, node_id: str, as_of_ns: int, known_at_ns: int) -> Node | None:
        """See the port."""
        rows = self._read(
            (tenant, network), as_of_ns, known_at_ns, lambda reader: reader.of_nodes([reader.entity(node_id)])
        )
        return neo4j_reader.nodes(rows)[0] if rows else None

    def neighbourhood(
        self, tenant: str, network: str, node_id: str, as_of_ns: int, known_at_ns: int, hops: int = 1
    ) -> Snapshot:
        """See the port. Empty where there was no such node; relations to nodes not there are left out."""

        def plan(reader: Reader) -> Snapshot:
            start = {reader.entity(node_id)}
            present: dict[str, Row] = {}
            frontier, reached = start, start
            for _ in range(hops):
                found = reader.around(frontier)
                arrived = {row.source: row for row in found if row.target is None}
                present |= arrived
                # A relation leads on only from a node that is there.
                left = [row for row in found if row.target and {row.source, row.target} & arrived.keys()]
                ends = {end for row in left for end in (row.source, row.target or "")}
                frontier = ends - reached
                reached = reached | frontier
            found = reader.among(frontier, reached)
            present |= {row.source: row for row in found if row.target is None}
            if not start & present.keys():
                return Snapshot(as_of_ns, known_at_ns, (), ())
            return neo4j_reader.snapshot(as_of_ns, known_at_ns, present.values(), _relations(found))

        return self._read((tenant, network), as_of_ns, known_at_ns, plan)

    def snapshot(
        self, tenant: str, network: str, as_of_ns: int, known_at_ns: int, classes: Sequence[str] | None = None
    ) -> Snapshot:
        """See the port. `classes` are taken literally, without their subclasses."""

        def plan(reader: Reader) -> Snapshot:
            nodes = reader.of_classes(classes)
            return neo4j_reader.snapshot(as_of_ns, known_at_ns, nodes, reader.relations_from(nodes))

        return self._read((tenant, network), as_of_ns, known_at_ns, plan)

    def page(
        self, tenant: str, network: str, as_of_ns: int, known_at_ns: int, *,
        node_class: str | None = None, cursor: str | None = None, limit: int = 100,
    ) -> GraphPage:  # fmt: skip
        """See the port. The cursor is the last id of the page before: it stays good whatever is written."""
        rows = self._read(
            (tenant, network), as_of_ns, known_at_ns,
            lambda reader: reader.page(node_class, cursor or "", limit + 1),
        )  # fmt: skip
        page = neo4j_reader.nodes(rows[:limit])
        return GraphPage(page, page[-1].node_id if len(rows) > limit else None)

    def history(
        self, tenant: str, network: str, entity_id: str, known_at_ns: int
    ) -> tuple[Node | Relation, ...]:
        """See the port. At one instant the node comes before its relations."""
        rows = self._read(
            (tenant, network),
            FOREVER_NS,
            known_at_ns,
            lambda reader: reader.history(reader.entity(entity_id)),
        )
        found: list[Node | Relation] = [
            *neo4j_reader.nodes(row for row in rows if row.target is None),
            *neo4j_reader.relations(_relations(rows), {}),
        ]
        return tuple(sorted(found, key=lambda item: item.valid_from_ns))

    def offsets(self) -> Offsets:
        """See the port."""
        self._prepare()
        rows = self._driver.read(lambda run: run(_OFFSETS, {"space": self._space}))
        return {(topic, partition): after for topic, partition, after in rows}

    # ------------------------------------------------------------ running
    def ping(self) -> Health:
        """See the port. Counts are of the whole database, all spaces; no query of Neo4j tells its size on disk."""
        began = time.perf_counter()
        try:
            name, version, edition, nodes, relations = self._pinger.read(lambda run: run(_PING, {}))[0]
        except StoreError as error:
            return Health("graph", ok=False, error=str(error), cause=error)
        detail = {
            "engine": f"{name} {version}", "edition": edition,
            "database nodes": nodes, "database relations": relations,
            "ms": round((time.perf_counter() - began) * 1e3, 1),
        }  # fmt: skip
        return Health("graph", ok=True, detail=detail)

    def close(self) -> None:
        """See the port. Safe to call twice."""
        self._driver.close()
        self._pinger.close()


def _relations(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row.target is not None]
