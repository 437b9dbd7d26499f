"""The page at `/`, and what every answer carries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from ranvier.gateway.api.app import create_app


def test_without_a_built_page_it_says_how_to_build_it(client: TestClient) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    assert "make web" in answer.text


def test_a_built_page_is_served_with_its_files(platform: Any, tmp_path: Path) -> None:
    (tmp_path / "site" / "assets").mkdir(parents=True)
    (tmp_path / "site" / "index.html").write_text("<p>here")
    (tmp_path / "site" / "mark.svg").write_text("<svg/>")
    (tmp_path / "site" / "assets" / "main.js").write_text("1")
    client = TestClient(create_app(platform, static=tmp_path / "site"), "http://127.0.0.1")
    assert client.get("/").text == "<p>here"
    assert client.get("/mark.svg").headers["content-type"] == "image/svg+xml"
    assert "javascript" in client.get("/assets/main.js").headers["content-type"]
    assert client.get("/assets/../../secret").status_code == 404
    # Files take over no path of the API.
    assert client.get("/v1/events").status_code == 405


def test_no_answer_lets_a_browser_ask_another_host(client: TestClient) -> None:
    for path in ("/", "/v1/status", "/nothing"):
        headers = client.get(path).headers
        assert headers["Content-Security-Policy"].startswith("default-src 'self'")
        assert "http" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_there_are_no_pages_that_load_scripts_from_elsewhere(client: TestClient) -> None:
    assert client.get("/docs").status_code == 404
    assert client.get("/redoc").status_code == 404
