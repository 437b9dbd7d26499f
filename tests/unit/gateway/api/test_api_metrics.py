"""`/metrics`."""

from __future__ import annotations

from typing import Any

from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families


def samples(client: TestClient) -> dict[str, list[tuple[dict[str, str], float]]]:
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(client.get("/metrics").text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def test_lags_rates_totals_and_fidelity_are_exposed_with_units(client: TestClient) -> None:
    found = samples(client)
    assert found["ranvier_twin_lag_seconds"] == [({"quantile": "0.5"}, 0.2), ({"quantile": "0.99"}, 0.9)]
    assert found["ranvier_ingest_points_total"] == [({}, 4000.0)]
    by = {"quantity": "DRB.UEThpDl", "horizon_s": "60", "model": "statistical"}
    assert (by, 0.6) in found["ranvier_fidelity_ratio"]
    assert (by, 0.5) in found["ranvier_fidelity_low_ratio"]


def test_what_is_undefined_is_absent_and_its_evidence_is_there(client: TestClient) -> None:
    found = samples(client)
    assert "climatology" not in {labels["model"] for labels, _ in found["ranvier_fidelity_ratio"]}
    assert "climatology" in {labels["model"] for labels, _ in found["ranvier_fidelity_pairs"]}


def test_a_twin_without_a_state_has_no_lag_rather_than_zero(client: TestClient, platform: Any) -> None:
    platform.as_of_ns = None
    assert "ranvier_twin_as_of_timestamp_seconds" not in samples(client)


def test_no_label_grows_with_what_is_asked_for(client: TestClient) -> None:
    for i in range(20):
        client.get(f"/v1/topology/UE={i}")
        client.get(f"/nowhere/{i}")
    found = samples(client)["ranvier_http_requests_total"]
    routes = {labels["route"] for labels, _ in found}
    assert routes <= {"/v1/topology/{node_id}", "none", "/metrics"}
    labels = {name for several in samples(client).values() for one, _ in several for name in one}
    assert labels <= {"quantile", "sink", "quantity", "horizon_s", "model", "method", "route", "status", "le"}
