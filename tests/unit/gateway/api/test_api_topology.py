"""`/v1/topology`."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from fastapi.testclient import TestClient

from ranvier.fabric.topology_change import NodeChange

CELL = "ManagedElement=1,GNBDUFunction=1,NRCellDU=1"


def pages(client: TestClient, path: str, key: str = "items", **params: Any) -> list[list[Any]]:
    found, cursor = [], None
    while True:
        answer = client.get(path, params=params | ({"cursor": cursor} if cursor else {}))
        assert answer.status_code == 200, answer.text
        found.append(answer.json()[key])
        cursor = answer.json()["next"]
        if cursor is None:
            return found


def test_pages_give_every_node_once_in_order(client: TestClient) -> None:
    found = pages(client, "/v1/topology", limit=2)
    ids = [node["id"] for page in found for node in page]
    assert [len(page) for page in found] == [2, 2, 2, 1]
    assert ids == sorted(set(ids))
    assert len(ids) == 7


def test_a_class_is_a_filter(client: TestClient) -> None:
    nodes = client.get("/v1/topology", params={"class": "UE"}).json()["items"]
    assert [node["id"] for node in nodes] == ["UE=1"]


def test_a_cursor_keeps_what_its_first_page_saw(client: TestClient, platform: Any) -> None:
    first = client.get("/v1/topology?limit=1").json()
    late = NodeChange("ManagedElement=2", "ManagedElement", platform.now_ns() + 1, network="city")
    platform.put([late], platform.now_ns())
    rest = client.get("/v1/topology", params={"cursor": first["next"], "limit": 100, "as_of": "0"}).json()
    assert rest["as_of"] == first["as_of"]
    assert "ManagedElement=2" not in [node["id"] for node in rest["items"]]


def test_as_of_and_known_at_reach_the_store(client: TestClient) -> None:
    early = client.get("/v1/topology", params={"as_of": "2026-01-31T11:59:59Z"}).json()
    unknown = client.get("/v1/topology", params={"known_at": "2026-01-31T11:59:59Z"}).json()
    assert early["items"] == unknown["items"] == []
    assert unknown["known_at"] == "2026-01-31T11:59:59Z"


def test_a_node_comes_with_its_neighbourhood_at_the_time(client: TestClient) -> None:
    before = client.get("/v1/topology/UE=1", params={"as_of": "2026-01-31T12:04:59Z"}).json()
    after = client.get("/v1/topology/UE=1").json()
    assert [n["id"] for n in before["neighbours"]] == [CELL]
    assert [n["id"] for n in after["neighbours"]] == [CELL.replace("DU=1", "DU=2")]
    assert client.get("/v1/topology/UE=1?hops=0").json()["neighbours"] == []


def test_more_neighbours_than_the_limit_are_said_to_be_missing(client: TestClient) -> None:
    some = client.get(f"/v1/topology/{quote(CELL, safe='')}", params={"limit": 2}).json()
    assert len(some["neighbours"]) == 2
    assert some["truncated"]
    shown = {CELL, *(n["id"] for n in some["neighbours"])}
    assert all({r["source"], r["target"]} <= shown for r in some["relations"])


def test_a_handover_is_in_the_history(client: TestClient) -> None:
    items = [item for page in pages(client, "/v1/topology/UE=1/history", limit=1) for item in page]
    serving = [(i["source"][-1], i["valid_from"], i["valid_to"]) for i in items if "relation" in i]
    assert serving == [
        ("1", "2026-01-31T12:00:00Z", "2026-01-31T12:05:00Z"),
        ("2", "2026-01-31T12:05:00Z", None),
    ]


def test_a_map_gets_every_relation_once_however_it_pages(client: TestClient) -> None:
    nodes = [n["id"] for page in pages(client, "/v1/topology/snapshot", "nodes", limit=2) for n in page]
    relations = [
        (r["relation"], r["source"], r["target"])
        for page in pages(client, "/v1/topology/snapshot", "relations", limit=2)
        for r in page
    ]
    assert len(nodes) == len(set(nodes)) == 7
    assert len(relations) == len(set(relations)) == 5


def test_a_map_can_ask_for_some_classes_and_relations(client: TestClient) -> None:
    params = {"class": ["NRCellDU"], "relation": ["adjacent"]}
    answer = client.get("/v1/topology/snapshot", params=params).json()
    assert {n["node_class"] for n in answer["nodes"]} == {"NRCellDU"}
    assert {r["relation"] for r in answer["relations"]} == {"adjacent"}


def test_an_unknown_node_is_a_404_that_says_what_to_do(client: TestClient) -> None:
    for path in ("/v1/topology/UE=9", "/v1/topology/UE=9/history"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert "as_of" in answer.json()["remedy"]
