"""`items`: the JSON documents of a stream: one, the elements of one array, or one on each line.

    stream ► first byte "[" ► elements of the array, one at a time
             else           ► lines, where the first or the second begins a document of its own (NDJSON)
             else           ► the whole as one document

A broken element or line spoils itself only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO, NamedTuple

import msgspec

from ranvier.fabric.sources.line_reader import BROKEN, lines, opened

DOCUMENT_LIMIT = 256 << 20
ITEM_LIMIT = 16 << 20
_CHUNK = 1 << 16
_TOKEN = re.compile(rb'["\\\[\]{},]')
_SPACE = b" \t\r\n"
_BACKSLASH, _QUOTE, _COMMA = b'\\",'
_BOM = b"\xef\xbb\xbf"


class Item(NamedTuple):
    """One JSON text and where it is; `fault` says why it cannot be used."""

    position: str
    raw: bytes
    fault: str = ""


def items(raw: IO[bytes] | bytes) -> Iterator[Item]:
    """All items, good and bad; never raises on what the stream holds or how it ends."""
    stream = _Headed(opened(raw))
    try:
        head = stream.head()
    except BROKEN as error:
        yield Item("byte 0", b"", _broken(error))
        return
    start = head.removeprefix(_BOM).lstrip(_SPACE)
    if start[:1] == b"[":
        yield from _elements(stream)
    elif _line_by_line(start):
        for line in lines(stream, quote=None):  # type: ignore[arg-type]
            text = line.raw.removeprefix(_BOM).strip(_SPACE)
            if text or line.fault:
                yield Item(f"line {line.number}", text, line.fault)
    else:
        yield _document(stream)


class _Headed:
    """A stream whose beginning can be looked at."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._held = stream, b""

    def head(self) -> bytes:
        self._held = self._stream.read(_CHUNK)
        return self._held

    def read(self, size: int) -> bytes:
        if self._held:
            part, self._held = self._held[:size], self._held[size:]
            return part
        return self._stream.read(size)

    def readline(self, limit: int) -> bytes:
        if not self._held:
            return self._stream.readline(limit)
        end = self._held.find(b"\n") + 1 or len(self._held)
        part, self._held = self._held[: min(end, limit)], self._held[min(end, limit) :]
        if not self._held and part[-1:] != b"\n" and len(part) < limit:
            part += self._stream.readline(limit - len(part))
        return part


def _line_by_line(start: bytes) -> bool:
    first, _, rest = start.partition(b"\n")
    if rest.lstrip(_SPACE)[:1] == b"{" and rest[:1] in (b"{", b"\r", b"\n"):
        return True
    try:
        msgspec.json.decode(first)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return False
    return bool(rest.strip(_SPACE))


def _document(stream: _Headed) -> Item:
    parts: list[bytes] = []
    size = 0
    try:
        while chunk := stream.read(1 << 20):
            parts.append(chunk)
            size += len(chunk)
            if size > DOCUMENT_LIMIT:
                return Item("byte 0", b"".join(parts[:1]), f"a document of more than {DOCUMENT_LIMIT} bytes")
    except BROKEN as error:
        return Item(f"byte {size}", b"".join(parts), _broken(error))
    return Item("byte 0", b"".join(parts).removeprefix(_BOM))


def _elements(stream: _Headed) -> Iterator[Item]:
    splitter = _Splitter()
    fault = ""
    try:
        while not splitter.done and not splitter.fault and (chunk := stream.read(_CHUNK)):
            yield from splitter.feed(chunk)
    except BROKEN as error:
        fault = _broken(error)
    yield from splitter.end(fault)


class _Splitter:
    """Cuts the elements of one array from chunks; it counts brackets and knows strings, no more."""

    def __init__(self) -> None:
        self._depth, self._in_string, self._escape = 0, False, False
        self._rest = b""
        self._number = 0
        self.done = False
        self.fault = ""

    def feed(self, chunk: bytes) -> Iterator[Item]:
        """The elements that end in this chunk."""
        scan_from, data = len(self._rest) + self._escape, self._rest + chunk
        self._escape = False
        start, skip = 0, -1
        for found in _TOKEN.finditer(data, scan_from):
            at = found.start()
            token = data[at]
            if at == skip:
                continue
            if token == _BACKSLASH:  # it takes the next byte with it
                skip = at + 1
                self._escape = skip >= len(data)
            elif token == _QUOTE:
                self._in_string = not self._in_string
            elif not self._in_string and self._bracket(token):
                yield from self._cut(data[start:at])
                start = at + 1
                if self.done:
                    return
        self._rest = data[start:]
        if len(self._rest) > ITEM_LIMIT:
            self.fault = f"an element of more than {ITEM_LIMIT} bytes"

    def _bracket(self, token: int) -> bool:
        """Count a bracket; whether an element ends (or the first begins) here."""
        if token in b"[{":
            self._depth += 1
            return self._depth == 1
        if token == _COMMA:
            return self._depth == 1
        self._depth -= 1
        self.done = self._depth == 0
        return self.done

    def end(self, fault: str) -> Iterator[Item]:
        """What is left when the stream ends."""
        if not self.done:
            why = fault or self.fault or "the end of the input within the array"
            yield Item(f"element {self._number + 1}", self._rest, why)

    def _cut(self, raw: bytes) -> Iterator[Item]:
        if raw := raw.removeprefix(_BOM).strip(_SPACE):
            self._number += 1
            yield Item(f"element {self._number}", raw)


def _broken(error: BaseException) -> str:
    return f"the stream breaks here: {type(error).__name__}: {error}"
