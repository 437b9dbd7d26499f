"""A page elsewhere whose name resolves to this machine reads nothing."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from ranvier.gateway.api.app import create_app
from ranvier.gateway.settings import ApiSettings


def asked(platform: Any, settings: ApiSettings, host: str) -> Any:
    client = TestClient(create_app(platform, settings), "http://127.0.0.1")
    return client.get("/v1/topology", headers={"Host": host})


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8321", "127.0.0.1:8321", "[::1]", "[::1]:8321", "LOCALHOST.:80"]
)
def test_this_machine_is_answered_by_its_own_names(platform: Any, host: str) -> None:
    assert asked(platform, ApiSettings(), host).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example:8321", "localhost.evil.example", "127.0.0.1.evil.example", "", "[evil]", "10.0.0.1"],
)
@pytest.mark.parametrize("path", ["/v1/topology", "/", "/openapi.json", "/healthz", "/metrics"])
def test_another_host_is_refused_with_a_problem(client: TestClient, host: str, path: str) -> None:
    answer = client.get(path, headers={"Host": host})
    assert answer.status_code == 421
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "api.allowed_hosts" in answer.json()["remedy"]


def test_a_second_host_does_not_hide_the_first(client: TestClient) -> None:
    answer = client.get("/v1/topology", headers=[("Host", "localhost"), ("Host", "evil.example")])
    assert answer.status_code == 421


def test_the_settings_name_more_hosts(platform: Any) -> None:
    settings = ApiSettings(host="twin.internal", allowed_hosts=("Ranvier.example",))
    for host in ("twin.internal:8321", "ranvier.example", "127.0.0.1"):
        assert asked(platform, settings, host).status_code == 200
    assert asked(platform, settings, "other.example").status_code == 421


@pytest.mark.parametrize("everywhere", ["0.0.0.0", "::"])
def test_a_platform_on_every_address_answers_to_each_but_to_no_unknown_name(
    platform: Any, everywhere: str
) -> None:
    settings = ApiSettings(host=everywhere)
    assert asked(platform, settings, "10.0.0.1:8321").status_code == 200
    assert asked(platform, settings, "[fd00::1]:8321").status_code == 200
    assert asked(platform, settings, "evil.example").status_code == 421
