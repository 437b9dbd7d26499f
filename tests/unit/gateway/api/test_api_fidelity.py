"""`/v1/fidelity`."""

from __future__ import annotations

from typing import Any

from fastapi.testclient import TestClient


def test_a_figure_has_its_interval_and_an_undefined_one_its_reason(client: TestClient) -> None:
    items = {i["model"]: i for i in client.get("/v1/fidelity").json()["items"]}
    assert items["statistical"]["fidelity"] == {"value": 0.6, "low": 0.5, "high": 0.7, "undefined": None}
    assert items["climatology"]["fidelity"]["value"] is None
    assert items["climatology"]["fidelity"]["undefined"] == "3 outcomes are too few"


def test_a_figure_that_is_no_number_is_shown_as_undefined(client: TestClient, platform: Any) -> None:
    nan = float("nan")
    odd = platform.known[0].__class__
    first = platform.known[0]
    estimate = first.fidelity.__class__(nan, nan, nan)
    platform.known = [odd(*(estimate if n == "fidelity" else getattr(first, n) for n in odd.__slots__))]
    shown = client.get("/v1/fidelity").json()["items"][0]["fidelity"]
    assert (shown["value"], shown["low"]) == (None, None)
    assert shown["undefined"]


def test_figures_page_by_their_names(client: TestClient) -> None:
    first = client.get("/v1/fidelity?limit=2").json()
    rest = client.get("/v1/fidelity", params={"limit": 2, "cursor": first["next"]}).json()
    models = [i["model"] for i in first["items"] + rest["items"]]
    assert models == ["climatology", "persistence", "statistical"]
    assert rest["next"] is None


def test_filters_reach_the_platform(client: TestClient) -> None:
    found = client.get("/v1/fidelity", params={"model": "persistence", "horizon_s": 60}).json()
    assert [i["model"] for i in found["items"]] == ["persistence"]
    assert client.get("/v1/fidelity", params={"horizon_s": 61}).json()["items"] == []


def test_a_history_of_too_many_windows_is_refused(client: TestClient) -> None:
    answer = client.get("/v1/fidelity/history", params={"from": "2020-01-01T00:00:00Z", "step_s": 1})
    assert answer.status_code == 400
    assert "longer step_s" in answer.json()["remedy"]


def test_a_history_pages(client: TestClient) -> None:
    first = client.get("/v1/fidelity/history?limit=1").json()
    assert first["next"]
    again = client.get("/v1/fidelity/history", params={"limit": 5, "cursor": first["next"]}).json()
    assert len(again["items"]) == 2
