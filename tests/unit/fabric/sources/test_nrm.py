"""The configuration adapter: objects, their relations, what cannot be used, and what has gone."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from ranvier.fabric.replay import replay
from ranvier.fabric.sources.adapters import ADAPTERS
from ranvier.fabric.sources.nrm import Nrm, removed
from ranvier.fabric.sources.source import Bad
from ranvier.fabric.topology_change import NodeChange

NOON_NS = 1_579_176_000_000_000_000
ELEMENT = "SubNetwork=A,ManagedElement=1"


def document(cell: dict | None = None, **more) -> dict:
    relation = {
        "id": "2",
        "attributes": {"adjacentNRCellRef": f"{ELEMENT},GNBCUCPFunction=1,NRCellCU=2", "isHOAllowed": True},
    }
    du = {
        "id": "1",
        "NRCellDU": [{"id": "1", "attributes": cell or {
            "cellLocalId": 1, "nRPCI": 5, "nRSectorCarrierRef": [f"{ELEMENT},GNBDUFunction=1,NRSectorCarrier=1"]}}],
        "NRSectorCarrier": [{"id": "1", "attributes": {"txDirection": "DL"}}],
    }  # fmt: skip
    cu = {
        "id": "1",
        "NRCellCU": [{"id": "1", "attributes": {"cellLocalId": 1}, "NRCellRelation": [relation]}],
    }
    site = {"locationName": "Mast", "latitude": 51.5, "longitude": -8.5}
    element = {"id": "1", "attributes": site, "GNBDUFunction": [du], "GNBCUCPFunction": [cu], **more}
    return {"snapshotTime": "2020-01-16T12:00:00Z", "SubNetwork": [{"id": "A", "ManagedElement": [element]}]}


def read(context, value) -> list:
    return list(Nrm().read(msgspec.json.encode(value), context))


def test_each_managed_object_is_a_node_from_the_snapshots_time_on(context):
    nodes = {r.payload.node_id: r.payload for r in read(context, document()) if not r.derived}
    assert len(nodes) == 8
    cell = nodes[f"{ELEMENT},GNBDUFunction=1,NRCellDU=1"]
    assert (cell.node_class, cell.properties["nRPCI"], cell.valid_from_ns) == ("NRCellDU", 5, NOON_NS)


def test_relations_come_from_names_and_references(context):
    found = {
        (r.payload.relation, r.payload.source_id, r.payload.target_id): r.payload.properties
        for r in read(context, document())
        if not isinstance(r.payload, NodeChange)
    }
    du, cu = f"{ELEMENT},GNBDUFunction=1", f"{ELEMENT},GNBCUCPFunction=1"
    assert ("contains", ELEMENT, du) in found
    assert ("uses", f"{du},NRCellDU=1", f"{du},NRSectorCarrier=1") in found
    assert ("sameCell", f"{cu},NRCellCU=1", f"{du},NRCellDU=1") in found
    assert ("locatedAt", ELEMENT, "Site=Mast") in found
    assert found["adjacent", f"{cu},NRCellCU=1", f"{cu},NRCellCU=2"] == {"isHOAllowed": True}


def test_an_object_that_cannot_be_used_does_not_spoil_its_neighbours_and_replays(context):
    records = read(context, document(cell={"nRPCI": 5000}))
    (bad,) = [r for r in records if isinstance(r, Bad)]
    assert "nRPCI as integer in [0.0, 1007.0]" in bad.letter.reason or "nRPCI" in bad.letter.reason
    assert len([r for r in records if not isinstance(r, Bad) and not r.derived]) == 7
    mended = msgspec.structs.replace(bad.letter, raw=bad.letter.raw.replace(b"5000", b"500"))
    node, *_ = replay(mended, ADAPTERS, context)
    assert node.payload.node_id == f"{ELEMENT},GNBDUFunction=1,NRCellDU=1"
    assert node.payload.valid_from_ns == NOON_NS


def test_an_unknown_class_is_one_dead_letter_with_all_that_is_below_it(context):
    records = read(context, document(vsDataFoo=[{"id": "9", "NRCellDU": [{"id": "1"}]}]))
    (bad,) = [r for r in records if isinstance(r, Bad)]
    assert bad.letter.position == f"{ELEMENT},vsDataFoo=9"


def test_flat_objects_name_themselves(context):
    flat = [
        {"objectClass": "NRCellDU", "objectInstance": f"{ELEMENT},NRCellDU=1", "attributes": {"nRPCI": 5}}
    ]
    (node, contains) = read(replace(context, at_ns=7), flat)
    assert (node.payload.node_id, node.payload.valid_from_ns) == (f"{ELEMENT},NRCellDU=1", 7)
    assert contains.payload.source_id == ELEMENT


def test_a_snapshot_without_a_time_is_refused(context):
    flat = [{"objectClass": "NRCellDU", "objectInstance": "NRCellDU=1"}]
    assert [type(record) for record in read(context, flat)] == [Bad]


def test_only_what_is_missing_below_a_complete_name_is_removed_deepest_first(context):
    du = f"{ELEMENT},GNBDUFunction=1"
    classes = {
        du: "GNBDUFunction",
        f"{du},NRCellDU=1": "NRCellDU",
        f"{du},NRCellDU=2": "NRCellDU",
        "SubNetwork=B": "SubNetwork",
    }
    gone = list(removed(classes, {f"{du},NRCellDU=1"}, ELEMENT, NOON_NS, context))
    assert [(change.node_id, change.op) for change in gone] == [
        (f"{du},NRCellDU=2", "remove"),
        (du, "remove"),
    ]
