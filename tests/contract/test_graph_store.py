"""What every adapter of `GraphStore` guarantees. A new adapter joins by one line in `FACTORIES`."""

from __future__ import annotations

import itertools
import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ranvier.fabric.graph.neo4j import Neo4jConfig, Neo4jGraph
from ranvier.fabric.graph.sqlite import SqliteGraph
from ranvier.fabric.ports import FOREVER_NS, GraphStore
from ranvier.fabric.snapshot import Node
from ranvier.fabric.topology_change import NodeChange, RelationChange, TopologyChange
from ranvier.ontology.errors import InputError, OntologyError, StoreError
from ranvier.ontology.ontology import ObjectClass, Ontology, RelationType, load
from tests.servers import connect


def _neo4j(folder: Path, ontology: Ontology) -> GraphStore:
    """One database serves all tests: each folder is a space of its own in it."""
    config = Neo4jConfig(**connect.address("neo4j"), space=str(folder), pool_size=8)
    return Neo4jGraph(config, ontology)


FACTORIES: dict[str, Callable[[Path, Ontology], GraphStore]] = {
    "sqlite": lambda folder, ontology: SqliteGraph(folder / "graph.sqlite", ontology),
    "neo4j": _neo4j,
}
NOW = FOREVER_NS
WHOSE = ("default", "default")


class SmallOntology(Ontology, frozen=True):
    """Cells, UEs and sites, without the shipped ontology's breadth: the last RDN names the class."""

    def allows(self, relation: str, source_class: str, target_class: str) -> bool:
        kind = self.relations[relation]
        return source_class in kind.sources and target_class in kind.targets

    def class_of(self, distinguished_name: str) -> str:
        name = distinguished_name.rsplit(",", 1)[-1].split("=", 1)[0]
        if name not in self.classes:
            raise OntologyError("a distinguished name", distinguished_name, "name the class")
        return name


def _class(name: str) -> ObjectClass:
    return ObjectClass(name, name, None, "test", "test")


def _relation(name: str, source: str, target: str, functional: str | None = None) -> RelationType:
    return RelationType(name, name, (source,), (target,), functional, "test")  # type: ignore[arg-type]


ONTOLOGY = SmallOntology(
    "test",
    {name: _class(name) for name in ("Site", "Cell", "UE")},
    {
        "contains": _relation("contains", "Site", "Cell", "target"),
        "serves": _relation("serves", "Cell", "UE", "target"),
        "prefers": _relation("prefers", "UE", "Cell", "source"),
        "adjacent": _relation("adjacent", "Cell", "Cell"),
    },
    {},
)


@pytest.fixture(params=connect.parameters(FACTORIES))
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], GraphStore]]:
    """Opens stores; the same name opens the same store again."""
    opened: list[GraphStore] = []

    def factory(name: str = "one") -> GraphStore:
        store = FACTORIES[request.param](tmp_path / name, ONTOLOGY)
        opened.append(store)
        return store

    yield factory
    for store in opened:
        store.close()


@pytest.fixture
def store(make: Callable[[str], GraphStore]) -> GraphStore:
    return make("one")


Make = Callable[[str], GraphStore]


def node(node_id: str, at: int, **properties: str | int | float) -> NodeChange:
    return NodeChange(node_id, node_id.split("=", maxsplit=1)[0], at, dict(properties))


def gone(node_id: str, at: int) -> NodeChange:
    return NodeChange(node_id, node_id.split("=", maxsplit=1)[0], at, op="remove")


def serves(cell: str, ue: str, at: int, **properties: str | int) -> RelationChange:
    return RelationChange("serves", cell, ue, at, dict(properties))


def leaves(cell: str, ue: str, at: int) -> RelationChange:
    return RelationChange("serves", cell, ue, at, op="remove")


def spans(store: GraphStore, entity_id: str, known_at: int = NOW) -> list[tuple[object, ...]]:
    """The history in short: what, from, to."""
    short: list[tuple[object, ...]] = []
    for item in store.history(*WHOSE, entity_id, known_at):
        if isinstance(item, Node):
            what = tuple(sorted(item.properties.items()))
            short.append((item.node_id, what, item.valid_from_ns, item.valid_to_ns))
        else:
            short.append((item.source_id, item.target_id, item.valid_from_ns, item.valid_to_ns))
    return short


