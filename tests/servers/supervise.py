"""Runs a command beside servers of its own, which are stopped however it ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from tests.servers.failure import ServerError
from tests.servers.install import install
from tests.servers.recipes import RECIPES
from tests.servers.together import Together

VARIABLE = "RANVIER_TEST_SERVERS"
STOP_PATIENCE_S = 20.0


def run_beside_servers(command: Sequence[str], required: bool) -> int:
    """Run that command on fresh servers, or on those that RANVIER_TEST_SERVERS names; its exit status.

    What cannot be built here is left out, and said in one line. required: then nothing may be left out.
    """
    given = os.environ.get(VARIABLE, "")
    if given == "none" and required:
        raise ServerError(f"{VARIABLE}=none leaves out the tests on real servers, and CI=true requires them")
    if given:
        print(f"== servers: those of {VARIABLE}={given}", flush=True)
        return _supervised(command, {})
    _end_on_signals()
    left_out = make_what_can_be(required)
    if left_out:
        print(left_out_line(left_out), flush=True)
    names = [name for name in RECIPES if name not in left_out]
    return _on_fresh_servers(command, names) if names else _supervised(command, {VARIABLE: "none"})


def make_what_can_be(required: bool) -> dict[str, str]:
    """Make all servers that this machine has the tools for; why each of the others is left out."""
    left_out = {}
    for name, recipe in RECIPES.items():
        if missing := recipe.missing_tools():
            left_out[name] = f"no {', '.join(missing)}"
    if left_out and required:
        raise ServerError(f"{left_out_line(left_out)} CI=true requires them.")
    for name in RECIPES.keys() - left_out.keys():
        try:
            install(RECIPES[name])
        except ServerError as error:
            if required:
                raise
            left_out[name] = str(error).splitlines()[0]
    return left_out


def left_out_line(left_out: dict[str, str]) -> str:
    """One line that says what is left out, and why."""
    each = "; ".join(f"{RECIPES[name].title} ({why})" for name, why in left_out.items())
    return f"== left out: the tests on {each}. CONTRIBUTING.md says what the servers need."


def _on_fresh_servers(command: Sequence[str], names: Sequence[str]) -> int:
    folder = Path(tempfile.mkdtemp(prefix="ranvier-servers-"))
    together = Together.on_free_ports(folder, names)
    status = 1
    try:
        print(f"== starting {', '.join(RECIPES[name].title for name in names)}", flush=True)
        together.up()
        status = _supervised(command, {VARIABLE: str(together.file)})
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # nothing may keep the servers from being stopped
        if killed := together.down(STOP_PATIENCE_S):
            print(f"== had to kill {', '.join(killed)}: SIGTERM did not end them", file=sys.stderr)
            status = status or 1
        _clear(folder, together, keep_logs=status != 0)
    return status


def _supervised(command: Sequence[str], environment: dict[str, str]) -> int:
    """Run it to its end. It gets the signals that end us; a ctrl-C reaches it from the terminal."""
    with subprocess.Popen(command, env={**os.environ, **environment}) as child:
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: child.terminate())
        signal.signal(signal.SIGINT, lambda *_: None)
        status = child.wait()
    return status if status >= 0 else 128 - status


def _end_on_signals() -> None:
    """Let SIGTERM and SIGHUP unwind as a ctrl-C does."""

    def end(number: int, frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)


def _clear(folder: Path, together: Together, keep_logs: bool) -> None:
    """Remove the servers' folder; after a failure their logs stay."""
    if keep_logs:
        kept = Path(tempfile.mkdtemp(prefix="ranvier-server-logs-"))
        for name, server in together.servers.items():
            for log in filter(Path.exists, server.logs()):
                shutil.copy(log, kept / f"{name}-{log.name}")
        print(f"== the servers' logs are in {kept}", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
