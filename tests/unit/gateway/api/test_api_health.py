"""`/healthz`, `/readyz`, `/v1/status`."""

from __future__ import annotations

from typing import Any

from fastapi.testclient import TestClient

from ranvier.fabric.ports import Health
from ranvier.ontology.errors import StoreError


def test_every_store_answers(client: TestClient) -> None:
    answer = client.get("/healthz")
    assert answer.status_code == 200
    assert [s["name"] for s in answer.json()["stores"]] == ["log", "graph", "series", "ledger"]


def test_a_store_that_fails_makes_it_unhealthy_and_is_named(
    client: TestClient, platform: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(platform.graph, "ping", lambda: Health("graph", False, error="disk gone"))
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()["ok"]) == (503, False)
    assert [s["error"] for s in answer.json()["stores"] if not s["ok"]] == ["disk gone"]


def test_a_store_that_raises_is_unhealthy_too(client: TestClient, platform: Any, monkeypatch: Any) -> None:
    def fail() -> Health:
        raise StoreError("an open store", "a closed one", "open it")

    monkeypatch.setattr(platform.series, "ping", fail)
    assert client.get("/healthz").status_code == 503
    assert "series does not answer" in client.get("/readyz").json()["reasons"][0]


def test_ready_means_caught_up_and_with_a_twin(client: TestClient, platform: Any) -> None:
    assert client.get("/readyz").json() == {"ready": True, "reasons": []}
    platform.as_of_ns, platform.sink_lag = None, {"graph": 10**9}
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert len(answer.json()["reasons"]) == 2


def test_the_status_has_it_all(client: TestClient) -> None:
    status = client.get("/v1/status").json()
    assert status["ready"]["ready"]
    assert status["figures"]["uptime_s"] == 600.0
    assert len(status["stores"]) == 4
