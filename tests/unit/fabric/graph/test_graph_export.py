"""What a graph's file was told can be told to another: every read of both times is the same, now and later."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ranvier.fabric.graph import export as export_module
from ranvier.fabric.graph.export import GraphExport
from ranvier.fabric.graph.sqlite import SqliteGraph
from ranvier.fabric.topology_change import NodeChange, RelationChange, TopologyChange
from ranvier.ontology.errors import StoreError
from ranvier.ontology.ontology import Ontology, load

ONTOLOGY: Ontology = load()
CELLS = [f"ManagedElement=1,GNBDUFunction=1,NRCellDU={i}" for i in (1, 2, 3)]
UES, SITES = ["UE=1", "UE=2"], ["Site=1", "Site=2"]
TIMES = st.integers(1, 6)
VALUES = st.one_of(
    st.just({}), st.builds(lambda v: {"v": v}, st.sampled_from([1, 2, 2.5, True, None, "text"]))
)
OPS = st.sampled_from(["upsert", "upsert", "remove"])
EXAMPLES = settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def _relation(name: str, sources: list[str], targets: list[str]) -> st.SearchStrategy[TopologyChange]:
    return st.builds(
        lambda source, target, at, properties, op: RelationChange(
            name, source, target, at, {} if op == "remove" else properties, op
        ),
        st.sampled_from(sources), st.sampled_from(targets), TIMES, VALUES, OPS,
    )  # fmt: skip


NODES = st.builds(
    lambda node, at, properties, op: NodeChange(
        node[0], node[1], at, {} if op == "remove" else properties, op
    ),
    st.sampled_from([(CELLS[0], "NRCellDU"), ("UE=1", "UE"), ("Site=1", "Site")]), TIMES, VALUES, OPS,
)  # fmt: skip
CHANGES = st.one_of(
    NODES,
    _relation("serves", CELLS, UES[:1]),  # functional at its target
    _relation("locatedAt", CELLS[:1], SITES),  # functional at its source
    _relation("adjacent", CELLS[:1], CELLS[1:]),
)
BATCHES = st.lists(st.tuples(st.integers(0, 2), st.lists(CHANGES, min_size=1, max_size=4)), max_size=14)
"""How much later each batch is recorded, and its changes: 0 is another batch at the same time."""


def told(graph: SqliteGraph, batches: list[tuple[int, list[TopologyChange]]], recorded: int) -> int:
    for later, changes in batches:
        recorded += later
        graph.apply(changes, recorded)
    return recorded


def believed(facts: list[tuple[Any, ...]]) -> set[Any]:
    """Facts that were recorded anew while they were believed, as one."""
    joined: list[tuple[Any, ...]] = []
    for *fact, recorded, superseded in sorted(facts, key=repr_but_times):
        if joined and [*joined[-1][:-2]] == fact and joined[-1][-1] == recorded:
            joined[-1] = (*joined[-1][:-1], superseded)
        else:
            joined.append((*fact, recorded, superseded))
    return set(joined)


def repr_but_times(fact: tuple[Any, ...]) -> tuple[str, int]:
    return repr(fact[:-2]), fact[-2]


def tables(path: Path) -> tuple[set[Any], set[Any]]:
    """All facts with both times and all assertions, by name."""
    with closing(sqlite3.connect(path)) as file:
        names = (
            "(SELECT name FROM category WHERE id = {0}.category), (SELECT name FROM entity WHERE id = {0}.a)"
        )
        names += ", (SELECT name FROM entity WHERE id = {0}.b), digest"
        facts = file.execute(
            f"SELECT {names.format('fact')}, valid_from, valid_to, recorded_at, superseded_at FROM fact"
        ).fetchall()
        said = file.execute(f"SELECT {names.format('assertion')}, at_ns, op, live FROM assertion").fetchall()
    assert len(set(facts)) == len(facts)
    return believed(facts), set(said)


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory() as path:
        yield Path(path)


def moved(folder: Path) -> SqliteGraph:
    """A graph that was told all that the source was."""
    target = SqliteGraph(folder / "target.sqlite", ONTOLOGY)
    with closing(GraphExport(folder / "source.sqlite", ONTOLOGY)) as export:
        total = export.prepare()
        number = 0
        for batch in export.batches():
            target.apply(batch.changes, batch.recorded_at_ns)
            number = batch.number
        assert number == total
    return target


@EXAMPLES
@given(BATCHES, BATCHES)
def test_the_copy_has_the_same_facts_in_both_times_and_goes_on_in_the_same_way(
    before: list[tuple[int, list[TopologyChange]]], after: list[tuple[int, list[TopologyChange]]]
) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        with closing(SqliteGraph(folder / "source.sqlite", ONTOLOGY)) as source:
            recorded = told(source, before, 100)
            with closing(moved(folder)) as target:
                assert tables(folder / "target.sqlite") == tables(folder / "source.sqlite")
                told(source, after, recorded)
                told(target, after, recorded)
                assert tables(folder / "target.sqlite") == tables(folder / "source.sqlite")


SAME_INSTANT = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.lists(
            st.builds(
                lambda cell, v, op: RelationChange(
                    "serves", cell, "UE=1", 5, {} if op == "remove" else {"v": v}, op
                ),
                st.sampled_from(CELLS), st.integers(1, 3), OPS,
            ) | _relation("serves", CELLS, UES[:1]),
            min_size=1, max_size=3,
        ),
    ),
    max_size=12,
)  # fmt: skip


@EXAMPLES
@given(SAME_INSTANT)
def test_contradictions_at_one_instant_are_told_in_an_order_that_gives_the_same_beliefs(
    batches: list[tuple[int, list[TopologyChange]]],
) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        with closing(SqliteGraph(folder / "source.sqlite", ONTOLOGY)) as source:
            told(source, batches, 100)
            moved(folder).close()
            assert tables(folder / "target.sqlite") == tables(folder / "source.sqlite")


def _long(graph: SqliteGraph, count: int) -> None:
    chance = random.Random(1)
    for n in range(count):
        cell = chance.choice(CELLS)
        late = chance.randrange(50) if chance.random() < 0.1 else 0
        graph.apply([RelationChange("serves", cell, "UE=1", 10 * n - late)], 1_000 + n)


def test_a_slot_of_a_long_history_is_told_in_time_that_grows_with_it(folder: Path) -> None:
    with closing(SqliteGraph(folder / "source.sqlite", ONTOLOGY)) as source:
        _long(source, 4_000)
        moved(folder).close()
    assert tables(folder / "target.sqlite") == tables(folder / "source.sqlite")


def test_the_batches_after_any_number_are_those_that_were_left(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_module, "BATCH", 2)
    with closing(SqliteGraph(folder / "source.sqlite", ONTOLOGY)) as source:
        _long(source, 50)
    with closing(GraphExport(folder / "source.sqlite", ONTOLOGY)) as export:
        total = export.prepare()
        every = list(export.batches())
        assert sum(len(batch.changes) for batch in every) == total
        cut = every[20].number
        assert list(export.batches(cut)) == every[21:]
        assert list(export.batches(total)) == []


def test_a_file_whose_facts_do_not_follow_from_what_was_said_is_refused(folder: Path) -> None:
    with closing(SqliteGraph(folder / "source.sqlite", ONTOLOGY)) as source:
        _long(source, 5)
    with closing(sqlite3.connect(folder / "source.sqlite")) as file:
        file.execute("UPDATE fact SET digest = 7 WHERE superseded_at > 2000")
        file.commit()
    with (
        closing(GraphExport(folder / "source.sqlite", ONTOLOGY)) as export,
        pytest.raises(StoreError, match="damaged"),
    ):
        export.prepare()
