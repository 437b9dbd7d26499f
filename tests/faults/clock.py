"""A clock that jumps: the machine's own time plus an offset that the harness writes into a shared file."""

from __future__ import annotations

import mmap
import struct
import time
from pathlib import Path

_OFFSET = struct.Struct("<q")


class JumpingClock:
    """Reads the offset at each look, so that a jump is seen at once by every process."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(_OFFSET.pack(0))
        with path.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), _OFFSET.size)

    @property
    def offset_ns(self) -> int:
        """How far the clock is ahead of the machine's."""
        return int(_OFFSET.unpack_from(self._shared)[0])

    def set_offset_ns(self, offset_ns: int) -> None:
        """Jump. Only the harness does."""
        _OFFSET.pack_into(self._shared, 0, offset_ns)

    def now_ns(self) -> int:
        """Nanoseconds since the Unix epoch, as this clock has it."""
        return time.time_ns() + self.offset_ns
