"""Files that are wholly there or not at all, whatever happens while they are written, a loss of power included."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


def write(at: Path, writer: Callable[[Path], object]) -> None:
    """Have `writer` write beside, then put that in place of `at`. Makes the folder where there is none."""
    at.parent.mkdir(exist_ok=True)
    beside = part_of(at)
    writer(beside)
    put_in_place(at)


def part_of(at: Path) -> Path:
    """Where a file is while it is written."""
    return at.with_name(f".{at.name}.part")


def put_in_place(at: Path) -> None:
    """Rename the part of a file to its name, once it and the folder's entry will outlast a loss of power."""
    beside = part_of(at)
    _sync(beside)
    os.replace(beside, at)
    _sync(at.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
