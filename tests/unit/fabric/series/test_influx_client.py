"""What becomes of a request: done, refused, or sent again until a deadline."""

from __future__ import annotations

import contextlib
import gzip
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

pytest.importorskip("influxdb_client", reason="the extra 'servers' is not installed")

from ranvier.fabric.series import influx_health
from ranvier.fabric.series.influx_client import InfluxClient, Missing
from ranvier.fabric.series.influx_config import InfluxConfig
from ranvier.ontology.errors import AccessRefused, InputError, StoreError

CUT = 0


class Scripted(BaseHTTPRequestHandler):
    """Answers with the server's next status, or cuts the connection; keeps what came."""

    server: Any

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.came.append((self.path, dict(self.headers), body))
        status, headers = self.server.script.pop(0) if self.server.script else (204, {})
        if status == CUT:
            self.close_connection = True
            return
        answer = b"" if status == 204 else json.dumps({"message": f"said {status}"}).encode()
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(answer))}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_GET = _answer

    def log_message(self, *arguments: Any) -> None:
        pass


class Clock:
    """Time that passes only by waiting."""

    def __init__(self) -> None:
        self.now, self.waits = 0.0, list[float]()

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


@pytest.fixture
def server() -> Iterator[Any]:
    made: Any = ThreadingHTTPServer(("127.0.0.1", 0), Scripted)
    made.script, made.came = [], []
    thread = threading.Thread(target=made.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


def client_of(server: Any, clock: Clock, **more: Any) -> InfluxClient:
    url = f"http://127.0.0.1:{server.server_address[1]}"
    return InfluxClient(InfluxConfig(url, "org", "secret", **more), clock, clock.sleep)


def test_a_write_to_this_machine_is_one_plain_request_with_every_line(server: Any) -> None:
    client_of(server, Clock()).write("bucket", ["a x=1 1", "b x=2 2"])
    ((_, headers, body),) = server.came
    assert "Content-Encoding" not in headers
    assert body == b"a x=1 1\nb x=2 2"


@pytest.mark.parametrize(
    ("url", "compress", "does"),
    [
        ("http://127.0.0.1:8086", None, False), ("http://localhost:8086", None, False),
        ("http://[::1]:8086", None, False), ("http://influx:8086", None, True),
        ("https://10.0.0.7", None, True), ("http://localhost:8086", True, True),
        ("http://influx:8086", False, False),
    ],
)  # fmt: skip
def test_lines_are_compressed_where_a_network_is_between(url: str, compress: bool | None, does: bool) -> None:
    assert InfluxConfig(url, "org", "secret", compress=compress).compresses == does


def test_a_compressed_write_is_one_gzipped_request_with_every_line(server: Any) -> None:
    client_of(server, Clock(), compress=True).write("bucket", ["a x=1 1", "b x=2 2"])
    ((path, headers, body),) = server.came
    assert path == "/api/v2/write?org=org&bucket=bucket&precision=ns"
    assert headers["Authorization"] == "Token secret"
    assert gzip.decompress(body) == b"a x=1 1\nb x=2 2"


@pytest.mark.parametrize("status", [CUT, 429, 500, 502, 503, 504])
def test_what_was_not_answered_is_sent_again_the_same(server: Any, status: int) -> None:
    clock = Clock()
    server.script = [(status, {}), (status, {})]
    client_of(server, clock).write("bucket", ["a x=1 1"])
    assert len(server.came) == 3
    assert len({body for _, _, body in server.came}) == 1
    assert clock.waits == [0.05, 0.1]


def test_the_server_says_when_to_come_again(server: Any) -> None:
    clock = Clock()
    server.script = [(503, {"Retry-After": "7"})]
    client_of(server, clock).write("bucket", ["a x=1 1"])
    assert clock.waits == [7.0]


def test_what_is_never_answered_is_an_error_at_the_deadline(server: Any) -> None:
    clock = Clock()
    server.script = [(503, {})] * 100
    with pytest.raises(StoreError, match="said 503"):
        client_of(server, clock, deadline_s=30.0).write("bucket", ["a x=1 1"])
    assert 25 < clock.now < 30
    server.script = [(503, {"Retry-After": "3600"})]
    with pytest.raises(StoreError):
        client_of(server, clock).write("bucket", ["a x=1 1"])


@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_the_server_refuses_is_bad_input_and_not_sent_again(server: Any, status: int) -> None:
    server.script = [(status, {})]
    with pytest.raises(InputError, match=f"said {status}"):
        client_of(server, Clock()).write("bucket", ["a x=1 1"])
    assert len(server.came) == 1


@pytest.mark.parametrize(("status", "kind"), [(401, AccessRefused), (403, AccessRefused), (404, Missing)])
def test_wrong_rights_and_names_are_the_stores_error_at_once(
    server: Any, status: int, kind: type[StoreError]
) -> None:
    server.script = [(status, {})]
    with pytest.raises(kind, match="token"):
        client_of(server, Clock()).write("bucket", ["a x=1 1"])
    assert len(server.came) == 1


def test_a_server_that_is_away_is_told_within_seconds() -> None:
    client = InfluxClient(InfluxConfig("http://127.0.0.1:9", "org", "secret"))
    health = influx_health.ping(client, InfluxConfig("http://127.0.0.1:9", "org", "secret"), {})
    assert not health.ok
    assert "127.0.0.1:9" in health.error


@pytest.fixture
def slow() -> Iterator[Any]:
    """A server that is well, and takes its time with whatever makes it read."""
    made: Any = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    made.daemon_threads, made.came, made.enough = True, [], threading.Event()
    thread = threading.Thread(target=made.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.enough.set()
    made.shutdown()
    made.server_close()
    thread.join()


class Slow(BaseHTTPRequestHandler):
    """`/health` at once; all else when the test is over."""

    server: Any

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.came.append((self.command, self.path))
        if self.path != "/health":
            self.server.enough.wait(30)
        answer = json.dumps({"status": "pass", "version": "v2.7.0"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(answer)

    do_POST = do_GET = _answer

    def log_message(self, *arguments: Any) -> None:
        pass


def test_a_ping_is_answered_in_time_also_where_counting_takes_for_ever(slow: Any) -> None:
    config = InfluxConfig(f"http://127.0.0.1:{slow.server_address[1]}", "org", "secret")
    began = time.monotonic()
    health = influx_health.ping(InfluxClient(config), config, {})
    assert time.monotonic() - began < influx_health.PING_S + 1.5
    assert health.ok
    assert "points" not in health.detail
    assert len(slow.came) >= 3, "health, figures and points were asked for"


def test_a_look_is_over_in_time_and_only_reads(slow: Any) -> None:
    began = time.monotonic()
    health = influx_health.look(InfluxConfig(f"http://127.0.0.1:{slow.server_address[1]}", "org", "secret"))
    assert time.monotonic() - began < influx_health.PING_S + 1.5
    assert not health.ok, "whether the token is good was not answered"
    assert {method for method, _ in slow.came} == {"GET"}


def test_a_look_tells_of_a_refused_token(server: Any) -> None:
    server.script = [(401, {})]
    health = influx_health.look(InfluxConfig(f"http://127.0.0.1:{server.server_address[1]}", "org", "secret"))
    assert isinstance(health.cause, AccessRefused)
    assert "token" in health.error
    assert "secret" not in health.error


def test_the_token_is_in_no_error_and_no_text(server: Any) -> None:
    server.script = [(401, {})]
    with pytest.raises(StoreError) as raised:
        client_of(server, Clock()).write("bucket", ["a x=1 1"])
    assert "secret" not in str(raised.value)
    assert "secret" not in repr(InfluxConfig("http://127.0.0.1:9", "org", "secret"))


@pytest.mark.parametrize(
    "wrong", [{"retention_s": 60}, {"prefix": ""}, {"prefix": "_x"}, {"downsample_every_s": 0}]
)
def test_settings_that_influxdb_would_refuse_are_refused_first(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        InfluxConfig("http://127.0.0.1:9", "org", "secret", **wrong)
