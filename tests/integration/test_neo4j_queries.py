"""What the Neo4j adapter asks of the server: how often, in which mode, by which plan, and for how much."""

from __future__ import annotations

import contextlib
import itertools
import re
import socket
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ranvier.fabric.graph import neo4j_reader, neo4j_writer
from ranvier.fabric.graph.neo4j import Neo4jConfig, Neo4jGraph
from ranvier.fabric.graph.neo4j_driver import Driver, Run
from ranvier.fabric.graph.neo4j_reader import Reader, Whose
from ranvier.fabric.ports import FOREVER_NS
from ranvier.fabric.snapshot import Snapshot
from ranvier.fabric.topology_change import NodeChange, RelationChange, TopologyChange
from ranvier.ontology.errors import StoreError
from ranvier.ontology.ontology import load
from tests.servers import connect

pytestmark = connect.needs("neo4j")
NOW = FOREVER_NS
ROOT = Path(__file__).resolve().parents[2]
WHOSE = ("default", "default")
ONTOLOGY = load()
SECOND_NS = 1_000_000_000

Query = tuple[str, str, dict[str, Any]]


class Watched:
    """A graph in a space of its own, with all that it asks of the server."""

    def __init__(self) -> None:
        self.config = Neo4jConfig(**connect.address("neo4j"), space=f"test-{uuid.uuid4().hex}")
        self.asked: list[Query] = []
        self.graph = Neo4jGraph(self.config, ONTOLOGY, self._note)
        self.driver = Driver(self.config)

    def _note(self, mode: str, text: str, parameters: Mapping[str, Any]) -> None:
        self.asked.append((mode, text, dict(parameters)))

    def during(self, work: Callable[[], object]) -> list[Query]:
        """What is asked while `work` is done, once the first use is over."""
        work()
        self.asked.clear()
        work()
        return list(self.asked)

    def plan(self, kind: str, query: Query) -> Any:
        """The plan of a query that was asked; kind EXPLAIN, or PROFILE to run it again."""
        client = pytest.importorskip("neo4j")
        auth = (self.config.user, self.config.password)
        with client.GraphDatabase.driver(self.config.uri, auth=auth) as driver, driver.session() as session:
            summary = session.run(f"{kind} {query[1]}", query[2]).consume()
        return summary.profile if kind == "PROFILE" else summary.plan

    def close(self) -> None:
        self.graph.close()
        self.driver.close()


@pytest.fixture
def watched() -> Iterator[Watched]:
    made = Watched()
    yield made
    made.close()


def cell(i: int) -> str:
    return f"SubNetwork=1,ManagedElement=1,GNBDUFunction=1,NRCellDU={i}"


def ue(i: int) -> str:
    return f"UE={i}"


def network(cells: int) -> list[TopologyChange]:
    """Cells in a ring, each adjacent to the next four and serving one UE."""
    made: list[TopologyChange] = [NodeChange(cell(i), "NRCellDU", 0, {"nRPCI": i}) for i in range(cells)]
    made += [NodeChange(ue(i), "UE", 0) for i in range(cells)]
    for i in range(cells):
        made += [RelationChange("adjacent", cell(i), cell((i + j) % cells), 0) for j in (1, 2, 3, 4)]
        made.append(RelationChange("serves", cell(i), ue(i), 0))
    return made


READS: dict[str, Callable[[Neo4jGraph], object]] = {
    "node": lambda graph: graph.node(*WHOSE, cell(0), NOW, NOW),
    "neighbourhood": lambda graph: graph.neighbourhood(*WHOSE, cell(0), NOW, NOW),
    "neighbourhood then": lambda graph: graph.neighbourhood(*WHOSE, cell(0), 5, 100),
    "snapshot": lambda graph: graph.snapshot(*WHOSE, NOW, NOW),
    "snapshot then": lambda graph: graph.snapshot(*WHOSE, 5, 100),
    "page": lambda graph: graph.page(*WHOSE, NOW, NOW, limit=10),
    "page then": lambda graph: graph.page(*WHOSE, 5, 100, limit=10),
    "history": lambda graph: graph.history(*WHOSE, cell(0), NOW),
    "offsets": lambda graph: graph.offsets(),
}


