"""`/v1/deadletters` and `/v1/alarms`: the newest records of the log first."""

from __future__ import annotations

from typing import Any

from fastapi.testclient import TestClient

from ranvier.fabric.dead_letter import DeadLetter

S = 1_000_000_000
T0 = 1_769_860_800 * S


def put(platform: Any, count: int, network: str = "city", raw: bytes = b"x") -> None:
    for i in range(count):
        letter = DeadLetter(f"reason {i}", f"file-{i}", f"line {i}", raw, "native", network=network)
        platform.put([letter], T0 + i * S)


def everything(client: TestClient, limit: int) -> list[dict[str, Any]]:
    found, cursor = [], None
    while True:
        page = client.get(
            "/v1/deadletters", params={"limit": limit} | ({"cursor": cursor} if cursor else {})
        ).json()
        found += page["items"]
        cursor = page["next"]
        if cursor is None:
            return found


def test_pages_give_every_letter_once_newest_first_over_all_partitions(
    client: TestClient, platform: Any
) -> None:
    put(platform, 23)
    found = everything(client, 5)
    assert [f["reason"] for f in found] == [f"reason {i}" for i in reversed(range(23))]
    assert len({f["id"].split("-")[0] for f in found}) == 2


def test_letters_that_come_while_paging_do_not_disturb_it(client: TestClient, platform: Any) -> None:
    put(platform, 4)
    first = client.get("/v1/deadletters?limit=2").json()
    put(platform, 4)
    rest = client.get("/v1/deadletters", params={"limit": 9, "cursor": first["next"]}).json()
    assert [i["reason"] for i in rest["items"]] == ["reason 1", "reason 0"]


def test_letters_of_another_network_stay_hidden_by_list_and_by_id(client: TestClient, platform: Any) -> None:
    put(platform, 1, network="elsewhere")
    assert everything(client, 5) == []
    elsewhere = client.get("/v1/deadletters?network=elsewhere").json()["items"]
    assert len(elsewhere) == 1
    assert client.get(f"/v1/deadletters/{elsewhere[0]['id']}").status_code == 404


def test_bytes_that_are_no_text_come_as_base64_and_long_ones_are_cut(
    client: TestClient, platform: Any
) -> None:
    put(platform, 1, raw=b"\xff" * 70_000)
    letter_id = everything(client, 1)[0]["id"]
    letter = client.get(f"/v1/deadletters/{letter_id}").json()
    assert (letter["encoding"], letter["truncated"], letter["size_bytes"]) == ("base64", True, 70_000)


def test_text_that_is_cut_within_a_character_is_still_text(client: TestClient, platform: Any) -> None:
    put(platform, 1, raw=b"a" + "é".encode() * 40_000)
    letter = client.get(f"/v1/deadletters/{everything(client, 1)[0]['id']}").json()
    assert (letter["encoding"], letter["truncated"]) == ("utf-8", True)


def test_a_replay_answers_like_a_delivery(client: TestClient, platform: Any) -> None:
    put(platform, 1)
    answer = client.post(f"/v1/deadletters/{everything(client, 1)[0]['id']}/replay")
    assert answer.status_code == 202
    assert answer.json()["refused"] == 1


def test_an_id_that_is_none_is_refused(client: TestClient) -> None:
    assert client.get("/v1/deadletters/0-99").status_code == 404
    assert client.get("/v1/deadletters/99-0").status_code == 404
    assert client.get("/v1/deadletters/x").status_code == 422


def test_alarms_are_listed(client: TestClient) -> None:
    alarm = client.get("/v1/alarms").json()["items"][0]
    assert (alarm["alarm_id"], alarm["severity"], alarm["at"]) == ("A-1", "MAJOR", "2026-01-31T12:00:00Z")
    assert client.get("/v1/alarms?network=elsewhere").json()["items"] == []
