"""`/v1/catalogue`, over a catalogue of three datasets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from fastapi.testclient import TestClient

from ranvier.ontology.errors import NotFound

IDS = ("series/a", "series/b", "topology")


class Three:
    """A Catalogue."""

    def page(self, tenant: str, after: str | None, limit: int) -> Sequence[Mapping[str, object]]:
        return [{"id": i, "owner": tenant} for i in IDS if after is None or i > after][:limit]

    def dataset(self, tenant: str, dataset_id: str) -> Mapping[str, object]:
        if dataset_id not in IDS:
            raise NotFound("a dataset", dataset_id, "list them")
        return {"id": dataset_id}

    def dcat(self, tenant: str, dataset_id: str | None) -> Mapping[str, object]:
        return {"@type": "dcat:Dataset" if dataset_id else "dcat:Catalog"}

    def lineage(self, tenant: str, dataset_id: str) -> Mapping[str, object]:
        return {"events": []}


@pytest.fixture
def filled(client: TestClient, platform: Any) -> TestClient:
    platform.catalogue = Three()
    return client


def test_datasets_page(filled: TestClient) -> None:
    first = filled.get("/v1/catalogue?limit=2").json()
    rest = filled.get("/v1/catalogue", params={"limit": 2, "cursor": first["next"]}).json()
    assert [d["id"] for d in first["items"] + rest["items"]] == list(IDS)
    assert rest["next"] is None


def test_the_outward_form_is_negotiated_or_asked_for(filled: TestClient) -> None:
    linked = {"accept": "application/ld+json"}
    whole = filled.get("/v1/catalogue", headers=linked)
    one = filled.get("/v1/catalogue/series/a", headers=linked)
    assert whole.headers["content-type"] == one.headers["content-type"] == "application/ld+json"
    assert (whole.json()["@type"], one.json()["@type"]) == ("dcat:Catalog", "dcat:Dataset")
    assert filled.get("/v1/catalogue/series/a/dcat").json() == one.json()


def test_a_dataset_whose_id_has_a_slash_is_found(filled: TestClient) -> None:
    assert filled.get("/v1/catalogue/series%2Fa").json() == {"id": "series/a"}
    assert filled.get("/v1/catalogue/series/a/lineage").json() == {"events": []}
    assert filled.get("/v1/catalogue/series/z").status_code == 404
