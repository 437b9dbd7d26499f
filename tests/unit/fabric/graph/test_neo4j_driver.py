"""A Neo4j server that is away, silent or refuses: a clear error within the deadline, and none of the client's."""

from __future__ import annotations

import functools
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ranvier.fabric.graph.neo4j import Neo4jConfig, Neo4jGraph
from ranvier.fabric.graph.neo4j_driver import Driver
from ranvier.ontology.errors import InputError, StoreError
from ranvier.ontology.ontology import load

neo4j = pytest.importorskip("neo4j", reason="the extra 'servers' is not installed")
DEADLINE_S = 1.0
LATE_S = 3.0
"""What a busy machine may add to a deadline before a test calls it broken."""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _config(port: int) -> Neo4jConfig:
    return Neo4jConfig(f"bolt://127.0.0.1:{port}", password="secret-word", deadline_s=DEADLINE_S)


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that takes connections and says nothing, as a paused server does."""
    taken: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    taken.append(listener.accept()[0])
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        yield int(listener.getsockname()[1])
    for connection in taken:
        connection.close()


def test_a_server_that_is_away_is_named_within_the_deadline() -> None:
    driver = Driver(_config(_free_port()))
    began = time.monotonic()
    with pytest.raises(StoreError, match=r"Neo4j at bolt://127\.0\.0\.1:\d+ .*server runs") as error:
        driver.read(lambda run: run("RETURN 1", {}))
    assert DEADLINE_S / 2 <= time.monotonic() - began <= DEADLINE_S + LATE_S, "tried again, but not for ever"
    assert "secret-word" not in str(error.value)
    driver.close()


def test_a_silent_server_holds_nobody(silent: int) -> None:
    driver = Driver(_config(silent))
    began = time.monotonic()
    with pytest.raises(StoreError):
        driver.write(lambda run: run("RETURN 1", {}))
    assert time.monotonic() - began <= 2 * DEADLINE_S + LATE_S
    driver.close()


def test_ping_of_a_server_that_is_away_says_so_soon(silent: int) -> None:
    for port in (_free_port(), silent):
        graph = Neo4jGraph(Neo4jConfig(f"bolt://127.0.0.1:{port}"), load())
        began = time.monotonic()
        health = graph.ping()
        assert time.monotonic() - began <= 6.0 + LATE_S
        assert not health.ok
        assert "Neo4j" in health.error
        graph.close()


def test_opening_a_graph_waits_for_no_server() -> None:
    began = time.monotonic()
    graph = Neo4jGraph(_config(_free_port()), load())
    assert time.monotonic() - began < DEADLINE_S / 2
    graph.close()


@pytest.mark.parametrize(
    ("code", "passes"),
    [
        ("Neo.ClientError.Security.AuthenticationRateLimit", True),
        ("Neo.ClientError.Security.Unauthorized", False),
        ("Neo.ClientError.Statement.SyntaxError", False),
    ],
)
def test_a_user_whom_others_locked_out_is_tried_again_and_a_wrong_password_is_not(
    code: str, passes: bool
) -> None:
    driver = Driver(_config(1))
    tried = []

    def refused(_session: object) -> None:
        tried.append(code)
        raise neo4j.exceptions.Neo4jError._hydrate_neo4j(code=code, message="no")

    with pytest.raises(StoreError):
        driver._until_deadline(refused)
    assert (len(tried) > 1) == passes
    driver.close()


def test_the_password_is_not_shown() -> None:
    assert "secret-word" not in repr(_config(1))


@pytest.mark.parametrize("scheme", ["bolt", "bolt+s", "neo4j", "neo4j+s"])
def test_certificates_of_ones_own_go_with_every_scheme_that_checks_them(scheme: str, tmp_path: Path) -> None:
    """What fails is that nobody listens, and not that the client refuses the settings."""
    certificates = tmp_path / "ca.pem"
    certificates.write_text(_self_signed())
    uri = f"{scheme}://127.0.0.1:{_free_port()}"
    driver = Driver(Neo4jConfig(uri, password="secret-word", ca_file=certificates, deadline_s=DEADLINE_S))
    with pytest.raises(StoreError, match="server runs"):
        driver.read(lambda run: run("RETURN 1", {}))
    driver.close()


def test_certificates_beside_a_scheme_that_checks_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"bolt\+s"):
        Neo4jConfig("bolt+ssc://127.0.0.1", ca_file=tmp_path / "ca.pem")


@functools.cache
def _self_signed() -> str:
    """A certificate, made anew, since one in the repository would end some day."""
    done = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "/dev/null", "-subj", "/CN=test"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout
