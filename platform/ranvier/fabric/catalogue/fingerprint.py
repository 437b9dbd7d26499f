"""`Fingerprint`: a stream that knows the size and the hash of what has been read through it."""

from __future__ import annotations

import hashlib
import io
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

CHUNK_BYTES = 65_536


class Fingerprint(io.RawIOBase):
    """Wrap it in a BufferedReader to read lines. `name` is the file's, below what the user gave."""

    def __init__(self, name: str, stream: IO[bytes]) -> None:
        self.name, self._stream = name, stream
        self._hash = hashlib.sha256()
        self.size_bytes = 0

    @property
    def sha256(self) -> str:
        """The hash of what has been read, in hex."""
        return self._hash.hexdigest()

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Read as much as fits."""
        view = memoryview(buffer)
        chunk = self._stream.read(len(view))
        view[: len(chunk)] = chunk
        self._hash.update(chunk)
        self.size_bytes += len(chunk)
        return len(chunk)

    def exhaust(self) -> None:
        """Read on to the end, for readers that stopped early."""
        if not self.closed:
            while self.read(CHUNK_BYTES):
                pass