# ---------------------------------------------------------------- two times
def test_a_node_has_the_properties_of_the_latest_change_before_the_instant(store: GraphStore) -> None:
    store.apply([node("Cell=1", 10, tilt=2), node("Cell=1", 20, tilt=5)], 100)
    tilts = {t: store.node(*WHOSE, "Cell=1", t, NOW) for t in (9, 10, 19, 20, NOW)}
    assert tilts[9] is None
    assert [tilts[t].properties["tilt"] for t in (10, 19, 20, NOW)] == [2, 2, 5, 5]  # type: ignore[union-attr]


def test_what_was_not_recorded_yet_is_not_known(store: GraphStore) -> None:
    store.apply([node("Cell=1", 10, tilt=2)], 100)
    store.apply([node("Cell=1", 20, tilt=5)], 200)
    store.apply([node("Cell=1", 15, tilt=9)], 300)

    def tilt(as_of: int, known_at: int) -> object:
        found = store.node(*WHOSE, "Cell=1", as_of, known_at)
        return None if found is None else found.properties["tilt"]

    assert {(t, k): tilt(t, k) for t in (5, 12, 17, 25) for k in (99, 100, 199, 200, 299, 300)} == {
        (5, 99): None, (5, 100): None, (5, 199): None, (5, 200): None, (5, 299): None, (5, 300): None,
        (12, 99): None, (12, 100): 2, (12, 199): 2, (12, 200): 2, (12, 299): 2, (12, 300): 2,
        (17, 99): None, (17, 100): 2, (17, 199): 2, (17, 200): 2, (17, 299): 2, (17, 300): 9,
        (25, 99): None, (25, 100): 2, (25, 199): 2, (25, 200): 5, (25, 299): 5, (25, 300): 5,
    }  # fmt: skip


def test_intervals_are_half_open_and_carry_when_they_were_recorded(store: GraphStore) -> None:
    store.apply([node("Cell=1", 10, tilt=2)], 100)
    then = store.node(*WHOSE, "Cell=1", 10, 150)
    store.apply([node("Cell=1", 20, tilt=5)], 200)
    now = store.node(*WHOSE, "Cell=1", 10, NOW)
    assert then is not None
    assert now is not None
    assert (then.valid_from_ns, then.valid_to_ns, then.recorded_at_ns) == (10, None, 100)
    assert (now.valid_from_ns, now.valid_to_ns, now.recorded_at_ns) == (10, 20, 200)
    assert store.node(*WHOSE, "Cell=1", 10, 150) == then


def test_knowledge_does_not_go_back_when_the_clock_does(store: GraphStore) -> None:
    store.apply([node("Cell=1", 10, tilt=2)], 200)
    store.apply([node("Cell=1", 10, tilt=3)], 100)
    assert store.node(*WHOSE, "Cell=1", 10, 199) is None
    found = store.node(*WHOSE, "Cell=1", 10, 200)
    assert found is not None
    assert found.properties["tilt"] == 3


# ---------------------------------------------------------------- functional relations, removals
def test_a_handover_ends_the_service_before_it(store: GraphStore) -> None:
    store.apply([node("UE=1", 0), serves("Cell=1", "UE=1", 10), serves("Cell=2", "UE=1", 20)], 100)
    assert spans(store, "UE=1")[1:] == [("Cell=1", "UE=1", 10, 20), ("Cell=2", "UE=1", 20, None)]


def test_a_relation_functional_at_its_source_keeps_one_target(store: GraphStore) -> None:
    prefer = [RelationChange("prefers", "UE=1", f"Cell={i}", 10 * i) for i in (1, 2)]
    store.apply(prefer, 100)
    assert spans(store, "UE=1") == [("UE=1", "Cell=1", 10, 20), ("UE=1", "Cell=2", 20, None)]


def test_plain_relations_stand_beside_each_other(store: GraphStore) -> None:
    store.apply([RelationChange("adjacent", "Cell=1", f"Cell={i}", 10 * i) for i in (2, 3)], 100)
    assert spans(store, "Cell=1") == [("Cell=1", "Cell=2", 20, None), ("Cell=1", "Cell=3", 30, None)]


