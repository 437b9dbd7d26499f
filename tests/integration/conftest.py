"""What the tests of whole processes share: `ranvier run` as its users start it, on small and fast settings."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

QUICK = {
    "RANVIER_FEED__PERIOD_S": "1", "RANVIER_FEED__BACKFILL_S": "60", "RANVIER_FEED__EMULATED_SITES": "2",
    "RANVIER_TWIN__ISSUE_EVERY_S": "2", "RANVIER_TWIN__GRACE_S": "1", "OMP_NUM_THREADS": "1",
}  # fmt: skip
# Compiled modules are kept for the session: compiling all of them takes longer than most of these tests.
COMPILED = {
    "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir()) / "ranvier-pycache"),
}  # fmt: skip
COMMAND = [sys.executable, "-W", "default::ResourceWarning", "-m", "ranvier.gateway.cli.main"]
PATIENCE_S = 90.0


class Running:
    """One `ranvier run`; its output lies beside the folder of its stores."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        output = Path(tempfile.mkdtemp(dir=folder.parent, prefix="output-"))
        self._said, self._complained = output / "said.txt", output / "complained.txt"
        with self._said.open("w") as said, self._complained.open("w") as complained:
            self.process = subprocess.Popen(
                [*COMMAND, "--folder", str(folder), "run", "--port", "0", *arguments],
                stdout=said, stderr=complained, env={**os.environ, **QUICK, **COMPILED},
            )  # fmt: skip

    @property
    def said(self) -> str:
        return self._said.read_text()

    @property
    def complained(self) -> str:
        return self._complained.read_text()

    @property
    def url(self) -> str:
        return str(json.loads((self.folder / "running.json").read_text())["url"])

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.url + path, trust_env=False, timeout=30)

    def figures(self) -> dict[str, Any]:
        found: dict[str, Any] = self.get("/v1/live/snapshot").json()["figures"]
        return found

    def wait(self, until: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
        """Wait until that holds, or fail with what the process said."""
        end = time.monotonic() + patience_s
        while time.monotonic() < end and self.process.poll() is None:
            try:
                if until():
                    return
            except (OSError, ValueError, httpx.HTTPError):
                pass  # not up yet
            time.sleep(0.1)
        pytest.fail(f"it did not come to that; it said:\n{self.said}\n{self.complained}")

    def stop(self, number: int = signal.SIGINT) -> int:
        """Its exit status after that signal."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(30)


@pytest.fixture(scope="module")
def run_platform() -> Iterator[Callable[..., Running]]:
    """Starts `ranvier run` over a folder; what still runs after the module's tests is killed."""
    with ExitStack() as stack:

        def start(folder: Path, *arguments: str) -> Running:
            running = Running(folder, *arguments)
            stack.callback(running.stop, signal.SIGKILL)
            return running

        yield start
