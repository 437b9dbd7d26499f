"""What the tests of the profile `servers` share: the environment of a platform of its own on the test servers."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.servers import connect

PATIENCE_S = 240.0
"""Three servers and several processes on two cores are slow to come up."""


def environment(
    folder: Path, neo4j_port: int | None = None, influx_port: int | None = None
) -> dict[str, str]:
    """Settings for a fresh space on the servers, its secrets in files; ports of a proxy in between, if given."""
    name = f"t{os.getpid()}x{time.monotonic_ns()}"
    neo4j, influx = connect.address("neo4j"), connect.address("influx")
    files = {"neo4j": neo4j["password"], "influx": influx["token"]}
    for server, text in files.items():
        file = folder / f"{server}.secret"
        file.write_text(text + "\n")
        file.chmod(0o600)
    return {
        "RANVIER_SERVERS__KAFKA__BOOTSTRAP": connect.address("kafka")["bootstrap"],
        "RANVIER_SERVERS__KAFKA__PREFIX": f"{name}.",
        "RANVIER_SERVERS__NEO4J__URI": neo4j["uri"] if neo4j_port is None else f"bolt://127.0.0.1:{neo4j_port}",
        "RANVIER_SERVERS__NEO4J__USER": neo4j["user"],
        "RANVIER_SERVERS__NEO4J__PASSWORD_FILE": str(folder / "neo4j.secret"),
        "RANVIER_SERVERS__NEO4J__SPACE": name,
        "RANVIER_SERVERS__NEO4J__DEADLINE_S": "5",
        "RANVIER_SERVERS__INFLUX__URL": influx["url"] if influx_port is None else f"http://127.0.0.1:{influx_port}",
        "RANVIER_SERVERS__INFLUX__ORG": influx["org"],
        "RANVIER_SERVERS__INFLUX__TOKEN_FILE": str(folder / "influx.secret"),
        "RANVIER_SERVERS__INFLUX__PREFIX": name,
        "RANVIER_SERVERS__INFLUX__DEADLINE_S": "5",
    }  # fmt: skip


def port_of(address: str) -> int:
    """The port of `scheme://host:port` or `host:port`."""
    return int(address.rstrip("/").rsplit(":", 1)[1])


def awaited(running: Any, until: Callable[[], bool]) -> None:
    """Wait for something of a running platform."""
    running.wait(until, PATIENCE_S)
