"""What every adapter of `GraphStore` guarantees. A new adapter joins by one line in `FACTORIES`."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ranvier.fabric.graph.sqlite import SqliteGraph
from ranvier.fabric.ports import FOREVER_NS, GraphStore
from ranvier.fabric.snapshot import Node, Relation
from ranvier.fabric.topology_change import NodeChange, RelationChange
from ranvier.ontology.errors import OntologyError
from ranvier.ontology.ontology import ObjectClass, Ontology, RelationType

FACTORIES: dict[str, Callable[[Path, Ontology], GraphStore]] = {
    "sqlite": lambda folder, ontology: SqliteGraph(folder / "graph.sqlite", ontology),
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


@pytest.fixture(params=sorted(FACTORIES))
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


def test_a_handover_ends_the_service_before_it(store: GraphStore) -> None:
    store.apply([node("UE=1", 0), serves("Cell=1", "UE=1", 10), serves("Cell=2", "UE=1", 20)], 100)
    assert spans(store, "UE=1")[1:] == [("Cell=1", "UE=1", 10, 20), ("Cell=2", "UE=1", 20, None)]


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


def test_a_neighbourhood_is_read_as_it_was(store: GraphStore) -> None:
    store.apply([node("Cell=1", 0), node("Cell=2", 0), node("UE=1", 0)], 100)
    store.apply([serves("Cell=1", "UE=1", 10), serves("Cell=2", "UE=1", 20)], 200)
    before = store.neighbourhood(*WHOSE, "UE=1", 15, NOW)
    assert [n.node_id for n in before.nodes] == ["Cell=1", "UE=1"]
    assert [(r.source_id, r.valid_to_ns) for r in before.relations] == [("Cell=1", 20)]
    assert store.neighbourhood(*WHOSE, "UE=1", 15, 150).relations == ()


def test_redelivery_alters_nothing(store: GraphStore) -> None:
    changes = [node("UE=1", 0), serves("Cell=1", "UE=1", 10), serves("Cell=2", "UE=1", 20)]
    assert store.apply(changes, 100) == 3
    before = store.history(*WHOSE, "UE=1", NOW)
    assert store.apply(changes, 200) == 0
    assert store.history(*WHOSE, "UE=1", NOW) == before


def test_offsets_are_stored_with_the_data(make: Callable[[str], GraphStore]) -> None:
    store = make("one")
    store.apply([node("UE=1", 0)], 100, {("telemetry.topology", 0): 7})
    store.close()
    again = make("one")
    assert again.offsets() == {("telemetry.topology", 0): 7}
    assert again.node(*WHOSE, "UE=1", 5, NOW) is not None


def test_a_change_against_the_ontology_is_refused_and_nothing_is_written(store: GraphStore) -> None:
    with pytest.raises(OntologyError, match="Cell=9"):
        store.apply([node("UE=1", 0), RelationChange("serves", "UE=1", "Cell=9", 5)], 100, {("t", 0): 1})
    assert store.node(*WHOSE, "UE=1", 5, NOW) is None
    assert store.offsets() == {}


_ = (Relation,)
