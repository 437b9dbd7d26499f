"""`Delivery`: bytes that the emulated network hands over at one time, as a file drop or an event."""

from __future__ import annotations

import zlib
from typing import Literal, NamedTuple

AdapterName = Literal["pm-file", "ves", "nrm"]
_GZIP = 31
"""zlib's window bits for a gzip header and trailer."""


class Delivery(NamedTuple):
    """One file or event.

    due_ns   when it arrives, nanoseconds since the Unix epoch, UTC
    adapter  the source adapter that reads it
    source   the file's name, or the event's id
    raw      what arrives, gzipped where the name ends in .gz
    """

    due_ns: int
    adapter: AdapterName
    source: str
    raw: bytes

    @property
    def body(self) -> bytes:
        """What is in it, unpacked; of a gzip file that was cut, as much as there is."""
        if not self.source.endswith(".gz"):
            return self.raw
        try:
            return zlib.decompressobj(_GZIP).decompress(self.raw)
        except zlib.error:
            return self.raw