def test_the_old_cell_letting_go_late_does_not_end_the_new_service(store: GraphStore) -> None:
    store.apply(
        [serves("Cell=1", "UE=1", 10), serves("Cell=2", "UE=1", 20), leaves("Cell=1", "UE=1", 21)], 100
    )
    assert spans(store, "UE=1") == [("Cell=1", "UE=1", 10, 20), ("Cell=2", "UE=1", 20, None)]


def test_a_handover_at_one_instant_holds_in_either_order(make: Make) -> None:
    for name, at_20 in (("a", [0, 1]), ("b", [1, 0])):
        store = make(name)
        both = [leaves("Cell=1", "UE=1", 20), serves("Cell=2", "UE=1", 20)]
        store.apply([serves("Cell=1", "UE=1", 10)], 100)
        for recorded, index in enumerate(at_20, 101):
            store.apply([both[index]], recorded)
        assert spans(store, "UE=1") == [("Cell=1", "UE=1", 10, 20), ("Cell=2", "UE=1", 20, None)]


def test_a_removed_node_is_gone_until_it_comes_back(store: GraphStore) -> None:
    store.apply([node("Cell=1", 10), gone("Cell=1", 20), node("Cell=1", 30)], 100)
    there = [store.node(*WHOSE, "Cell=1", t, NOW) is not None for t in (5, 10, 19, 20, 29, 30, NOW)]
    assert there == [False, True, True, False, False, True, True]


def test_a_relation_is_read_only_while_both_its_ends_are_there(store: GraphStore) -> None:
    store.apply([serves("Cell=1", "UE=1", 10), node("UE=1", 10)], 100)
    assert store.neighbourhood(*WHOSE, "UE=1", 15, NOW).relations == ()
    store.apply([node("Cell=1", 12), gone("Cell=1", 30)], 200)
    shown = [len(store.neighbourhood(*WHOSE, "UE=1", t, NOW).relations) for t in (11, 12, 29, 30)]
    assert shown == [0, 1, 1, 0]
    assert [len(store.snapshot(*WHOSE, t, NOW).relations) for t in (11, 12, 29, 30)] == [0, 1, 1, 0]
    assert ("Cell=1", "UE=1", 10, None) in spans(store, "UE=1")


# ---------------------------------------------------------------- late, again, in any order
@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_late_changes_take_their_place_in_any_order(store: GraphStore, order: tuple[int, ...]) -> None:
    changes = [
        serves("Cell=1", "UE=1", 10), serves("Cell=2", "UE=1", 20),
        serves("Cell=1", "UE=1", 30), leaves("Cell=1", "UE=1", 40),
    ]  # fmt: skip
    for recorded, index in enumerate(order):
        store.apply([changes[index]], 100 + recorded)
    assert spans(store, "UE=1") == [
        ("Cell=1", "UE=1", 10, 20), ("Cell=2", "UE=1", 20, 30), ("Cell=1", "UE=1", 30, 40),
    ]  # fmt: skip


def test_saying_the_same_again_later_adds_nothing_to_the_history(store: GraphStore) -> None:
    assert store.apply([node("Cell=1", 10, tilt=2)], 100) == 1
    assert store.apply([node("Cell=1", t, tilt=2) for t in range(11, 60)], 200) == 0
    assert spans(store, "Cell=1") == [("Cell=1", (("tilt", 2),), 10, None)]


def test_a_late_change_ends_where_the_state_was_next_confirmed(store: GraphStore) -> None:
    store.apply([serves("Cell=1", "UE=1", t) for t in (10, 40, 50)], 100)
    store.apply([serves("Cell=2", "UE=1", 30)], 200)
    assert spans(store, "UE=1") == [
        ("Cell=1", "UE=1", 10, 30), ("Cell=2", "UE=1", 30, 40), ("Cell=1", "UE=1", 40, None),
    ]  # fmt: skip


def test_redelivery_alters_nothing(store: GraphStore) -> None:
    changes: list[TopologyChange] = [
        node("UE=1", 0), serves("Cell=1", "UE=1", 10), serves("Cell=2", "UE=1", 20),
        leaves("Cell=2", "UE=1", 30), gone("UE=1", 40),
    ]  # fmt: skip
    assert store.apply(changes, 100) == 5
    before = store.history(*WHOSE, "UE=1", NOW)
    assert store.apply(changes, 200) == 0
    assert store.apply(changes[1:3], 300) == 0
    assert store.history(*WHOSE, "UE=1", NOW) == before


def test_a_correction_at_the_same_instant_stands_and_is_not_undone_by_redelivery(store: GraphStore) -> None:
    first, second = node("Cell=1", 10, tilt=2), node("Cell=1", 10, tilt=3)
    store.apply([first], 100)
    assert store.apply([second], 200) == 1
    assert store.apply([first], 300) == 0
    assert spans(store, "Cell=1") == [("Cell=1", (("tilt", 3),), 10, None)]
    assert spans(store, "Cell=1", known_at=150) == [("Cell=1", (("tilt", 2),), 10, None)]


def events() -> st.SearchStrategy[list[TopologyChange]]:
    """Changes of one UE's serving cell: at most one upsert at an instant, and any removals of other cells."""
    cells = st.integers(1, 3)
    instants = st.tuples(st.none() | cells, st.frozensets(cells))
    return st.dictionaries(st.integers(1, 12), instants, max_size=8).map(_changes)


def _changes(instants: dict[int, tuple[int | None, frozenset[int]]]) -> list[TopologyChange]:
    made: list[TopologyChange] = []
    for at, (upsert, removed) in instants.items():
        made += [leaves(f"Cell={cell}", "UE=1", at) for cell in sorted(removed - {upsert})]
        if upsert is not None:
            made.append(serves(f"Cell={upsert}", "UE=1", at))
    return made


def serving(changes: Sequence[RelationChange], as_of: int) -> str | None:
    """Who serves, straight from the definition: go through the instants and apply each."""
    state = None
    for at in sorted({change.valid_from_ns for change in changes if change.valid_from_ns <= as_of}):
        here = [change for change in changes if change.valid_from_ns == at]
        upserts = [change.source_id for change in here if change.op == "upsert"]
        if upserts:
            state = upserts[-1]
        elif any(change.source_id == state for change in here):
            state = None
    return state


_networks = itertools.count()


def _move(changes: Sequence[TopologyChange], network: str) -> list[TopologyChange]:
    """The same changes in a network of their own, so that one store serves all examples."""
    return [msgspec.structs.replace(change, network=network) for change in changes]


def examples(store: GraphStore) -> settings:
    """How often a property is tried. A server takes some fifty times as long for each small batch."""
    return settings(
        max_examples=15 if isinstance(store, Neo4jGraph) else 60,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )


def test_any_order_batching_and_redelivery_give_one_history(store: GraphStore) -> None:
    @examples(store)
    @given(events(), st.randoms())
    def holds(changes: list[TopologyChange], chance: random.Random) -> None:
        wanted = None
        for _ in range(3):
            network = f"n{next(_networks)}"
            shuffled = _move(changes + chance.sample(changes, len(changes) // 2), network)
            chance.shuffle(shuffled)
            while shuffled:
                size = chance.randint(1, 4)
                store.apply(shuffled[:size], 100)
                shuffled = shuffled[size:]
            history = [
                (item.source_id, item.valid_from_ns, item.valid_to_ns)  # type: ignore[union-attr]
                for item in store.history("default", network, "UE=1", NOW)
            ]
            assert wanted is None or history == wanted
            wanted = history
            for t in range(14):
                served_by = [cell for cell, low, high in history if low <= t and (high is None or t < high)]
                expected = serving(changes, t)  # type: ignore[arg-type]
                assert served_by == ([] if expected is None else [expected])
            assert all(a[2] != b[1] or a[0] != b[0] for a, b in itertools.pairwise(history)), (
                "runs are joined"
            )

    holds()


def test_every_read_knows_exactly_what_was_recorded_by_then(store: GraphStore) -> None:
    @examples(store)
    @given(events(), st.randoms())
    def holds(changes: list[TopologyChange], chance: random.Random) -> None:
        network = f"n{next(_networks)}"
        shuffled = list(changes)
        chance.shuffle(shuffled)
        base = 1_000_000 * next(_networks)
        ends = [node(f"Cell={i}", 0) for i in (1, 2, 3)] + [node("UE=1", 0)]
        store.apply(_move(ends, network), base)
        for recorded, change in enumerate(shuffled, base + 1):
            store.apply(_move([change], network), recorded)
        for known in range(len(shuffled) + 1):
            for t in range(0, 14, 3):
                near = store.neighbourhood("default", network, "UE=1", t, base + known)
                expected = serving(shuffled[:known], t)  # type: ignore[arg-type]
                assert [r.source_id for r in near.relations] == ([] if expected is None else [expected])
                whole = store.snapshot("default", network, t, base + known)
                assert whole.relations == near.relations

    holds()


def test_redelivery_of_anything_alters_nothing_even_after_corrections(store: GraphStore) -> None:
    @examples(store)
    @given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 3)), max_size=8), st.randoms())
    def holds(said: list[tuple[int, int]], chance: random.Random) -> None:
        network = f"n{next(_networks)}"
        changes = _move([node("UE=1", at, v=v) if v else gone("UE=1", at) for at, v in said], network)
        for change in changes:
            store.apply([change], 100)
        before = store.history("default", network, "UE=1", NOW)
        assert store.apply(chance.sample(changes, len(changes)), 200) == 0
        assert store.history("default", network, "UE=1", NOW) == before

    holds()


