"""`/v1/forecasts`."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

CELL = "ManagedElement=1,GNBDUFunction=1,NRCellDU=1"
TARGET = {"object_id": CELL, "quantity": "DRB.UEThpDl"}


def test_pages_give_every_forecast_once_newest_first(client: TestClient) -> None:
    found, cursor = [], None
    while True:
        page = client.get(
            "/v1/forecasts", params={"limit": 3} | ({"cursor": cursor} if cursor else {})
        ).json()
        found += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    keys = [(f["issued_at"], f["object_id"], f["model"]) for f in found]
    assert len(set(keys)) == len(keys) == 20
    assert [k[0] for k in keys] == sorted((k[0] for k in keys), reverse=True)


def test_a_forecast_says_when_what_by_whom_and_how_good(client: TestClient) -> None:
    item = client.get("/v1/forecasts", params={"model": "statistical", "limit": 1}).json()["items"][0]
    assert (item["issued_at"], item["valid_at"]) == ("2026-01-31T12:09:00Z", "2026-01-31T12:10:00Z")
    assert [q["level"] for q in item["quantiles"]] == [0.1, 0.25, 0.5, 0.75, 0.9]
    assert item["unit"] == "kbit/s"
    assert len(item["seal"]) == 64
    assert item["fidelity"]["model"] == "statistical"
    assert item["fidelity"]["fidelity"]["value"] == 0.6


def test_levels_are_given_as_asked(client: TestClient) -> None:
    params = {"limit": 1, "levels": [0.9, 0.5]}
    item = client.get("/v1/forecasts", params=params).json()["items"][0]
    assert item["quantiles"] == [{"level": 0.5, "value": 20.0}, {"level": 0.9, "value": 30.0}]


@pytest.mark.parametrize("levels", ["0", "1", "nan", "x"])
def test_a_level_outside_the_unit_interval_is_refused(client: TestClient, levels: str) -> None:
    assert client.get("/v1/forecasts", params={"levels": levels}).status_code == 422


def test_outcomes_stand_beside_forecasts_and_the_newest_is_still_open(client: TestClient) -> None:
    found = client.get("/v1/forecasts/outcomes", params=TARGET | {"model": "statistical"}).json()
    assert [(i["valid_at"][11:16], i["outcome"]) for i in found["items"]] == [
        ("12:06", None),
        ("12:01", 21.0),
    ]
    assert found["items"][1]["outcome_end"] == found["items"][1]["valid_at"]


@pytest.mark.parametrize(("model", "verdict"), [("statistical", "rely"), ("climatology", "refuse")])
def test_a_fresh_forecast_says_how_far_to_rely_on_it(client: TestClient, model: str, verdict: str) -> None:
    ask: dict[str, Any] = {"targets": [TARGET, TARGET], "horizons_s": [60, 60.0], "model": model}
    answer = client.post("/v1/forecasts", json=ask)
    assert answer.status_code == 200
    items = answer.json()["items"]
    assert len(items) == 1  # what is asked for twice is made once
    assert items[0]["reliance"]["verdict"] == verdict
    assert items[0]["fidelity"]["model"] == model
    assert len(items[0]["quantiles"]) == 5


def test_a_horizon_without_fidelity_is_not_relied_on(client: TestClient) -> None:
    answer = client.post("/v1/forecasts", json={"targets": [TARGET], "horizons_s": [3600]}).json()
    assert answer["items"][0]["fidelity"] is None
    assert answer["items"][0]["reliance"]["verdict"] == "refuse"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"model": "crystal ball"}, 404),
        ({"targets": [{"object_id": "x", "quantity": "DRB.UEThpDl"}]}, 404),
        ({"targets": []}, 422),
        ({"horizons_s": [-1]}, 422),
        ({"horizons_s": []}, 422),
        ({"as_of": "yesterday"}, 400),
        ({"colour": "red"}, 422),
    ],
)
def test_a_bad_question_gets_a_problem(client: TestClient, change: dict[str, Any], status: int) -> None:
    answer = client.post("/v1/forecasts", json={"targets": [TARGET], "horizons_s": [60]} | change)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_number_that_json_lacks_is_refused(client: TestClient) -> None:
    body = '{"targets": [{"object_id": "a", "quantity": "b"}], "horizons_s": [NaN]}'
    answer = client.post("/v1/forecasts", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["errors"]
