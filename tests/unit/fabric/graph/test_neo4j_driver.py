"""A Neo4j server that is away, silent or refuses: a clear error within the deadline, and none of the client's."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from ranvier.fabric.graph.neo4j import Neo4jConfig, Neo4jGraph
from ranvier.fabric.graph.neo4j_driver import Driver
from ranvier.ontology.errors import StoreError
from ranvier.ontology.ontology import load

pytest.importorskip("neo4j", reason="the extra 'servers' is not installed")
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


def test_the_password_is_not_shown() -> None:
    assert "secret-word" not in repr(_config(1))
