"""A small file system that can be filled: a tmpfs, mounted where this user may."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path

LEFT_BYTES = 64 * 1024
"""What ballast leaves free at most: less than a batch needs."""


class SmallDisk:
    """A folder on a tmpfs of its own. `mounted` is False, with `reason`, where mounting is not allowed."""

    def __init__(self, path: Path, size_mb: int) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size_mb}m", "tmpfs", str(path)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        self.mounted = done.returncode == 0
        self.reason = " ".join(done.stderr.split())

    @property
    def _ballast(self) -> Path:
        return self.path / "ballast"

    def fill(self) -> int:
        """Write ballast until (nearly) nothing is free; bytes of it."""
        written = 0
        block = bytes(256 * 1024)
        with self._ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while (free := self._free()) > LEFT_BYTES:
                written += file.write(block[: max(4096, min(len(block), free - LEFT_BYTES))])
        return written

    def _free(self) -> int:
        found = os.statvfs(self.path)
        return found.f_bavail * found.f_frsize

    def free(self) -> None:
        """Take the ballast away."""
        self._ballast.unlink(missing_ok=True)

    def close(self) -> None:
        """Unmount."""
        if self.mounted:
            self.free()
            subprocess.run(["umount", "-l", str(self.path)], capture_output=True, check=False)
