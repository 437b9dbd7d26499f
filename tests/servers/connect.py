"""Where the servers of this test run are, and the marks for tests and suite parameters that need one.

The environment variable RANVIER_TEST_SERVERS names a JSON file with one entry for each server that is up:

    {"kafka": {"bootstrap": ...}, "neo4j": {"uri": ..., "user": ..., "password": ...},
     "influx": {"url": ..., "org": ..., "token": ...}}

`make test` starts fresh servers and sets it. Without it, what needs a server is skipped with the reason, or
fails where CI=true requires it. All tests of a run share these servers: isolate by prefix, and start your
own (`tests.servers.control`) to kill, pause or fill one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

VARIABLE = "RANVIER_TEST_SERVERS"
SERVERS = ("kafka", "neo4j", "influx")
Address = dict[str, str]


def addresses() -> dict[str, Address] | None:
    """The address of each server that is up; None where the variable is not set (or says 'none')."""
    path = os.environ.get(VARIABLE, "")
    if path in ("", "none"):
        return None
    found: dict[str, Address] = json.loads(Path(path).read_text())
    return found


def why_not(server: str) -> str:
    """Why a test cannot have that server; empty where it can."""
    if server not in SERVERS:
        raise LookupError(f"expected one of {', '.join(SERVERS)}, not the server {server!r}")
    found = addresses()
    if found is None:
        return f"{VARIABLE} is not set: run make test, or make servers-up"
    return "" if server in found else f"{os.environ[VARIABLE]} names no server {server!r}"


def address(server: str) -> Address:
    """The address of that server, with its secrets and not the files that hold them.

    Raises LookupError, which says what to do, where there is none.
    """
    if reason := why_not(server):
        raise LookupError(reason)
    found = (addresses() or {})[server]
    return {name: value for name, value in found.items() if not name.endswith("_file")}


def needs(server: str) -> pytest.MarkDecorator:
    """The mark of a test that needs that server: skipped without it, but never where CI=true."""
    reason = why_not(server)
    return pytest.mark.skipif(bool(reason) and os.environ.get("CI") != "true", reason=reason)


def parameters(factories: Iterable[str]) -> list[Any]:
    """The names of a suite's factories as its parameters; one named after a server needs that server.

    For `@pytest.fixture(params=parameters(FACTORIES))` and `@pytest.mark.parametrize("f", parameters(...))`.
    """
    return [
        pytest.param(name, marks=needs(name)) if name in SERVERS else pytest.param(name)
        for name in sorted(factories)
    ]
