"""`/v1/series`."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from ranvier.fabric.measurement import MeasurementReport
from ranvier.gateway.api.series import known_quantity
from ranvier.ontology.ontology import load

CELL = "ManagedElement=1,GNBDUFunction=1,NRCellDU=1"
ONE = {"object_id": CELL, "quantity": "DRB.UEThpDl"}
S = 1_000_000_000
T0 = 1_769_860_800 * S


def points(client: TestClient, **params: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        asked = ONE | params | ({"cursor": cursor} if cursor else {})
        answer = client.get("/v1/series/points", params=asked)
        assert answer.status_code == 200, answer.text
        found += answer.json()["items"]
        cursor = answer.json()["next"]
        if cursor is None:
            return found


def test_the_series_are_listed_with_their_units(client: TestClient) -> None:
    first = client.get("/v1/series?limit=3").json()
    rest = client.get("/v1/series", params={"limit": 3, "cursor": first["next"]}).json()
    assert [len(first["items"]), len(rest["items"]), rest["next"]] == [3, 2, None]
    assert {item["unit"] for item in first["items"] + rest["items"]} == {"kbit/s"}


@pytest.mark.parametrize("limit", [1, 3, 10, 1000])
def test_pages_give_every_point_once_in_order(client: TestClient, limit: int) -> None:
    assert [p["value"] for p in points(client, limit=limit)] == [100.0 * i for i in range(10)]


def test_periods_of_several_lengths_that_end_together_are_all_there(
    client: TestClient, platform: Any
) -> None:
    longer = [
        MeasurementReport(
            CELL, "NRCellDU", T0 + start * S, T0 + 600 * S, {"DRB.UEThpDl": 7.0}, network="city"
        )
        for start in (0, 300)
    ]
    platform.put(longer)
    found = points(client, limit=1)
    assert len(found) == 12
    assert [p["start"][-6:] for p in found[-3:]] == ["00:00Z", "05:00Z", "09:00Z"]


def test_a_span_is_open_at_its_start_and_closed_at_its_end(client: TestClient) -> None:
    found = points(client, **{"from": T0 + 120 * S, "to": "2026-01-31T12:04:00Z"})
    assert [p["end"] for p in found] == ["2026-01-31T12:03:00Z", "2026-01-31T12:04:00Z"]


def test_a_revision_wins_unless_it_was_not_known_yet(client: TestClient, platform: Any) -> None:
    again = MeasurementReport(
        CELL, "NRCellDU", T0, T0 + 60 * S, {"DRB.UEThpDl": 55.0}, revision=1, network="city"
    )
    platform.put([again], T0 + 900 * S)
    assert points(client, limit=1)[0]["value"] == 55.0
    assert points(client, known_at=T0 + 899 * S)[0]["value"] == 0.0


def test_downsampled_points_page_like_any_others(client: TestClient) -> None:
    # A ratio without its volume is averaged over time: the mean of 0..400 and of 500..900.
    found = points(client, **{"from": T0, "downsample": 300, "limit": 1})
    assert [p["value"] for p in found] == pytest.approx([200.0, 700.0])


def test_too_many_periods_are_refused_before_the_store_is_asked(client: TestClient) -> None:
    answer = client.get("/v1/series/points", params=ONE | {"downsample": 1})
    assert answer.status_code == 400
    assert "later `from`" in answer.json()["remedy"]


def test_a_subcounter_is_known_by_its_counter_and_a_forgotten_quantity_is_not() -> None:
    subcounter = known_quantity(load(), "DRB.UEThpDl.5QI9")
    assert subcounter is not None
    assert subcounter.unit == "kbit/s"
    assert known_quantity(load(), "no.such") is None


def test_a_series_without_points_is_an_empty_list(client: TestClient) -> None:
    answer = client.get("/v1/series/points", params={"object_id": "x", "quantity": "DRB.UEThpDl"}).json()
    assert answer["items"] == []
    assert answer["unit"]