def test_many_times_of_recording_in_one_batch_are_as_good_as_a_batch_for_each(store: GraphStore) -> None:
    def seen(network: str, base: int, times: Sequence[int]) -> list[list[tuple[object, ...]]]:
        """Who serves from when to when, and when that was recorded, for all that was ever known."""
        found = [
            store.snapshot("default", network, t, base + known).relations
            for known in range(times[-1] + 2) for t in range(0, 14, 3)
        ]  # fmt: skip
        return [
            [(r.source_id, r.valid_from_ns, r.valid_to_ns, r.recorded_at_ns - base) for r in each]
            for each in found
        ]

    @examples(store)
    @given(events(), st.lists(st.integers(0, 2), min_size=40, max_size=40), st.randoms())
    def holds(changes: list[TopologyChange], steps: list[int], chance: random.Random) -> None:
        """One time in two batches leaves the same facts; one that changed and changed back may be recorded anew."""
        chance.shuffle(changes)
        said = [*(node(f"Cell={i}", 0) for i in (1, 2, 3)), node("UE=1", 0), *changes]
        times = list(itertools.accumulate(steps[: len(said)]))
        found = []
        cut = chance.randint(0, len(said))
        halved = 0 < cut < len(said) and times[cut - 1] == times[cut]
        for whole in (True, False):
            network, base = f"n{next(_networks)}", 1_000_000 * next(_networks)
            moved, recorded = _move(said, network), [base + at for at in times]
            if whole:
                store.apply(moved[:cut], recorded[:cut], {("t", 0): cut})
                store.apply(moved[cut:], recorded[cut:])
            else:
                for at, several in itertools.groupby(zip(recorded, moved, strict=True), key=lambda x: x[0]):
                    store.apply([change for _, change in several], at)
            every = seen(network, base, times)
            found.append([[fact[:3] for fact in each] for each in every] if halved else every)
        assert found[0] == found[1]

    holds()


def test_as_many_times_of_recording_as_changes_are_wanted(store: GraphStore) -> None:
    with pytest.raises(InputError, match="each of 2"):
        store.apply([node("UE=1", 0), node("UE=2", 0)], [1])


# ---------------------------------------------------------------- reading
def _three_cells(store: GraphStore) -> None:
    changes: list[TopologyChange] = [
        node("Site=1", 0),
        *(node(f"Cell={i}", 0) for i in (1, 2, 3)),
        node("UE=1", 0),
    ]
    changes += [RelationChange("adjacent", f"Cell={i}", f"Cell={i + 1}", 0) for i in (1, 2)]
    changes += [RelationChange("contains", "Site=1", "Cell=1", 0), serves("Cell=1", "UE=1", 0)]
    store.apply(changes, 100)


