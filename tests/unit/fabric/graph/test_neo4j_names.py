"""Keys and names of the Neo4j graph: apart for what is apart, and no name of the data in a query."""

from __future__ import annotations

import pytest

from ranvier.fabric.graph import neo4j_schema
from ranvier.fabric.graph.neo4j_names import BatchNames, key
from ranvier.fabric.graph.neo4j_rows import natural
from ranvier.ontology.errors import StoreError
from ranvier.ontology.ontology import load


def test_keys_are_short_and_tell_lists_of_names_apart() -> None:
    lists = [("a", "b"), ("ab",), ("a", "b", ""), ("", "a", "b"), ("1:a", "b"), ("a1:b",)]
    assert len({key(*names) for names in lists}) == len(lists)
    assert len(key("x" * 10_000)) == 32


def test_one_name_in_two_spaces_tenants_or_networks_has_different_keys() -> None:
    keys = set()
    for space, tenant, network in (("s", "a", "b"), ("t", "a", "b"), ("s", "b", "b"), ("s", "a", "a")):
        names = BatchNames(space)
        keys.add(names.entity_key(names.entity(names.scope(tenant, network), "Cell=1")))
    assert len(keys) == 4


def test_an_entity_known_by_key_first_keeps_its_number_when_its_name_comes() -> None:
    names = BatchNames("s")
    scope = names.scope("a", "b")
    number = names.entity_of_key(scope, key(key("s", "a", "b"), "Cell=1"))
    assert names.entity(scope, "Cell=1") == number
    assert names.entity_names[number - 1] == (scope, "Cell=1")


@pytest.mark.parametrize("name", ["", "a`b", "a b", "1st", "Entity", "Clock", "x" * 101, "ä"])
def test_what_cannot_be_a_label_is_refused(name: str) -> None:
    with pytest.raises(StoreError):
        neo4j_schema.quoted(name)


def test_every_class_and_relation_of_the_ontology_can_be_a_label_and_a_type() -> None:
    ontology = load()
    assert neo4j_schema.labels(ontology)["NRCellDU"] == ["NRCellDU", *ontology.ancestors("NRCellDU")]
    assert [neo4j_schema.quoted(name) for name in ontology.relations]


def test_a_database_is_brought_up_to_date_once_and_one_of_a_later_version_is_refused() -> None:
    ontology = load()
    stored: list[list[object]] = []
    statements = neo4j_schema.pending(lambda *_: stored, ontology)
    concrete = sum(not known.abstract for known in ontology.classes.values())
    assert sum("ranvier_class_" in text for text in statements) == concrete
    assert sum("ranvier_relation_" in text for text in statements) == len(ontology.relations)
    said: list[dict[str, object]] = []
    neo4j_schema.record(lambda _, parameters: said.append(dict(parameters)) or [], ontology)
    stored = [[said[0]["version"], [said[0]["print"]]]]
    assert neo4j_schema.pending(lambda *_: stored, ontology) == []
    stored = [[neo4j_schema.VERSION + 1, []]]
    with pytest.raises(StoreError, match="version"):
        neo4j_schema.pending(lambda *_: stored, ontology)


def test_only_properties_with_plain_names_stand_beside_the_body() -> None:
    body = '{"tilt": 2.5, "a b": 1, "key": "mine", "turn": 3, "on": true, "ä": 1}'
    assert natural(body) == {"tilt": 2.5, "on": True}
    assert natural(None) == {}