# ---------------------------------------------------------------- how often, and in which mode
def test_reads_take_a_constant_number_of_queries_and_only_read() -> None:
    counts: dict[int, dict[str, int]] = {}
    for cells in (10, 200):
        watched = Watched()
        watched.graph.apply(network(cells), 100, {("t", 0): 1})
        watched.graph.apply([RelationChange("serves", cell(i), ue(i + 1), 10) for i in range(cells - 1)], 200)
        counts[cells] = {}
        for name, read in READS.items():
            asked = watched.during(partial(read, watched.graph))
            counts[cells][name] = len(asked)
            assert {mode for mode, *_ in asked} == {"READ"}, name
        watched.close()
    print("queries of each read:", counts[200])
    assert counts[10] == counts[200]
    assert counts[200]["neighbourhood"] <= 3
    assert max(counts[200].values()) <= 4


def test_the_server_refuses_to_write_on_the_path_of_reads(watched: Watched) -> None:
    with pytest.raises(StoreError, match=r"(?i)write"):
        watched.driver.read(lambda run: run("CREATE (:ReadsMayNotWrite)", {}))


def test_a_batch_takes_a_number_of_queries_that_its_size_does_not_change() -> None:
    counts: dict[int, list[int]] = {}
    for cells in (10, 200):
        watched = Watched()
        batches = [
            network(cells),
            [RelationChange("serves", cell(i), ue(i + 1), 20) for i in range(cells - 1)],
            [RelationChange("serves", cell(i), ue(i + 2), 15) for i in range(cells - 2)],  # late
            network(cells),  # again
        ]
        counts[cells] = []
        watched.graph.offsets()
        for recorded, batch in enumerate(batches):
            watched.asked.clear()
            watched.graph.apply(batch, recorded, {("t", 0): recorded})
            counts[cells].append(len(watched.asked))
            assert {mode for mode, *_ in watched.asked} == {"WRITE"}
        watched.close()
    print("queries of a first, an in-order, a late and a repeated batch:", counts[200])
    assert counts[10] == counts[200]
    assert max(counts[200]) <= 20


def test_no_query_scans_the_database_or_names_what_the_data_holds(watched: Watched) -> None:
    watched.graph.apply(network(10), 100, {("t", 0): 1})
    watched.graph.apply([RelationChange("serves", cell(3), ue(0), 5)], 200)
    watched.graph.apply([RelationChange("serves", cell(4), ue(0), 3)], 300)
    watched.graph.apply([NodeChange(cell(0), "NRCellDU", 7, {"nRPCI": 99})], 300)
    for read in READS.values():
        read(watched.graph)
    kinds = {text: query for query in watched.asked if "NRCellDU=" not in (text := query[1])}
    assert len(kinds) == len({query[1] for query in watched.asked}), "ids travel as parameters"
    scans = {
        (operator, text)
        for text, query in kinds.items()
        if "db." not in text and "GraphSchema" not in text and "CONSTRAINT" not in text
        for operator in _operators(watched.plan("EXPLAIN", query))
        if "Scan" in operator and "LogOffset" not in text
    }
    assert scans == set()


def _operators(plan: Any) -> Iterator[str]:
    yield plan["operatorType"].split("@")[0]
    for child in plan.get("children", ()):
        yield from _operators(child)


# ---------------------------------------------------------------- for how much
def _db_hits(plan: Any) -> int:
    return int(plan.get("dbHits", 0)) + sum(_db_hits(child) for child in plan.get("children", ()))


def _cost(watched: Watched, work: Callable[[], object]) -> int:
    return sum(_db_hits(watched.plan("PROFILE", query)) for query in watched.during(work))


def _cell_that_served(watched: Watched, count: int) -> None:
    """One cell served `count` UEs, each for a second; three are with it now, and it changed as often."""
    graph = watched.graph
    changes: list[TopologyChange] = [NodeChange(cell(0), "NRCellDU", 0), NodeChange(cell(1), "NRCellDU", 0)]
    for i in range(count):
        at = (i + 1) * SECOND_NS
        changes.append(NodeChange(ue(i), "UE", 0))
        changes.append(NodeChange(cell(0), "NRCellDU", at, {"nRPCI": i}))
        changes.append(RelationChange("serves", cell(0), ue(i), at))
        changes.append(RelationChange("serves", cell(1), ue(i), at + SECOND_NS))
    graph.apply(changes, 0)
    last = (count + 10) * SECOND_NS
    graph.apply([RelationChange("serves", cell(0), ue(i), last) for i in range(3)], last)