@pytest.mark.parametrize(
    ("hops", "expected"),
    [
        (0, ["UE=1"]),
        (1, ["Cell=1", "UE=1"]),
        (2, ["Cell=1", "Cell=2", "Site=1", "UE=1"]),
        (3, ["Cell=1", "Cell=2", "Cell=3", "Site=1", "UE=1"]),
    ],
)
def test_a_neighbourhood_reaches_as_many_hops_as_asked(
    store: GraphStore, hops: int, expected: list[str]
) -> None:
    _three_cells(store)
    near = store.neighbourhood(*WHOSE, "UE=1", 5, NOW, hops)
    assert sorted(n.node_id for n in near.nodes) == expected
    assert len(near.relations) == len(expected) - 1, "this graph is a tree"


def test_a_neighbourhood_holds_the_relations_between_the_neighbours(store: GraphStore) -> None:
    _three_cells(store)
    store.apply([RelationChange("prefers", "UE=1", "Cell=2", 0)], 200)
    near = store.neighbourhood(*WHOSE, "UE=1", 5, NOW)
    assert [r.relation for r in near.relations] == ["adjacent", "prefers", "serves"]


def test_the_neighbourhood_of_nothing_is_empty(store: GraphStore) -> None:
    assert store.neighbourhood(*WHOSE, "UE=9", 5, NOW).nodes == ()
    assert store.history(*WHOSE, "UE=9", NOW) == ()


def test_a_snapshot_holds_the_classes_asked_for_and_the_relations_between_them(store: GraphStore) -> None:
    _three_cells(store)
    whole = store.snapshot(*WHOSE, 5, NOW)
    assert (len(whole.nodes), len(whole.relations)) == (5, 4)
    cells = store.snapshot(*WHOSE, 5, NOW, ["Cell"])
    assert [n.node_id for n in cells.of_class("Cell")] == ["Cell=1", "Cell=2", "Cell=3"]
    assert {r.relation for r in cells.relations} == {"adjacent"}
    assert store.snapshot(*WHOSE, 5, NOW, []).nodes == ()


def test_pages_go_through_all_nodes_once_whatever_is_written_meanwhile(store: GraphStore) -> None:
    store.apply([node(f"Cell={i:03}", 10) for i in range(25)], 100)
    seen: list[str] = []
    cursor = None
    for recorded in itertools.count(200):
        page = store.page(*WHOSE, 15, NOW, cursor=cursor, limit=10)
        seen += [n.node_id for n in page.nodes]
        cursor = page.cursor
        if cursor is None:
            break
        store.apply([node("Cell=000a", 12, tilt=recorded), gone("Cell=000", 12)], recorded)
    assert seen == [f"Cell={i:03}" for i in range(25)]


def test_a_page_can_be_of_one_class_and_of_another_time(store: GraphStore) -> None:
    _three_cells(store)
    store.apply([gone("Cell=2", 10)], 200)
    cells = [
        [n.node_id for n in store.page(*WHOSE, as_of, known_at, node_class="Cell").nodes]
        for as_of, known_at in ((9, NOW), (10, NOW), (10, 150))
    ]
    assert cells == [["Cell=1", "Cell=2", "Cell=3"], ["Cell=1", "Cell=3"], ["Cell=1", "Cell=2", "Cell=3"]]
    assert store.page(*WHOSE, 9, NOW, node_class="Antenna").nodes == ()


def test_history_gives_the_node_and_its_relations_as_known_then(store: GraphStore) -> None:
    store.apply([node("UE=1", 5), serves("Cell=1", "UE=1", 10)], 100)
    store.apply([serves("Cell=2", "UE=1", 20)], 200)
    assert spans(store, "UE=1", 150) == [("UE=1", (), 5, None), ("Cell=1", "UE=1", 10, None)]
    assert spans(store, "UE=1", 200) == [
        ("UE=1", (), 5, None), ("Cell=1", "UE=1", 10, 20), ("Cell=2", "UE=1", 20, None),
    ]  # fmt: skip
    assert spans(store, "Cell=1") == [("Cell=1", "UE=1", 10, 20)]


def test_properties_come_back_as_they_went_in(store: GraphStore) -> None:
    given_ = {"name": "Tür „7“", "tilt_deg": 2.5, "pci": 2**40, "on": True, "note": None, "empty": ""}
    store.apply([NodeChange("Cell=1", "Cell", 10, given_)], 100)
    found = store.node(*WHOSE, "Cell=1", 10, NOW)
    assert found is not None
    assert found.properties == given_
    assert {k: type(v) for k, v in found.properties.items()} == {k: type(v) for k, v in given_.items()}


# ---------------------------------------------------------------- whose
def test_tenants_and_networks_do_not_see_each_other(store: GraphStore) -> None:
    own = (("a", "x"), ("a", "y"), ("b", "x"))
    for recorded, (tenant, network) in enumerate(own):
        changes: list[TopologyChange] = [
            NodeChange("Cell=1", "Cell", 0, {"of": tenant + network}, tenant=tenant, network=network),
            NodeChange("UE=1", "UE", 0, tenant=tenant, network=network),
            RelationChange("serves", "Cell=1", "UE=1", 0, tenant=tenant, network=network),
        ]
        assert store.apply(changes, recorded) == 3
    for tenant, network in own:
        found = store.node(tenant, network, "Cell=1", 5, NOW)
        assert found is not None
        assert found.properties == {"of": tenant + network}
        assert len(store.neighbourhood(tenant, network, "Cell=1", 5, NOW).relations) == 1
        assert len(store.snapshot(tenant, network, 5, NOW).nodes) == 2
        assert len(store.page(tenant, network, 5, NOW).nodes) == 2
        assert len(store.history(tenant, network, "UE=1", NOW)) == 2
    assert store.snapshot("b", "y", 5, NOW).nodes == ()


# ---------------------------------------------------------------- what is refused
@pytest.mark.parametrize(
    "bad",
    [
        NodeChange("Tree=1", "Tree", 5),
        RelationChange("hugs", "Cell=1", "UE=1", 5),
        RelationChange("serves", "UE=1", "Cell=9", 5),
        RelationChange("serves", "Cell=1", "Site=9", 5),
    ],
)
def test_what_the_ontology_does_not_allow_is_refused_and_nothing_is_written(
    store: GraphStore, bad: TopologyChange
) -> None:
    name = bad.node_id if isinstance(bad, NodeChange) else bad.source_id
    with pytest.raises(OntologyError, match=name):
        store.apply([node("UE=1", 0), bad], 100, {("t", 0): 1})
    assert store.node(*WHOSE, "UE=1", 5, NOW) is None
    assert store.offsets() == {}
    assert store.apply([node("UE=1", 0)], 100) == 1


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**63])
def test_values_that_cannot_be_kept_are_refused(store: GraphStore, value: float) -> None:
    with pytest.raises(InputError, match="tilt"):
        store.apply([node("Cell=1", 0, tilt=value)], 100)
    with pytest.raises(InputError):
        store.apply([node("", 0)], 100)
    with pytest.raises(InputError):
        store.apply([node("Cell=1", FOREVER_NS)], 100)
    with pytest.raises(InputError):
        store.apply([node("Cell=\ud800", 0)], 100)


def test_a_relation_to_ends_not_known_yet_is_taken(store: GraphStore) -> None:
    assert store.apply([serves("Cell=7", "UE=7", 0), serves("Cell=7", "tomorrow's UE", 0)], 100) == 2


def test_the_class_of_a_known_node_stands_above_its_name(store: GraphStore) -> None:
    store.apply([NodeChange("left", "UE", 0)], 100)
    with pytest.raises(OntologyError):
        store.apply([serves("left", "UE=1", 0)], 200)


@pytest.mark.parametrize("adapter", connect.parameters(FACTORIES))
def test_the_shipped_ontology_lets_a_cell_serve_a_ue(adapter: str, tmp_path: Path) -> None:
    store = FACTORIES[adapter](tmp_path, load())
    du = "SubNetwork=1,ManagedElement=1,GNBDUFunction=1,NRCellDU=1"
    try:
        assert store.apply([NodeChange(du, "NRCellDU", 0), RelationChange("serves", du, "UE=1", 0)], 0) == 2
        with pytest.raises(OntologyError, match="UE=2"):
            store.apply([RelationChange("serves", "UE=2", du, 0)], 0)
    finally:
        store.close()


