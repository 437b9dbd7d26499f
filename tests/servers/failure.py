"""What goes wrong with a test server, said so that a developer can act on it."""

from __future__ import annotations

from pathlib import Path


class ServerError(RuntimeError):
    """A server could not be built, started or reached: what was expected, what came, what to do."""


def last_lines(log: Path, count: int = 20) -> str:
    """The end of a log, indented, for an error message."""
    try:
        lines = log.read_text(errors="replace").splitlines()[-count:]
    except OSError:
        return ""
    return "".join(f"\n    {line}" for line in lines)
