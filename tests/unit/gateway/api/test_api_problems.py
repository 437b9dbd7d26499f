"""Every error is a problem; whose data is asked for decides what is seen."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from ranvier.ontology.errors import LeakError, OntologyError, RanvierError, StoreBusy, StoreError


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (LeakError("a", "b", "c"), 409, "leak"),
        (StoreError("a", "b", "c"), 503, "store"),
        (StoreBusy("a", "b", "c"), 503, "store-busy"),
        (OntologyError("a", "b", "c"), 422, "ontology"),
        (RanvierError("a", "b", "c"), 500, "internal"),
    ],
)
def test_each_error_has_its_status_and_says_what_to_do(
    client: TestClient, platform: Any, error: RanvierError, status: int, kind: str
) -> None:
    def fail(*_: object) -> None:
        raise error

    platform.forecasts = fail
    answer = client.get("/v1/forecasts")
    assert answer.status_code == status
    problem = answer.json()
    assert problem["type"] == f"urn:ranvier:problem:{kind}"
    assert (problem["expected"], problem["got"], problem["remedy"]) == ("a", "b", "c")
    assert ("Retry-After" in answer.headers) == (status == 503)


def test_a_fault_of_ours_shows_nothing_of_the_inside(client: TestClient, platform: Any) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("secret /etc/path")

    platform.forecasts = fail
    answer = client.get("/v1/forecasts")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/nothing", 404),
        ("GET", "/nothing.html", 404),
        ("DELETE", "/v1/topology", 405),
        ("GET", "/v1/events", 405),
        ("GET", "/v1/topology?limit=0", 422),
        ("GET", "/v1/topology?limit=ten", 422),
        ("GET", "/v1/topology?as_of=noon", 400),
        ("GET", "/v1/topology?cursor=abc", 400),
        ("GET", "/v1/topology?clas=UE", 400),
        ("GET", "/v1/series/points", 422),
        ("GET", "/v1/catalogue", 404),
        ("GET", "/v1/topology?class=Nonsense", 404),
        ("GET", "/v1/fidelity?quantity=nosuch", 404),
        ("GET", "/v1/forecasts?quantity=nosuch", 404),
        ("GET", "/v1/forecasts/outcomes?object_id=nosuch&quantity=nosuch", 404),
        ("GET", "/v1/series/points?object_id=nosuch&quantity=nosuch", 404),
    ],
)
def test_every_refusal_is_a_problem(client: TestClient, method: str, path: str, status: int) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["instance"] == path.split("?", maxsplit=1)[0]
    assert problem["title"]
    assert problem["detail"]


def test_a_name_that_is_nearly_one_is_told_the_nearest(client: TestClient) -> None:
    assert "NRCellDU" in client.get("/v1/topology?class=NRCelDU").json()["remedy"]
    assert "DRB.UEThpDl" in client.get("/v1/fidelity?quantity=DRB.UETpDl").json()["remedy"]


def test_a_405_names_what_is_allowed(client: TestClient) -> None:
    assert client.delete("/v1/topology").headers["Allow"] == "GET"


@pytest.mark.parametrize(
    "path", ["/v1/topology", "/v1/series", "/v1/forecasts", "/v1/fidelity", "/v1/alarms", "/v1/topology/UE=1"]
)
@pytest.mark.parametrize(
    "other", [{"headers": {"X-Ranvier-Tenant": "other"}}, {"params": {"network": "other"}}]
)
def test_nobody_sees_what_belongs_to_another(client: TestClient, path: str, other: dict[str, Any]) -> None:
    assert client.get(path).status_code == 200
    answer = client.get(path, **other)
    assert answer.status_code == 404 or answer.json()["items"] == []


def test_a_tenant_that_is_no_name_is_refused(client: TestClient) -> None:
    assert client.get("/v1/topology", headers={"X-Ranvier-Tenant": "a/b"}).status_code == 422
