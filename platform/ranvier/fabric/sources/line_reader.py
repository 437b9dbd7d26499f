"""`lines`: the lines of a byte stream, however long, and wherever the stream breaks.

stream ► lines ► Line (number, bytes without the line end, or why it cannot be used)
"""

from __future__ import annotations

import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, NamedTuple, cast

LINE_LIMIT = 1 << 18
"""The longest line in bytes; longer ones are reported, their first part kept, the rest skipped."""

BROKEN = (
    OSError, EOFError, zlib.error, zipfile.BadZipFile, lzma.LZMAError, NotImplementedError, RuntimeError,
)  # fmt: skip
"""What streams raise in the middle: cut or damaged gzip and zip members, a wrong checksum, a lost disk."""


class Line(NamedTuple):
    """One line, and why it cannot be used ("" where it can)."""

    number: int
    raw: bytes
    fault: str = ""


def opened(raw: IO[bytes] | bytes) -> IO[bytes]:
    """`raw` as a stream; bytes that are gzipped are unpacked as they are read."""
    if not isinstance(raw, bytes):
        return raw
    stream = io.BytesIO(raw)
    return cast("IO[bytes]", gzip.GzipFile(fileobj=stream)) if raw[:2] == b"\x1f\x8b" else stream


def lines(raw: IO[bytes] | bytes, quote: bytes | None = b'"') -> Iterator[Line]:
    """Each line, with line ends inside quotes; a break of the stream is the last line, with its fault.

    The number is that of the line's first physical line, from 1.
    """
    stream = opened(raw)
    number = 1
    try:
        while line := stream.readline(LINE_LIMIT):
            at, number = number, number + 1
            if line[-1:] != b"\n" and len(line) >= LINE_LIMIT:
                _skip_line(stream)
                yield Line(at, line, f"a line longer than {LINE_LIMIT} bytes")
                continue
            while quote is not None and quote in line and line.count(quote) % 2 and len(line) < LINE_LIMIT:
                more = stream.readline(LINE_LIMIT)
                if not more:
                    break
                line += more
                number += 1
            yield Line(at, line.rstrip(b"\r\n"))
    except BROKEN as error:
        yield Line(number, b"", f"the stream breaks here: {type(error).__name__}: {error}")


def _skip_line(stream: IO[bytes]) -> None:
    while (rest := stream.readline(LINE_LIMIT)) and rest[-1:] != b"\n":
        pass
