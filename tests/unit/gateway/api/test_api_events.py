"""`/v1/events`: telemetry in, dead letters out."""

from __future__ import annotations

import gzip
from typing import Any

import msgspec
import pytest
from fastapi.testclient import TestClient

from ranvier.fabric.event import encode
from ranvier.fabric.measurement import MeasurementReport
from ranvier.gateway.api.app import create_app
from ranvier.gateway.settings import ApiSettings

CELL = "ManagedElement=1,GNBDUFunction=1,NRCellDU=1"
NDJSON = {"content-type": "application/x-ndjson"}
S = 1_000_000_000
T0 = 1_769_860_800 * S


def event_of(minute: int, tenant: str = "default") -> bytes:
    start = T0 + (1000 + minute) * 60 * S
    return encode(
        MeasurementReport(CELL, "NRCellDU", start, start + 60 * S, {"DRB.UEThpDl": 5.0}, tenant=tenant),
        f"{minute}",
    )


def test_what_is_accepted_can_be_read_back(client: TestClient) -> None:
    answer = client.post("/v1/events", content=event_of(0) + b"\n" + event_of(1), headers=NDJSON)
    assert answer.status_code == 202
    assert answer.json() == {"accepted": 2, "refused": 0, "refusals": []}
    params = {"object_id": CELL, "quantity": "DRB.UEThpDl", "from": T0 + 60_000 * S}
    assert len(client.get("/v1/series/points", params=params).json()["items"]) == 2


def test_bad_lines_become_dead_letters_and_the_rest_goes_on(client: TestClient) -> None:
    body = event_of(0) + b"\nno event\n" + event_of(1)
    receipt = client.post("/v1/events?source=probe", content=body, headers=NDJSON).json()
    assert (receipt["accepted"], receipt["refused"]) == (2, 1)
    assert receipt["refusals"][0]["position"] == "line 2"
    letter = client.get("/v1/deadletters").json()["items"][0]
    assert (letter["source"], letter["position"]) == ("probe", "line 2")
    shown = client.get(f"/v1/deadletters/{letter['id']}").json()
    assert (shown["raw"], shown["encoding"], shown["truncated"]) == ("no event\n", "utf-8", False)


def test_an_event_cannot_enter_another_tenant(client: TestClient) -> None:
    headers = NDJSON | {"X-Ranvier-Tenant": "acme"}
    client.post("/v1/events", content=event_of(0, tenant="victim"), headers=headers)
    assert client.get("/v1/series", headers={"X-Ranvier-Tenant": "victim"}).json()["items"] == []
    assert len(client.get("/v1/series", headers={"X-Ranvier-Tenant": "acme"}).json()["items"]) == 1


def test_a_gzipped_body_is_unpacked(client: TestClient) -> None:
    answer = client.post("/v1/events", content=gzip.compress(event_of(0)), headers=NDJSON)
    assert answer.json()["accepted"] == 1


def test_a_damaged_gzip_is_refused_whole(client: TestClient) -> None:
    answer = client.post("/v1/events", content=gzip.compress(event_of(0))[:-9], headers=NDJSON)
    assert answer.status_code == 400
    assert answer.json()["remedy"] == "send it again"


@pytest.mark.parametrize(
    "path",
    ["/v1/events/ves", "/v1/events/ves/eventListener/v7", "/v1/events/ves/eventListener/v7/eventBatch"],
)
def test_a_ves_client_finds_its_paths_below_the_base(client: TestClient, path: str) -> None:
    answer = client.post(path, json={"event": {}})
    assert answer.status_code == 202
    assert answer.headers["X-LatestVersion"].startswith("7.")


@pytest.mark.parametrize("path", ["/v1/events", "/v1/events/ves", "/v1/events/pm"])
def test_a_media_type_that_is_not_meant_is_refused(client: TestClient, path: str) -> None:
    answer = client.post(path, content=b"x", headers={"content-type": "text/csv"})
    assert answer.status_code == 415
    assert "Content-Type" in answer.json()["remedy"]


def test_an_empty_body_is_refused(client: TestClient) -> None:
    assert client.post("/v1/events", headers=NDJSON).status_code == 400


@pytest.fixture
def narrow(platform: Any) -> TestClient:
    app = create_app(platform, ApiSettings(max_event_bytes=1000, max_lag_records=10))
    return TestClient(app, "http://127.0.0.1")


def test_a_body_over_the_bound_is_refused_announced_or_not(narrow: TestClient) -> None:
    announced = narrow.post("/v1/events", content=b"x" * 1001, headers=NDJSON)
    streamed = narrow.post("/v1/events", content=(b"x" * 100 for _ in range(11)), headers=NDJSON)
    bomb = narrow.post("/v1/events", content=gzip.compress(b"\n" * 16_001), headers=NDJSON)
    assert [a.status_code for a in (announced, streamed, bomb)] == [413, 413, 413]
    assert "max_event_bytes" in announced.json()["remedy"]


def test_a_sender_is_told_to_wait_while_a_sink_is_behind(narrow: TestClient, platform: Any) -> None:
    platform.sink_lag = {"series": 11}
    answer = narrow.post("/v1/events", content=event_of(0), headers=NDJSON)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert "series 11 behind" in answer.json()["got"]
    platform.sink_lag = {"series": 10}
    assert narrow.post("/v1/events", content=event_of(0), headers=NDJSON).status_code == 202


def test_schemas_say_what_may_be_sent(client: TestClient) -> None:
    names = client.get("/v1/schemas").json()["items"]
    schema = client.get(f"/v1/schemas/{names[0]}").json()
    assert msgspec.json.encode(schema)
    assert client.get("/v1/schemas/nothing").status_code == 404
