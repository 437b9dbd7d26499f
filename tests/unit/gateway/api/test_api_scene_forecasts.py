"""Asks about scenes: one under interventions, many what-ifs, their limits, and a platform that has no model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from ranvier.dtops.scenes.forecast import LEVELS
from ranvier.gateway.api import bounded_body, scene_forecasts, scene_models
from ranvier.gateway.api.scene_columns import SceneItem, item_of, scene_of
from ranvier.gateway.settings import ApiSettings
from tests.scene_double import scene

ONE, BATCH = "/v1/forecasts", "/v1/forecasts/batch"
GIVEN = {"scene": item_of(scene()), "horizons_s": [1, 60]}
QUIETER = {"knob": "power_dbm", "value": 40.0, "cells": ["cell-1"]}


def by_kpi(found: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {each["kpi"]: each for each in found}


def asked(client: TestClient, path: str = ONE, **more: Any) -> dict[str, Any]:
    answer = client.post(path, json=GIVEN | more)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


# ---------------------------------------------------------------- the scene
def test_a_scene_survives_its_way_through_json() -> None:
    given = scene()
    given.cells.bearing[0] = np.nan
    found = scene_of(SceneItem.model_validate(item_of(given)))
    for name, column in given.columns().items():
        np.testing.assert_array_equal(found.columns()[name], column, err_msg=name)
        assert found.columns()[name].dtype == column.dtype, name
    assert (found.name, found.cell_ids, found.user_ids, found.antenna) == (
        given.name, given.cell_ids, given.user_ids, given.antenna,
    )  # fmt: skip


# ---------------------------------------------------------------- one scene
def test_an_answer_has_each_kpi_of_each_node_at_each_horizon(client: TestClient) -> None:
    found = asked(client)
    kpis = by_kpi(found["kpis"])
    assert set(kpis) == set(scene_models.KpiName.__args__)
    assert kpis["prb_percent"]["nodes"] == ["cell-0", "cell-1", "cell-2"]
    assert np.shape(kpis["sinr_db"]["quantiles"]) == (6, 2, 5)
    assert kpis["handovers"]["quantiles"] is None
    assert kpis["handovers"]["probability"][0] == [0.25, 0.25]
    assert kpis["handovers"]["mean_count"][0] == [0.5, 0.5]
    assert (found["model"], found["model_version"], found["answered_by"]) == ("constant", "1", "in_process")


def test_quantiles_lie_between_the_models_own(client: TestClient) -> None:
    found = asked(client, levels=[0.33, 0.001, 0.5], kpis=["prb_percent"], nodes=["cell-0"])
    assert found["levels"] == [0.001, 0.33, 0.5]
    # The double's quantile at level u is 83 + (u − ½) at one second; beyond its outermost level it is that.
    assert found["kpis"][0]["quantiles"][0][0] == pytest.approx([83 + LEVELS[0] - 0.5, 83 - 0.17, 83.0])


def test_interventions_are_in_effect(client: TestClient) -> None:
    before = by_kpi(asked(client, kpis=["prb_percent"], levels=[0.5])["kpis"])["prb_percent"]["quantiles"]
    after = by_kpi(asked(client, kpis=["prb_percent"], levels=[0.5], interventions=[QUIETER])["kpis"])
    change = np.subtract(after["prb_percent"]["quantiles"], before)[:, 0, 0]
    assert change.tolist() == [0.0, -3.0, 0.0]


def test_where_the_model_gives_no_forecast_there_is_null(client: TestClient) -> None:
    off = {"knob": "on", "value": 0, "cells": ["cell-2"]}
    found = asked(client, kpis=["rlc_delay_ms"], interventions=[off], samples=2)["kpis"][0]
    assert found["quantiles"][2] == [None, None]
    assert found["samples"][2] == [None, None]
    assert found["quantiles"][0][0] is not None


def test_samples_are_the_same_for_the_same_seed_whatever_nodes_are_asked_for(client: TestClient) -> None:
    every = asked(client, kpis=["sinr_db"], samples=5, seed=3)["kpis"][0]["samples"]
    some = asked(client, kpis=["sinr_db"], samples=5, seed=3, nodes=["ue-4"])["kpis"][0]["samples"]
    other = asked(client, kpis=["sinr_db"], samples=5, seed=4, nodes=["ue-4"])["kpis"][0]["samples"]
    assert some[0] == every[4]
    assert other != some


def test_a_given_scene_has_no_times_and_the_live_twin_has(client: TestClient) -> None:
    assert (asked(client)["as_of"], asked(client)["known_at"]) == (None, None)
    live = client.post(ONE, json={"as_of": "now", "horizons_s": [1]}).json()
    assert (live["as_of"], live["known_at"]) == ("2026-01-31T12:10:00Z", "2026-01-31T12:09:59Z")
    then = client.post(ONE, json={"as_of": "2026-01-31T12:00:00Z", "horizons_s": [1]}).json()
    assert then["as_of"] == "2026-01-31T12:00:00Z"


def test_fidelity_is_the_models_own_or_there_is_a_reason(client: TestClient, platform: Any) -> None:
    found = asked(client)
    assert found["fidelity"] is None
    assert "constant" in found["fidelity_reason"]
    platform.predictor.name = "statistical"
    found = asked(client)
    assert [each["model"] for each in found["fidelity"]] == ["statistical"]
    assert found["fidelity_reason"] is None


# ---------------------------------------------------------------- many what-ifs
def test_each_what_if_has_its_change_over_the_nodes(client: TestClient) -> None:
    what_ifs = [{"name": "as it is", "interventions": []}, {"name": "quieter", "interventions": [QUIETER]}]
    found = asked(client, BATCH, what_ifs=what_ifs, kpis=["prb_percent", "handovers"])
    same, quieter = found["items"]
    assert (same["name"], quieter["name"]) == ("as it is", "quieter")
    assert same["summary"] == found["base"]
    summary = by_kpi(quieter["summary"])["prb_percent"]
    assert summary["mean"][0] == pytest.approx(82.0)
    assert summary["change"] == [-1.0, -1.0]
    assert np.shape(summary["quantiles"]) == (2, 5)
    assert by_kpi(quieter["summary"])["handovers"]["quantiles"] is None
    assert same["kpis"] is None


def test_a_change_is_over_the_nodes_that_have_a_forecast_either_way(client: TestClient) -> None:
    off = {"interventions": [{"knob": "on", "value": 0, "cells": ["cell-0"]}]}
    found = asked(client, BATCH, what_ifs=[off], kpis=["rlc_delay_ms"])
    assert found["base"][0]["counted"] == [3, 3]
    assert found["items"][0]["summary"][0]["counted"] == [2, 2]
    assert found["items"][0]["summary"][0]["change"] == [0.0, 0.0]


def test_the_mean_is_that_of_the_distribution() -> None:
    from ranvier.gateway.api.scene_answers import Chosen, expectations

    given = scene()
    from tests.scene_double import ConstantPredictor

    (made,) = ConstantPredictor().forecast([given], (1.0,))
    places = {"cell": np.arange(3), "ue": np.arange(6)}
    of = Chosen(("prb_percent",), {"cell": [], "ue": []}, places, LEVELS)
    draws = made.samples("prb_percent", 20_000).mean(axis=2)
    # The standard deviation of a draw is at most 1/√12 here, so that of the mean 0.002; five of those.
    np.testing.assert_allclose(expectations(made, of)["prb_percent"], draws, atol=0.0103)


def test_full_has_every_node_of_every_what_if(client: TestClient) -> None:
    found = asked(client, BATCH, what_ifs=[{"interventions": [QUIETER]}], full=True, kpis=["sinr_db"])
    assert np.shape(found["items"][0]["kpis"][0]["quantiles"]) == (6, 2, 5)


def test_a_batch_is_worked_on_in_chunks_each_with_the_scene_as_it_is(
    client: TestClient, platform: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scene_forecasts, "CHUNK_SCENES", 4)
    found = asked(client, BATCH, what_ifs=[{"interventions": []}] * 10, kpis=["sinr_db"])
    assert len(found["items"]) == 10
    assert platform.predictor.batches == [5, 5, 3]


def test_thousands_of_what_ifs_go_into_one_ask(client: TestClient) -> None:
    what_ifs = [{"interventions": [QUIETER | {"value": 30.0 + i % 10}]} for i in range(4096)]
    found = asked(client, BATCH, what_ifs=what_ifs, kpis=["prb_percent"])
    assert [each["summary"][0]["change"][0] for each in found["items"][:3]] == pytest.approx(
        [-13 / 3, -4.0, -11 / 3], abs=1e-4
    )


# ---------------------------------------------------------------- refusals
@pytest.mark.parametrize("path", [ONE, BATCH])
@pytest.mark.parametrize(
    ("change", "status", "says"),
    [
        ({"as_of": "now"}, 422, "not both"),
        ({"scene": None}, 422, "either `scene` or `as_of`"),
        ({"horizons_s": [7]}, 400, "horizons among"),
        ({"horizons_s": []}, 422, "horizons_s"),
        ({"nodes": ["cell-9"]}, 400, "cells and users of the scene"),
        ({"kpis": ["speed"]}, 422, "kpis"),
        ({"levels": [1.0]}, 422, "levels"),
        ({"unknown": 1}, 422, "unknown"),
        ({"scene": {**GIVEN["scene"], "cell_ids": ["a"]}}, 422, "cell_ids"),
        ({"scene": {**GIVEN["scene"], "noise_dbm": float("inf")}}, 422, "noise_dbm"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_told(
    client: TestClient, path: str, change: dict[str, Any], status: int, says: str
) -> None:
    import json

    ask = GIVEN | ({"what_ifs": [{"interventions": []}]} if path == BATCH else {}) | change
    answer = client.post(path, content=json.dumps(ask), headers={"content-type": "application/json"})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert says in answer.text


def test_columns_that_do_not_fit_are_told(client: TestClient) -> None:
    given = {**GIVEN["scene"], "links": {**GIVEN["scene"]["links"], "cell": [99] * 18}}
    answer = client.post(ONE, json=GIVEN | {"scene": given})
    assert (answer.status_code, "links to cells 0 to 2" in answer.text) == (400, True)


def test_interventions_out_of_range_are_told(client: TestClient) -> None:
    answer = client.post(ONE, json=GIVEN | {"interventions": [QUIETER | {"value": 1e6}]})
    assert (answer.status_code, answer.json()["expected"]) == (400, "power_dbm of -60 to 80")


def test_a_scene_of_too_many_nodes_is_told_the_limit(client: TestClient) -> None:
    users = {name: column * 3_400 for name, column in GIVEN["scene"]["users"].items()}
    answer = client.post(ONE, json=GIVEN | {"scene": {**GIVEN["scene"], "users": users, "user_ids": []}})
    assert answer.status_code == 422
    assert "20000" in answer.text


def test_an_answer_of_too_many_numbers_is_told_the_limit(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ranvier.gateway.api.scene_answers.MAX_NUMBERS", 1_000)
    answer = client.post(ONE, json=GIVEN | {"samples": 1000})
    assert answer.status_code == 422
    assert answer.json()["expected"] == "an answer of at most 1000 numbers"


def test_too_many_what_ifs_are_told_the_limit(client: TestClient) -> None:
    answer = client.post(BATCH, json=GIVEN | {"what_ifs": [{"interventions": []}] * 4097})
    assert answer.status_code == 422
    assert "4096" in answer.text


def test_too_much_work_in_one_batch_is_told_the_limit(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scene_forecasts, "MAX_BATCH_NODES", 20)
    answer = client.post(BATCH, json=GIVEN | {"what_ifs": [{"interventions": []}] * 3})
    assert (answer.status_code, answer.json()["expected"]) == (
        422,
        "at most 20 nodes of all what-ifs together",
    )


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_that_is_too_large_is_refused_before_it_is_read(
    app: Any, client: TestClient, announced: bool
) -> None:
    app.state.settings = ApiSettings(max_scene_bytes=1_000)
    pieces = [b" " * 600] * 3
    answer = client.post(ONE, content=b"".join(pieces) if announced else iter(pieces))
    assert (answer.status_code, answer.json()["expected"]) == (413, "a body of at most 1000 bytes")
    assert app.state.held_bodies.bytes == 0


def test_large_bodies_at_once_are_told_to_wait(app: Any, client: TestClient) -> None:
    app.state.held_bodies.bytes = bounded_body.BODIES_AT_ONCE * app.state.settings.max_scene_bytes
    answer = client.post(ONE, json=GIVEN)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


# ---------------------------------------------------------------- the service
@pytest.mark.parametrize("path", [ONE, BATCH, "/v1/forecasts/service"])
def test_without_a_surrogate_the_answer_says_how_to_get_one(
    client: TestClient, platform: Any, path: str
) -> None:
    platform.service = None
    ask = GIVEN | ({"what_ifs": [{"interventions": []}]} if path == BATCH else {})
    answer = client.get(path) if "service" in path else client.post(path, json=ask)
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:ranvier:problem:unavailable")
    assert answer.json()["remedy"] == "train one"


def test_the_service_says_which_model_answers_and_how_often(client: TestClient) -> None:
    asked(client)
    found = client.get("/v1/forecasts/service").json()
    assert (found["ok"], found["service"], found["detail"]["version"]) == (True, "in_process", "1")
    assert found["counts"] == {"in_process": 1}
