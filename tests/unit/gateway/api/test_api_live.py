"""`/v1/live`, over a real socket where it has to end."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from ranvier.fabric.dead_letter import DeadLetter
from ranvier.gateway.api.server import ApiServer


@pytest.fixture
def server(app: FastAPI) -> Iterator[ApiServer]:
    found = ApiServer(app, "127.0.0.1", 0)
    thread = threading.Thread(target=found.run)
    thread.start()
    while not found.started:
        time.sleep(0.01)
    yield found
    found.should_exit = True
    thread.join(10)
    assert not thread.is_alive()


def messages(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


def test_messages_follow_and_each_brings_only_what_is_new(server: ApiServer, platform: Any) -> None:
    url = f"http://127.0.0.1:{server.bound_port}/v1/live"
    with httpx.stream("GET", url, timeout=10, trust_env=False) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        feed = messages(answer.iter_lines())
        first, second = next(feed), next(feed)
        assert [a["alarm_id"] for a in first["alarms"]] == ["A-1"]
        assert (second["alarms"], second["dead_letters"]) == ([], [])
        platform.put([DeadLetter("late", "file", "line 1", b"x", network="city")], platform.now_ns())
        later = next(m for m in feed if m["dead_letters"])
        assert later["dead_letters"][0]["reason"] == "late"
        assert later["figures"]["feed_emulated"] is True
        assert len(later["fidelity"]) == 3


def test_a_stream_ends_when_the_platform_stops(server: ApiServer) -> None:
    url = f"http://127.0.0.1:{server.bound_port}/v1/live"
    with httpx.stream("GET", url, timeout=10, trust_env=False) as answer:
        feed = messages(answer.iter_lines())
        next(feed)
        server.should_exit = True
        assert len(list(feed)) < 1000  # it ends at all, and in order: no error is raised


def test_a_viewer_that_goes_leaves_nothing_behind(server: ApiServer) -> None:
    url = f"http://127.0.0.1:{server.bound_port}/v1/live"
    with httpx.stream("GET", url, timeout=10, trust_env=False) as answer:
        next(messages(answer.iter_lines()))
    deadline = time.monotonic() + 5
    while server.server_state.tasks and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not server.server_state.tasks


def test_a_bounded_stream_ends_by_itself(client: TestClient) -> None:
    found = list(messages(iter(client.get("/v1/live?messages=3").text.splitlines())))
    assert len(found) == 3


def test_one_message_can_be_asked_for(client: TestClient) -> None:
    assert client.get("/v1/live/snapshot").json()["figures"]["twin_lag_p99_s"] == 0.9
