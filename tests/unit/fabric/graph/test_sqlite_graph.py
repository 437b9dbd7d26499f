"""What is particular to the embedded graph: its locks, its versions, and reads whose work does not grow."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from ranvier.fabric.graph import connections
from ranvier.fabric.graph.names import Cache
from ranvier.fabric.graph.reader import Point, Reader
from ranvier.fabric.graph.sqlite import SqliteGraph
from ranvier.fabric.ports import FOREVER_NS
from ranvier.fabric.topology_change import NodeChange, RelationChange, TopologyChange
from ranvier.ontology.errors import InputError, OntologyError, StoreBusy, StoreError
from ranvier.ontology.ontology import ObjectClass, Ontology, RelationType

SECOND = 10**9
START = 1_700_000_000 * SECOND


class CellsAndUsers(Ontology, frozen=True):
    """Just enough for a cell that serves."""

    def allows(self, relation: str, source_class: str, target_class: str) -> bool:
        return (relation, source_class, target_class) == ("serves", "Cell", "UE")

    def class_of(self, distinguished_name: str) -> str:
        return distinguished_name.split("=", maxsplit=1)[0]


ONTOLOGY = CellsAndUsers(
    "test",
    {name: ObjectClass(name, name, None, "test", "test") for name in ("Cell", "UE")},
    {"serves": RelationType("serves", "serves", ("Cell",), ("UE",), "target", "test")},
    {},
)


@pytest.fixture
def graph(tmp_path: Path) -> Iterator[SqliteGraph]:
    store = SqliteGraph(tmp_path / "graph.sqlite", ONTOLOGY)
    yield store
    store.close()


def sessions(begin: int, end: int) -> list[TopologyChange]:
    """Ten users at any time, each for ten seconds, all served by one cell; a node property that changes."""
    made: list[TopologyChange] = []
    for i in range(begin, end):
        at = START + i * SECOND
        made += [
            NodeChange("Cell=1", "Cell", at, {"load": i}),
            NodeChange(f"UE={i}", "UE", at),
            RelationChange("serves", "Cell=1", f"UE={i}", at),
        ]
        if i >= 10:
            made += [
                RelationChange("serves", "Cell=1", f"UE={i - 10}", at, op="remove"),
                NodeChange(f"UE={i - 10}", "UE", at, op="remove"),
            ]
    return made


def work(path: Path, as_of: int, known_at: int) -> tuple[int, int]:
    """The instructions that SQLite's machine takes for a neighbourhood and a snapshot, and the rows found."""
    connection = sqlite3.connect(path)
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    try:
        reader = Reader(connection, "default", "default", Point(as_of, known_at))
        connection.set_progress_handler(count, 10)
        entity = reader.entity("Cell=1")
        assert entity is not None
        served = reader.of_ends([entity])
        found = len(served) + len(reader.of_nodes({row.b for row in served} | {entity}))
        found += len(reader.of_categories(reader.categories("node")))
        return steps, found
    finally:
        connection.close()


@pytest.mark.parametrize("when", ["past, known now", "past, known then", "now"])
def test_the_work_of_a_read_does_not_grow_with_history(tmp_path: Path, graph: SqliteGraph, when: str) -> None:
    taken = []
    for begin, end in ((0, 60), (60, 1200)):
        for i in range(begin, end):
            graph.apply(sessions(i, i + 1), START + i * SECOND)
        past = START + 30 * SECOND + 1
        as_of, known_at = {
            "past, known now": (past, FOREVER_NS),
            "past, known then": (past, past),
            "now": (START + (end - 1) * SECOND + 1, FOREVER_NS),
        }[when]
        steps, found = work(tmp_path / "graph.sqlite", as_of, known_at)
        assert found == 10 + 11 + 11
        taken.append(steps)
    # Twenty times the history; an index that scans it takes some twenty times the steps.
    assert taken[1] < 1.5 * taken[0]


def test_a_writer_that_another_process_keeps_waiting_says_who_is_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_PATIENCE_S", 0.05)
    graph = SqliteGraph(tmp_path / "graph.sqlite", ONTOLOGY)
    other = sqlite3.connect(tmp_path / "graph.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(StoreBusy, match=r"graph\.sqlite"):
            graph.apply([NodeChange("UE=1", "UE", 0)], 0)
        assert graph.node("default", "default", "UE=1", 0, 0) is None
        other.execute("ROLLBACK")
        assert graph.apply([NodeChange("UE=1", "UE", 0)], 0) == 1
    finally:
        other.close()
        graph.close()


def test_a_file_of_another_version_or_kind_is_refused(tmp_path: Path) -> None:
    newer = sqlite3.connect(tmp_path / "newer.sqlite")
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(StoreError, match="99"):
        SqliteGraph(tmp_path / "newer.sqlite", ONTOLOGY)
    (tmp_path / "text.sqlite").write_text("this is no database" * 100)
    with pytest.raises(StoreError, match=r"text\.sqlite"):
        SqliteGraph(tmp_path / "text.sqlite", ONTOLOGY)


def test_an_error_within_a_batch_leaves_the_store_as_it_was(
    graph: SqliteGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph.apply([NodeChange("UE=1", "UE", 0)], 0, {("t", 0): 1})
    with monkeypatch.context() as patch:
        patch.setattr(graph._writer, "flush", lambda: (_ for _ in ()).throw(sqlite3.OperationalError("disk")))
        with pytest.raises(StoreError, match="disk"):
            graph.apply([NodeChange("UE=2", "UE", 0)], 1, {("t", 0): 2})
    assert graph.offsets() == {("t", 0): 1}
    assert graph.apply([NodeChange("UE=1", "UE", 0), NodeChange("UE=2", "UE", 0)], 1) == 1
    assert len(graph.snapshot("default", "default", 5, FOREVER_NS).nodes) == 2


def test_check_sorts_out_one_by_one_what_apply_would_refuse(graph: SqliteGraph) -> None:
    graph.check(RelationChange("serves", "Cell=1", "UE=1", 0))
    with pytest.raises(OntologyError, match="UE=1"):
        graph.check(RelationChange("serves", "UE=1", "Cell=1", 0))
    with pytest.raises(InputError):
        graph.check(NodeChange("UE=1", "UE", 0, {"x": float("nan")}))


def test_a_cache_keeps_the_latest_and_stays_within_its_size() -> None:
    cache: Cache[int, int] = Cache(100)
    for i in range(1_000):
        cache.put(i, i)
        assert cache[0] == 0, "what is used stays"
    assert sum(cache[i] is not None for i in range(1, 1_000)) <= 100
    assert cache[999] == 999
