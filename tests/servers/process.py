"""One process that outlives whoever started it: found again by its number and its time of birth."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

BORN = 19  # the field of /proc/PID/stat, counted after the command's closing bracket, which is the state


@dataclass(frozen=True)
class Process:
    """A process by number and birth in clock ticks since boot, so that a number used again is no match."""

    pid: int
    born_ticks: int

    @classmethod
    def spawn(cls, command: Sequence[str], folder: Path, log: Path, **environment: str) -> Process:
        """Start that command in a session of its own: a ctrl-C at the terminal is not meant for it."""
        with log.open("ab") as output:
            popen = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=folder,
                start_new_session=True, env={**os.environ, **environment},
            )  # fmt: skip
        popen.returncode = 0  # it is waited for by `running`, and is not to be missed when we end
        return cls(popen.pid, int(_stat(popen.pid)[BORN]))

    @classmethod
    def read(cls, file: Path) -> Process | None:
        """The process that was written there; None where there is no such file, or it is not whole."""
        try:
            pid, born = file.read_text().split()
            return cls(int(pid), int(born))
        except (OSError, ValueError):
            return None

    def write(self, file: Path) -> None:
        file.write_text(f"{self.pid} {self.born_ticks}\n")

    def running(self) -> bool:
        """Whether it is there, as a process that still can do anything."""
        stat = _stat(self.pid)
        if not stat or int(stat[BORN]) != self.born_ticks:
            return False
        return self._still_ending() if stat[0] in "ZX" else True

    def _still_ending(self) -> bool:
        """Whether threads of it are still there, with its memory and its ports, though its first one is gone."""
        try:
            return os.waitpid(self.pid, os.WNOHANG) == (0, 0)
        except ChildProcessError:  # another started it, and waits for it
            return len(_threads(self.pid)) > 1

    def signal(self, number: int) -> bool:
        """Send it a signal; whether it was still there to get it."""
        if not self.running():
            return False
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return False
        return True

    def end(self, patience_s: float) -> bool:
        """SIGTERM, patience, then SIGKILL; whether it ended without the last."""
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)  # a stopped process would not act on it
        if self.wait(patience_s):
            return True
        self.signal(signal.SIGKILL)
        self.wait(patience_s)
        return False

    def wait(self, patience_s: float) -> bool:
        """Wait until it has ended; whether it has."""
        end = time.monotonic() + patience_s
        while self.running():
            if time.monotonic() > end:
                return False
            time.sleep(0.05)
        return True

    def rss_bytes(self) -> int:
        """Its resident memory; 0 where it has ended."""
        try:
            pages = Path(f"/proc/{self.pid}/statm").read_text().split()[1]
        except OSError:
            return 0
        return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _threads(pid: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []
