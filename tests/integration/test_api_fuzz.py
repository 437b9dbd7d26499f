"""The API keeps the word of its own OpenAPI document, whatever is sent: fuzzed in process."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import settings as fuzzed
from hypothesis import strategies as st
from openapi_spec_validator import validate
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from ranvier.aiops.serving.in_process import InProcess
from ranvier.fabric.ingest import Ingest, publish
from ranvier.gateway.api.app import create_app
from ranvier.gateway.api.platform import LiveScene, Platform
from ranvier.gateway.bootstrap import open_platform
from ranvier.gateway.runtime.scene_forecasts import SceneForecasts
from ranvier.gateway.settings import ApiSettings, Settings, StoreSettings
from tests import scene_double

CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
_CITY = Path(__file__).parents[1] / "unit/gateway/api/conftest.py"


def _city() -> Any:
    spec = importlib.util.spec_from_file_location("api_city", _CITY)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def api_schema() -> Iterator[Any]:
    city = _city()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(network="city", store=StoreSettings(folder=Path(folder)))
        with open_platform(settings) as platform:
            publish(platform.log, city.city(platform.whose), "test", city.T0)
            ingest = Ingest(platform.log, platform.series, platform.graph, platform.ontology)
            ingest.drain(city.T0)
            ingest.close()
            model = scene_double.ConstantPredictor()
            platform.scenes = SceneForecasts(
                lambda: InProcess(lambda _: model, Path(folder)),
                lambda whose, as_of_ns: LiveScene(scene_double.scene(), as_of_ns or city.T0, city.T0),
            )
            api = ApiSettings(allowed_hosts=("testserver",))  # schemathesis' own name for it
            app = create_app(platform, api, static=Path(folder) / "not-built")
            yield schemathesis.openapi.from_asgi("/openapi.json", app)


def test_the_openapi_document_is_valid_and_whole(api_schema: Any) -> None:
    document = api_schema.raw_schema
    validate(document)
    operations = [o for path in document["paths"].values() for o in path.values()]
    names = [o["operationId"] for o in operations]
    assert len(set(names)) == len(names)
    assert all(o["tags"] and o["description"] for o in operations)
    assert all("application/problem+json" in o["responses"]["default"]["content"] for o in operations)


def _operations() -> list[Any]:
    paths = create_app(cast(Platform, None)).openapi()["paths"]
    # The live stream has a test of its own: it ends only when asked to.
    wanted = [(path, method) for path in paths for method in paths[path] if path != "/v1/live"]
    return [pytest.param(*each, id=" ".join(each)) for each in wanted]


def aim(case: Any) -> None:
    """Point a case at what exists, so that more than refusals is seen."""
    known = {
        "node_id": "UE=1",
        "event_type": "ranvier.alarm.v1",
        "dataset_id": "topology",
        "letter_id": "0-0",
    }
    target = {"object_id": "ManagedElement=1,GNBDUFunction=1,NRCellDU=1", "quantity": "DRB.UEThpDl"}
    for given_, wanted in ((case.path_parameters, known), (case.query, target)):
        for name in set(given_ or ()) & set(wanted):
            given_[name] = wanted[name]
    for name in ("network", "cursor", "known_at"):
        (case.query or {}).pop(name, None)
    if isinstance(case.body, dict) and "targets" in case.body:
        case.body["targets"] = [target]
    elif isinstance(case.body, dict) and "horizons_s" in case.body:
        case.body |= {"scene": None, "as_of": "now", "horizons_s": [1, 60], "nodes": ["cell-1", "ue-2"]}
        case.body |= {"interventions": []} if "what_ifs" not in case.body else {}


@pytest.mark.parametrize(("path", "method"), _operations())
def test_every_answer_is_one_that_the_document_declares(api_schema: Any, path: str, method: str) -> None:
    cases = api_schema[path][method].as_strategy(generation_mode=GenerationMode.POSITIVE)
    odd = api_schema[path][method].as_strategy(generation_mode=GenerationMode.NEGATIVE)

    @fuzzed(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(case=st.one_of(cases, odd), aimed=st.booleans())
    def answers(case: Any, aimed: bool) -> None:
        if aimed:
            aim(case)
        # Only a platform that is not ready may say 5xx, and this one has no twin.
        checks = CHECKS if path == "/readyz" else [not_a_server_error, *CHECKS]
        case.call_and_validate(checks=checks)

    answers()
