"""The processes of a run: started, killed, paused, and started again where they end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.folder import Board, Folder

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1", **os.environ, "PYTHONDONTWRITEBYTECODE": "",
    "PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir()) / "ranvier-pycache"),
}  # fmt: skip
STOP_S = 30.0


class Process:
    """One of ours, with its board and what it complained of."""

    watched = True
    """Whether it tells on its board what it does."""

    def __init__(self, folder: Folder, name: str, module: str, *arguments: str) -> None:
        self.folder, self.name = folder, name
        self._command = [sys.executable, "-m", module, *arguments]
        self._complaints = folder.path / f"{name}.errors"
        self.paused = False
        self.wanted = True
        self.ended_by_itself: list[str] = []
        self.board: Board = folder.board(name)
        """What it is doing."""
        self._popen = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        self.board.enter("starting")
        with self._complaints.open("ab") as complaints:
            return subprocess.Popen(
                self._command,
                stdout=complaints,
                stderr=complaints,
                cwd=ROOT,
                env={**ENVIRONMENT, **self._environment()},
            )

    def _environment(self) -> dict[str, str]:
        return {}

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._popen.pid

    @property
    def running(self) -> bool:
        """Whether it lives."""
        return self._popen.poll() is None

    def kill(self) -> str:
        """`kill -9`; what it was doing."""
        phase = self.board.phase
        self._popen.kill()
        self._popen.wait()
        self.paused = False
        return phase

    def pause(self) -> str:
        """SIGSTOP; what it was doing."""
        self._popen.send_signal(signal.SIGSTOP)
        self.paused = True
        return self.board.phase

    def resume(self) -> None:
        """SIGCONT."""
        self._popen.send_signal(signal.SIGCONT)
        self.paused = False

    def restart(self) -> None:
        """Start it anew, after it was killed."""
        self._popen = self._start()

    def stop(self) -> int:
        """SIGTERM, and its exit status; killed where it does not end in time."""
        self.wanted = False
        if self.running:
            if self.paused:
                self.resume()
            self._popen.terminate()
            try:
                self._popen.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.kill()
                self.ended_by_itself.append(f"did not end {STOP_S:g} s after SIGTERM")
        return int(self._popen.returncode)

    def look_after(self) -> None:
        """Start it again where it has ended without being told to: what it said is a finding."""
        if self.wanted and not self.running:
            self.ended_by_itself.append(f"exit status {self._popen.returncode}: {self.complaint()}")
            self.restart()

    def complaint(self) -> str:
        """The last line of what it complained of."""
        with contextlib.suppress(OSError):
            lines = [
                line for line in self._complaints.read_text(errors="replace").splitlines() if line.strip()
            ]
            return lines[-1][:400] if lines else ""
        return ""


class PlatformIngest(Process):
    """The platform's own command, `ranvier ingest`: nothing of ours within it."""

    watched = False

    def __init__(self, folder: Folder, name: str) -> None:
        super().__init__(folder, name, "ranvier.gateway.cli.main", "ingest")

    def _start(self) -> subprocess.Popen[bytes]:
        started = super()._start()
        self.board.enter("ranvier ingest")
        return started

    def _environment(self) -> dict[str, str]:
        return platform_settings(self.folder)


def platform_settings(folder: Folder) -> dict[str, str]:
    """The platform's settings, as environment variables, for the servers of a run."""
    plan = folder.plan
    given = {
        f"RANVIER_SERVERS__{server}__{name}".upper(): value
        for server, address in plan.servers.items()
        for name, value in address.items()
    }
    return {
        **given, "RANVIER_PROFILE": "servers", "RANVIER_STORE__FOLDER": str(folder.path / "platform"),
        "RANVIER_SERVERS__KAFKA__PREFIX": plan.prefix + ".", "RANVIER_SERVERS__NEO4J__SPACE": plan.prefix,
        "RANVIER_SERVERS__INFLUX__PREFIX": plan.prefix,
    }  # fmt: skip


def wait_until(condition: object, timeout_s: float, pause_s: float = 0.05) -> bool:
    """Whether the condition held within that time."""
    end = time.monotonic() + timeout_s
    while not condition():  # type: ignore[operator]
        if time.monotonic() > end:
            return False
        time.sleep(pause_s)
    return True