def test_a_long_history_makes_neither_now_nor_then_dearer() -> None:
    costs: dict[int, dict[str, int]] = {}
    for count in (10, 2_000):
        watched = Watched()
        graph = watched.graph
        _cell_that_served(watched, count)
        then = count // 2 * SECOND_NS + SECOND_NS // 2
        now = graph.neighbourhood(*WHOSE, cell(0), NOW, NOW)
        past = graph.neighbourhood(*WHOSE, cell(0), then, NOW)
        assert (len(now.relations), len(past.relations)) == (3, 1)
        costs[count] = {
            "now": _cost(watched, lambda: graph.neighbourhood(*WHOSE, cell(0), NOW, NOW)),  # noqa: B023
            "then": _cost(watched, lambda: graph.neighbourhood(*WHOSE, cell(0), then, NOW)),  # noqa: B023
            "known then": _cost(watched, lambda: graph.neighbourhood(*WHOSE, cell(0), NOW, then)),  # noqa: B023
        }
        late = [RelationChange("serves", cell(1), ue(count // 2), then)]
        watched.asked.clear()
        graph.apply(late, (count + 20) * SECOND_NS)
        costs[count]["late write"] = len(watched.asked)
        watched.close()
    print("db hits beside 10 and 2,000 past facts:", costs)
    for name, few in costs[10].items():
        assert costs[2_000][name] <= 1.5 * few + 60, name


# ---------------------------------------------------------------- of one piece
def test_a_read_holds_together_though_another_writes_in_the_middle_of_it() -> None:
    """Between any two queries of a read a handover and a change come; the answer is of one state."""
    watched = Watched()
    graph, other = watched.graph, Neo4jGraph(watched.config, ONTOLOGY)
    changes: list[TopologyChange] = [NodeChange(cell(i), "NRCellDU", 0) for i in (0, 1)]
    graph.apply([*changes, NodeChange(ue(0), "UE", 0, {"seen": 0}), _serve(0, 0)], 0)
    steps = itertools.count(1)

    def write() -> None:
        i = next(steps)
        # Half of the batches are recorded at the instant of the one before.
        other.apply([NodeChange(ue(0), "UE", i, {"seen": i}), _serve(i % 2, i)], i // 2)

    def read(text: str, plan: Callable[[Reader], Snapshot]) -> None:
        def work(run: Run) -> Snapshot:
            def disturbed(query: str, parameters: Mapping[str, Any]) -> Any:
                rows = run(query, parameters)
                if "Clock" not in query:
                    write()
                return rows

            return Reader(disturbed, Whose(watched.config.space, *WHOSE), (NOW, NOW), {}).answer(plan)

        found = watched.driver.read(work)
        seen = {node.node_id: node.properties.get("seen") for node in found.nodes}[ue(0)]
        assert [r.source_id for r in found.relations if r.relation == "serves"] == [cell(seen % 2)], text
        assert {node.node_id for node in found.nodes} >= {ue(0), cell(seen % 2)}, text

    def near(reader: Reader) -> Snapshot:
        start = reader.entity(ue(0))
        ends = {row.source for row in reader.around([start])} - {start}
        found = reader.around([start])
        rest = reader.among(ends, ends | {start})
        rows = [row for row in (*found, *rest) if row.target is None]
        return neo4j_reader.snapshot(NOW, NOW, rows, [row for row in rest if row.target is not None])

    def whole(reader: Reader) -> Snapshot:
        nodes = reader.of_classes(None)
        return neo4j_reader.snapshot(NOW, NOW, nodes, reader.relations_from(nodes))

    for _ in range(5):
        read("neighbourhood", near)
        read("snapshot", whole)
    other.close()
    watched.close()


def test_what_was_undone_at_once_is_kept_for_running_reads_and_then_swept(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neo4j_writer, "UNDONE_TURNS", 3)
    kept = "MATCH (u:UndoneFact {space: $space}) RETURN count(u)"
    counts = []
    for i in range(1, 20):  # each at the instant of recording of the one before: nobody could know it
        watched.graph.apply([NodeChange(ue(0), "UE", 0, {"seen": i})], 100)
        counts += watched.driver.read(lambda run: run(kept, {"space": watched.config.space}))[0]
    assert counts[:4] == [0, 1, 2, 3]
    assert max(counts) <= 7
    found = watched.graph.node(*WHOSE, ue(0), NOW, 100)
    assert found is not None
    assert found.properties == {"seen": 19}


def test_a_read_that_was_overtaken_by_the_sweep_begins_again(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neo4j_writer, "UNDONE_TURNS", 1)
    watched.graph.apply([NodeChange(ue(0), "UE", 0, {"seen": 0})], 100)
    disturbances = iter([6, 6, 6])

    def work(run: Run) -> Any:
        def disturbed(query: str, parameters: Mapping[str, Any]) -> Any:
            rows = run(query, parameters)
            if "Clock" not in query:
                for i in range(next(disturbances, 0)):
                    watched.graph.apply([NodeChange(ue(0), "UE", 0, {"seen": time.monotonic_ns() + i})], 100)
            return rows

        reader = Reader(disturbed, Whose(watched.config.space, *WHOSE), (NOW, NOW), {})
        return reader.answer(lambda reader: reader.of_nodes([reader.entity(ue(0))]))

    rows = watched.driver.read(work)
    now = watched.graph.node(*WHOSE, ue(0), NOW, NOW)
    assert now is not None
    assert neo4j_reader.nodes(rows)[0].properties == now.properties
    assert next(disturbances, None) is None, "it was disturbed until it was left alone"


def _serve(i: int, at: int) -> RelationChange:
    return RelationChange("serves", cell(i), ue(0), at)


# ---------------------------------------------------------------- what operators see
def test_the_graph_as_it_is_can_be_browsed(watched: Watched) -> None:
    watched.graph.apply([*network(5), NodeChange(cell(4), "NRCellDU", 9, op="remove")], 100)
    watched.graph.apply([RelationChange("serves", cell(1), ue(0), 5)], 200)

    def ask(text: str) -> list[list[Any]]:
        return watched.driver.read(lambda run: run(text, {"space": watched.config.space}))

    served = "MATCH (c:NRCellDU {space: $space})-[:serves]->(u:UE) RETURN c.id, u.id, c.nRPCI ORDER BY u.id"
    assert ask(served) == [
        [cell(1), ue(0), 1], [cell(1), ue(1), 1], [cell(2), ue(2), 2], [cell(3), ue(3), 3],
    ]  # fmt: skip
    general = "MATCH (c:ManagedObject {space: $space}) RETURN count(c)"
    assert ask(general) == [[4]], "a node has the labels of its ancestors too, and none when it is gone"
    facts = "MATCH (f:EndedFact {space: $space}) WHERE f.name = 'serves' RETURN f.source_id, f.target_id"
    assert ask(facts) == [[cell(0), ue(0)]]


def test_the_database_itself_keeps_a_functional_relation_functional(watched: Watched) -> None:
    watched.graph.apply(network(3), 100)
    again = """
    MATCH (:NRCellDU {space: $space, id: $cell})-[r:serves]->(u), (other:NRCellDU {space: $space, id: $other})
    CREATE (other)-[:serves {slot: r.slot}]->(u)
    """
    names = {"space": watched.config.space, "cell": cell(0), "other": cell(1)}
    with pytest.raises(StoreError, match="already exists"):
        watched.driver.write(lambda run: run(again, names))


def test_offsets_never_go_back(watched: Watched) -> None:
    watched.graph.apply([], 0, {("t", 0): 7, ("t", 1): 3})
    watched.graph.apply([], 0, {("t", 0): 5, ("t", 1): 4})
    assert watched.graph.offsets() == {("t", 0): 7, ("t", 1): 4}


def test_two_writers_at_once_lose_nothing(watched: Watched) -> None:
    other = Neo4jGraph(watched.config, ONTOLOGY)
    watched.graph.apply([NodeChange(cell(i), "NRCellDU", 0) for i in range(4)], 0)

    def hand_over(graph: Neo4jGraph, first: int) -> None:
        for i in range(first, 20, 2):
            graph.apply([NodeChange(ue(0), "UE", i, {"seen": i}), _serve(i % 4, i)], i)

    writers = [threading.Thread(target=hand_over, args=(g, i)) for i, g in enumerate((watched.graph, other))]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found = watched.graph.history(*WHOSE, ue(0), NOW)
    assert Counter(item.valid_to_ns is None for item in found) == {False: 38, True: 2}
    assert [item.valid_from_ns for item in found] == [i for i in range(20) for _ in (0, 1)]
    other.close()


def test_ping_tells_version_and_size(watched: Watched) -> None:
    watched.graph.apply(network(3), 100)
    health = watched.graph.ping()
    assert health.ok
    assert str(health.detail["engine"]).startswith("Neo4j")
    assert int(health.detail["database nodes"]) >= 6


# ---------------------------------------------------------------- when the server is away
class Relay:
    """A way to the server that can be cut and opened again."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._listener: socket.socket | None = None
        self._ends: list[socket.socket] = []

    def open(self) -> None:
        listener = self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near = listener.accept()[0]
                far = socket.create_connection(self._target)
            except OSError:
                return
            self._ends += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                sink.sendall(data)

    def cut(self) -> None:
        if self._listener is not None:
            # Closing alone leaves the thread that waits for a connection one more.
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._ends.clear()


def test_a_store_whose_server_comes_back_goes_on() -> None:
    address = connect.address("neo4j")
    host, port = address["uri"].split("//")[1].split(":")
    relay = Relay(host, int(port))
    relay.open()
    config = Neo4jConfig(
        f"bolt://127.0.0.1:{relay.port}", address["user"], address["password"],
        space=f"test-{uuid.uuid4().hex}", deadline_s=4.0,
    )  # fmt: skip
    graph = Neo4jGraph(config, ONTOLOGY)
    first = Neo4jGraph(Neo4jConfig(**address), ONTOLOGY)  # patient: it may have to make the constraints
    first.offsets()
    first.close()
    graph.apply(network(3), 100, {("t", 0): 1})
    relay.cut()
    began = time.monotonic()
    with pytest.raises(StoreError, match="server runs"):
        graph.apply([NodeChange(ue(9), "UE", 0)], 200, {("t", 0): 2})
    assert time.monotonic() - began <= 4.0 + 3.0
    assert not graph.ping().ok
    relay.open()
    assert graph.offsets() == {("t", 0): 1}
    assert graph.apply([NodeChange(ue(9), "UE", 0)], 200, {("t", 0): 2}) == 1
    graph.close()
    relay.cut()


def test_a_space_that_was_emptied_as_the_manual_says_takes_everything_anew(watched: Watched) -> None:
    manual = (ROOT / "docs" / "servers.md").read_text()
    (statement,) = re.findall(r"^MATCH \(n\) WHERE n\.space = 'ranvier' .*$", manual, re.MULTILINE)
    changes: list[TopologyChange] = [
        *(NodeChange(f"UE={i}", "UE", 0) for i in range(3)), NodeChange("UE=0", "UE", 5, {"seen": 1}),
        NodeChange("UE=1", "UE", 7, op="remove"),
    ]  # fmt: skip
    told = watched.graph.apply(changes, 100, {("t", 0): 5})
    before = watched.graph.snapshot(*WHOSE, 10, NOW)
    client = pytest.importorskip("neo4j")
    auth = (watched.config.user, watched.config.password)
    with client.GraphDatabase.driver(watched.config.uri, auth=auth) as driver, driver.session() as session:
        session.run(statement.replace("ranvier", watched.config.space)).consume()
    assert watched.graph.offsets() == {}
    assert watched.graph.snapshot(*WHOSE, 10, NOW).nodes == ()
    assert watched.graph.apply(changes, 100, {("t", 0): 5}) == told
    assert watched.graph.snapshot(*WHOSE, 10, NOW) == before
