"""The API keeps the word of its own OpenAPI document, whatever is sent: fuzzed in process."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import validate
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from ranvier.gateway.api.app import create_app
from ranvier.gateway.api.platform import Platform

CHECKS = [
    not_a_server_error,
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
        platform = city.EmbeddedPlatform(Path(folder))
        platform.put(city.city(platform.whose))
        app = city.create_app(platform, static=Path(folder) / "not-built")
        yield schemathesis.openapi.from_asgi("/openapi.json", app)
        platform.close()


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


@pytest.mark.parametrize(("path", "method"), _operations())
def test_every_answer_is_one_that_the_document_declares(api_schema: Any, path: str, method: str) -> None:
    cases = api_schema[path][method].as_strategy(generation_mode=GenerationMode.POSITIVE)
    odd = api_schema[path][method].as_strategy(generation_mode=GenerationMode.NEGATIVE)

    @settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(case=st.one_of(cases, odd))
    def answers(case: Any) -> None:
        case.call_and_validate(checks=CHECKS)

    answers()