# ---------------------------------------------------------------- offsets, crashes, threads
def test_offsets_are_stored_with_the_data(make: Make) -> None:
    store = make("one")
    store.apply([node("UE=1", 0)], 100, {("telemetry.topology", 0): 7})
    store.apply([], 100, {("telemetry.topology", 1): 3})
    store.close()
    again = make("one")
    assert again.offsets() == {("telemetry.topology", 0): 7, ("telemetry.topology", 1): 3}
    assert again.node(*WHOSE, "UE=1", 5, NOW) is not None
    assert again.apply([node("UE=1", 0)], 200) == 0


def write_forever(adapter: str, folder: str) -> None:
    """What the process does that is killed: batch i makes UE=i, hands UE=0 over, and stores offset i + 1."""
    store = FACTORIES[adapter](Path(folder), ONTOLOGY)
    for i in itertools.count():
        changes = [node(f"UE={i}", i), serves(f"Cell={i % 3}", "UE=0", i)]
        store.apply(changes, i, {("t", 0): i + 1})
        sys.stdout.write(f"{json.dumps(i)}\n")
        sys.stdout.flush()


@pytest.mark.parametrize("delay_s", [0.0, 0.05, 0.3])
def test_offsets_and_data_agree_after_kill_9(
    make: Make, tmp_path: Path, request: pytest.FixtureRequest, delay_s: float
) -> None:
    adapter = request.node.callspec.params["make"]
    (tmp_path / "one").mkdir()
    call = (
        f"import runpy; runpy.run_path({__file__!r})['write_forever']({adapter!r}, {str(tmp_path / 'one')!r})"
    )
    with subprocess.Popen([sys.executable, "-c", call], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"0\n"
        time.sleep(delay_s)
        process.send_signal(signal.SIGKILL)
        said = process.stdout.read().decode().splitlines()
    store = make("one")
    stored = store.offsets()["t", 0]
    # What was acknowledged is there; one batch more may be, whose acknowledgement was not printed.
    assert stored >= len([line for line in said if line.isdigit()]) + 1
    assert len(store.snapshot(*WHOSE, stored, NOW, ["UE"]).nodes) == stored
    assert store.node(*WHOSE, f"UE={stored}", NOW, NOW) is None
    assert store.history(*WHOSE, "UE=0", NOW)[-1].valid_from_ns == stored - 1
    assert store.apply([node(f"UE={stored}", stored)], stored, {("t", 0): stored + 1}) == 1


def test_readers_in_threads_see_whole_batches_while_a_thread_writes(store: GraphStore) -> None:
    store.apply([node("UE=1", 0), node("Cell=0", 0), node("Cell=1", 0), serves("Cell=0", "UE=1", 0)], 0)
    done = threading.Event()
    wrong: list[object] = []

    def read() -> None:
        try:
            while not done.is_set():
                near = store.neighbourhood(*WHOSE, "UE=1", NOW, NOW)
                user = next(n for n in near.nodes if n.node_id == "UE=1")
                if len(near.relations) != 1 or near.relations[0].valid_from_ns != user.valid_from_ns:
                    wrong.append(near)
        except Exception as error:  # a reader that dies has not seen whole batches either
            wrong.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for i in range(1, 60):
        store.apply([node("UE=1", i, seen=i), serves(f"Cell={i % 2}", "UE=1", i)], i)
    done.set()
    for reader in readers:
        reader.join()
    assert wrong == []


def test_two_openings_of_one_store_do_not_write_past_each_other(make: Make) -> None:
    first, second = make("one"), make("one")
    for i in range(6):
        store = (first, second)[i % 2]
        store.apply([node(f"UE={i}", 0), node("UE=0", i, seen=i), serves(f"Cell={i}", "UE=0", i)], i)
    assert [spans(store, "UE=0") for store in (first, second)] == [spans(first, "UE=0")] * 2
    assert len(spans(first, "UE=0")) == 12
    assert len(second.snapshot(*WHOSE, 10, NOW, ["UE"]).nodes) == 6


def test_ping_tells_whether_the_store_answers(store: GraphStore) -> None:
    store.apply([node("UE=1", 0)], 0)
    health = store.ping()
    assert health.ok
    assert health.detail


def test_a_closed_store_says_so(store: GraphStore) -> None:
    store.close()
    store.close()
    assert not store.ping().ok
    with pytest.raises(StoreError):
        store.apply([node("UE=1", 0)], 0)
    with pytest.raises(StoreError):
        store.node(*WHOSE, "UE=1", 0, 0)
