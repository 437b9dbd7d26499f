"""Long commands, with a line that tells how far they are."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.servers.failure import ServerError, last_lines

TELL_EVERY_S = 30.0


def run_logged(said: str, command: Sequence[str], log: Path, folder: Path) -> None:
    """Run that command with its output in a log; on a terminal its last line is shown as it goes on."""
    begun = told = time.monotonic()
    _tell(said)
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=folder
        )
        try:
            while process.poll() is None:
                now = time.monotonic()
                if sys.stdout.isatty():
                    _overwrite(f"   {now - begun:4.0f} s  {_last_line(log)}")
                elif now - told > TELL_EVERY_S:
                    told = now
                    _tell(f"   {now - begun:.0f} s: {_last_line(log)}")
                time.sleep(0.5)
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait()
            if sys.stdout.isatty():
                _overwrite("")
    if process.returncode:
        raise ServerError(f"{command[0]} failed with {process.returncode}; it said last:{last_lines(log)}")


def _tell(line: str) -> None:
    print(line, flush=True)


def _overwrite(line: str) -> None:
    print(f"\r\x1b[2K{line[:100]}", end="", flush=True)


def _last_line(log: Path) -> str:
    with log.open("rb") as read:
        read.seek(max(0, log.stat().st_size - 400))
        lines = read.read().decode(errors="replace").splitlines()
    return lines[-1].strip() if lines else ""
