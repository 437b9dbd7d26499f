"""What is derived from the ontology: rules of the graph, JSON Schemas of the events, the tensor schema."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from ranvier.fabric import event
from ranvier.fabric.alarm import Alarm
from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.topology_change import NodeChange, RelationChange
from ranvier.ontology.errors import OntologyError
from ranvier.ontology.event_schema import event_schemas
from ranvier.ontology.graph_schema import graph_schema
from ranvier.ontology.ontology import load
from ranvier.ontology.tensor_schema import tensor_schema

ONTOLOGY = load()
SCHEMAS = event_schemas(ONTOLOGY)
RULES = graph_schema(ONTOLOGY)
TENSORS = tensor_schema(ONTOLOGY)
CHECKS = {name: Draft202012Validator(schema) for name, schema in SCHEMAS.items()}
REPORT, NODE, RELATION, ALARM = SCHEMAS

MEASURED = {
    "object_id": "NRCellDU=1",
    "object_class": "NRCellDU",
    "start_ns": 0,
    "end_ns": 900_000_000_000,
    "values": {"RRU.PrbTotDl": 50, "RRC.ConnEstabAtt.sum": 3},
}
CHANGED = {"kind": "node", "node_id": "NRCellDU=1", "node_class": "NRCellDU", "valid_from_ns": 1}
JOINED = {
    "kind": "relation", "relation": "serves", "source_id": "NRCellDU=1", "target_id": "UE=1",
    "valid_from_ns": 1,
}  # fmt: skip
RAISED = {
    "alarm_id": "1", "object_id": "NRCellDU=1", "object_class": "NRCellDU", "event_time_ns": 1,
    "perceived_severity": "MAJOR", "alarm_type": "EQUIPMENT_ALARM", "probable_cause": "fan",
}  # fmt: skip


def _refusals(name: str, data: dict[str, Any]) -> list[str]:
    return [error.message for error in CHECKS[name].iter_errors(data)]


# ---------------------------------------------------------------- events
@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_valid_json_schema_2020_12(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])
    assert SCHEMAS[name]["$schema"].endswith("2020-12/schema")


def test_every_event_that_comes_in_has_a_schema() -> None:
    assert set(SCHEMAS) == set(event.TYPES) - {"ranvier.dead-letter.v1"}


@pytest.mark.parametrize(
    "noun",
    [
        MeasurementReport("NRCellDU=1", "NRCellDU", 0, 1, {"RRU.PrbTotDl": 5.0}, True, 2, "run:7", "x"),
        MeasurementReport("UE=1", "UE", 5, 5, {"MDT.M1.RSRP": -90.0, "UE.CQI": 7.0}),
        NodeChange("UE=1", "UE", 3),
        NodeChange("NRCellDU=1", "NRCellDU", 3, {"nRPCI": 7, "technology": "5G", "own": True}),
        NodeChange("UEBin=1", "UEBin", 3, {}, "remove"),
        RelationChange("serves", "NRCellDU=1", "UE=1", 3, {"since": 1.5}, "remove", "x", "a", "b"),
        Alarm("1", "NRCellDU=1", "NRCellDU", 3, "CLEARED", "QUALITY_OF_SERVICE_ALARM", "load"),
    ],
    ids=lambda noun: type(noun).__name__,
)
def test_what_the_fabric_writes_is_what_the_schema_takes(noun: Any) -> None:
    data = msgspec.json.decode(event.encode(noun, "1"))["data"]
    assert _refusals(event.TYPE_OF[type(noun)], data) == []


@pytest.mark.parametrize(
    ("name", "data"),
    [
        (REPORT, {**MEASURED, "values": {"RRU.PrbTotDl": 101}}),
        (REPORT, {**MEASURED, "values": {"RRU.PrbTotDl": "50"}}),
        (REPORT, {**MEASURED, "values": {"RRU.PrbTotD": 50}}),
        (REPORT, {**MEASURED, "values": {"RRU.PrbTotDl.mo-Data": 50}}),
        (REPORT, {**MEASURED, "values": {"MDT.M1.RSRP": -80}}),
        (REPORT, {**MEASURED, "object_class": "UE", "values": {"MDT.M1.RSRP": -200}}),
        (REPORT, {**MEASURED, "object_class": "NRCellXX"}),
        (REPORT, {**MEASURED, "object_class": "Cell"}),
        (REPORT, {**MEASURED, "origin": "guessed"}),
        (REPORT, {**MEASURED, "start_ns": 1.5}),
        (REPORT, {key: value for key, value in MEASURED.items() if key != "values"}),
        (NODE, {**CHANGED, "node_class": "Cell"}),
        (NODE, {**CHANGED, "properties": {"nRPCI": 1008}}),
        (NODE, {**CHANGED, "properties": {"nRPCI": "7"}}),
        (NODE, {**CHANGED, "properties": {"administrativeState": "ON"}}),
        (NODE, {**CHANGED, "properties": {"own": [1]}}),
        (NODE, {**CHANGED, "node_class": "UEBin"}),
        (NODE, {**CHANGED, "node_class": "UEBin", "properties": {"latitude": 1}}),
        (NODE, {**CHANGED, "op": "delete"}),
        (RELATION, {**JOINED, "relation": "likes"}),
        (RELATION, {**JOINED, "kind": "node"}),
        (RELATION, {**JOINED, "target_id": ""}),
        (ALARM, {**RAISED, "perceived_severity": "major"}),
        (ALARM, {**RAISED, "alarm_type": "FAN"}),
        (ALARM, {**RAISED, "tenant": ""}),
    ],
)
def test_what_is_wrong_is_refused(name: str, data: dict[str, Any]) -> None:
    assert _refusals(name, data)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        (REPORT, MEASURED),
        (NODE, CHANGED),
        (NODE, {**CHANGED, "node_class": "UEBin", "properties": {"latitude": 1, "longitude": 2.5}}),
        (NODE, {**CHANGED, "properties": {"nRPCI": None}}),
        (RELATION, JOINED),
        (ALARM, RAISED),
    ],
)
def test_what_is_right_is_taken(name: str, data: dict[str, Any]) -> None:
    assert _refusals(name, data) == []


@given(
    st.sampled_from(["NRCellDU", "NRCellCU", "UE", "ManagedElement", "EUtranCellFDD"]),
    st.sampled_from(sorted(ONTOLOGY.quantities)),
    st.floats(-300, 3e6, allow_nan=False),
)
def test_schema_and_check_agree_on_every_value(object_class: str, quantity: str, value: float) -> None:
    data = {**MEASURED, "object_class": object_class, "values": {quantity: value}}
    try:
        ONTOLOGY.check_value(quantity, object_class, value)
    except OntologyError:
        assert _refusals(REPORT, data)
    else:
        assert _refusals(REPORT, data) == []


# ---------------------------------------------------------------- graph
def test_abstract_classes_have_no_nodes() -> None:
    rules = RULES.nodes
    assert "Cell" not in rules
    assert rules["EUtranCellFDD"].labels == (
        "EUtranCellFDD", "EUtranCell", "Cell", "ManagedFunction", "ManagedObject",
    )  # fmt: skip


def test_a_node_is_named_within_its_tenant_and_network() -> None:
    assert all(rule.key == ("tenant", "network", "node_id") for rule in RULES.nodes.values())


def test_a_cell_of_which_only_the_technology_is_known_is_admitted() -> None:
    rules = RULES.nodes
    for name in ("NRCellDU", "EUtranCell", "UtranCell", "UE"):
        assert rules[name].missing({"technology": "5G"}) == ()


def test_a_bin_without_a_place_is_not_a_bin() -> None:
    assert RULES.nodes["UEBin"].missing({"latitude": 1.0, "longitude": None}) == ("longitude",)


def test_completeness_is_the_share_of_what_the_standard_expects() -> None:
    rule = RULES.nodes["NRCellDU"]
    assert rule.completeness({}) == 0.0
    assert rule.completeness(dict.fromkeys(rule.expected, 1)) == 1.0
    assert rule.completeness({"nRPCI": 1}) == 1 / len(rule.expected)
    assert RULES.nodes["UE"].completeness({}) == 1.0


@given(
    st.sampled_from(sorted(ONTOLOGY.relations)),
    st.sampled_from(sorted(RULES.nodes)),
    st.sampled_from(sorted(RULES.nodes)),
)
def test_the_pairs_of_a_relation_are_those_it_allows(relation: str, source: str, target: str) -> None:
    rule = RULES.relations[relation]
    assert ((source, target) in rule.pairs) is ONTOLOGY.allows(relation, source, target)


# ---------------------------------------------------------------- tensors
def test_cells_of_all_technologies_are_one_node_type() -> None:
    types = TENSORS.node_types
    assert {"NRCellDU", "NRCellCU", "EUtranCellFDD", "UtranCell"} <= set(types["cell"].classes)
    assert types["ue"].classes == ("UE", "UEBin")


def test_the_edges_of_the_radio_network_are_there() -> None:
    edges = set(TENSORS.edge_types)
    assert {("cell", "serves", "ue"), ("cell", "interferes", "ue"), ("cell", "adjacent", "cell")} <= edges
    assert {("cell", "uses", "carrier"), ("carrier", "radiates", "antenna")} <= edges


def test_edges_join_node_types_that_exist() -> None:
    schema = TENSORS
    for source, _, target in schema.edge_types:
        assert {source, target} <= set(schema.node_types)


def test_a_feature_has_the_unit_and_the_bounds_of_its_quantity() -> None:
    features = {f.name: f for f in TENSORS.node_types["ue"].features}
    rsrp = features["MDT.M1.RSRP"]
    assert (rsrp.unit, rsrp.normalisation, rsrp.atoms, rsrp.origin) == ("dBm", "standard", True, "quantity")
    assert features["MDT.M5.UEThpDl"].normalisation == "log1p"


def test_what_is_scaled_can_be_scaled() -> None:
    for node_type in TENSORS.node_types.values():
        for feature in node_type.features:
            if feature.normalisation == "minmax":
                assert feature.minimum is not None, feature.name
            if feature.normalisation == "log1p":
                assert feature.minimum is not None, feature.name
                assert feature.minimum >= 0, feature.name


def test_an_azimuth_takes_two_columns() -> None:
    features = {f.name: f for f in TENSORS.node_types["cell"].features}
    assert features["bearing"].width == 2
    assert features["tilt_deg"].width == 1


def test_distributions_over_bins_are_no_features() -> None:
    names = [f.name for t in TENSORS.node_types.values() for f in t.features]
    assert not [name for name in names if re.search(r"Dist$|^L1M\.SS-RSRP", name)]
