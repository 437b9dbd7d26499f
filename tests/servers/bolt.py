"""Just enough of Neo4j's Bolt protocol to log on and ask: version 5.1 to 5.4, one query at a time.

Messages are PackStream structures, cut into chunks with a length before each and an empty one at the end:
https://neo4j.com/docs/bolt/current/
"""

from __future__ import annotations

import socket
import struct
from types import TracebackType
from typing import Any, Self

from tests.servers.wire import receive

HELLO, LOGON, RUN, PULL = 0x01, 0x6A, 0x10, 0x3F
RECORD, SUCCESS = 0x71, 0x70
AGENT = "ranvier-tests/1"
# The magic number, then four offers: 5.4 and the three minor versions before it, and nothing else.
HANDSHAKE = bytes.fromhex("6060b017 00030405 00000000 00000000 00000000")


# PackStream's marks: what follows each, and for what has a size, how that is written.
SIZED = {
    0xD0: (">B", "text"), 0xD1: (">H", "text"), 0xD2: (">I", "text"),
    0xD4: (">B", "list"), 0xD5: (">H", "list"), 0xD6: (">I", "list"),
    0xD8: (">B", "map"), 0xD9: (">H", "map"), 0xDA: (">I", "map"),
}  # fmt: skip
TINY = {0x8: "text", 0x9: "list", 0xA: "map"}
NUMBERS = {0xC1: ">d", 0xC8: ">b", 0xC9: ">h", 0xCA: ">i", 0xCB: ">q"}
CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}


class BoltFailure(Exception):
    """The server answered with a failure; `code` is Neo4j's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class Bolt:
    """A connection to a Neo4j server, logged on."""

    def __init__(self, host: str, port: int, user: str, password: str, timeout_s: float = 10.0) -> None:
        self._socket = socket.create_connection((host, port), timeout=1)
        try:
            self._socket.settimeout(timeout_s)
            self._socket.sendall(HANDSHAKE)
            if (chosen := receive(self._socket, 4)) == b"\0\0\0\0":
                raise BoltFailure("handshake", f"the server speaks none of the versions offered: {chosen!r}")
            self._ask(HELLO, {"user_agent": AGENT, "bolt_agent": {"product": AGENT}})
            self._ask(LOGON, {"scheme": "basic", "principal": user, "credentials": password})
        except BaseException:
            self._socket.close()
            raise

    def run(self, query: str, parameters: dict[str, Any], database: str) -> list[list[Any]]:
        """The records of a query."""
        self._ask(RUN, query, parameters, {"db": database})
        return self._ask(PULL, {"n": -1})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._socket.close()

    def _ask(self, tag: int, *fields: Any) -> list[list[Any]]:
        """Send a message; the records that come before its success."""
        body = bytes((0xB0 + len(fields), tag)) + b"".join(map(pack, fields))
        self._socket.sendall(struct.pack(">H", len(body)) + body + b"\0\0")
        records = []
        while True:
            answer, content = self._receive()
            if answer == RECORD:
                records.append(content)
            elif answer == SUCCESS:
                return records
            else:
                told = content if isinstance(content, dict) else {}
                raise BoltFailure(str(told.get("code")), str(told.get("message")))

    def _receive(self) -> tuple[int, Any]:
        """The tag and the first field of the next message."""
        body = b""
        while True:
            (size,) = struct.unpack(">H", receive(self._socket, 2))
            if not size and body:
                break
            body += receive(self._socket, size)  # an empty chunk before a message keeps the connection alive
        return body[1], _Unpacker(body[2:]).next() if body[0] & 0x0F else None


def pack(value: Any) -> bytes:
    """A value in PackStream: None, booleans, small integers, strings, lists and maps of them."""
    match value:
        case None:
            return b"\xc0"
        case bool():
            return b"\xc3" if value else b"\xc2"
        case int():
            return b"\xcb" + struct.pack(">q", value)
        case str():
            text = value.encode()
            return b"\xd1" + struct.pack(">H", len(text)) + text
        case list():
            return b"\xd5" + struct.pack(">H", len(value)) + b"".join(map(pack, value))
        case dict():
            pairs = b"".join(pack(key) + pack(item) for key, item in value.items())
            return b"\xd9" + struct.pack(">H", len(value)) + pairs
    raise TypeError(f"expected a value that PackStream can hold, not {type(value).__name__}")


class _Unpacker:
    """Reads PackStream values off some bytes, one after the other."""

    def __init__(self, content: bytes) -> None:
        self._content, self._at = content, 0

    def next(self) -> Any:
        mark = self._number(">B")
        if mark in CONSTANTS:
            return CONSTANTS[mark]
        if mark in NUMBERS:
            return self._number(NUMBERS[mark])
        if mark in SIZED:
            form, kind = SIZED[mark]
            return self._sized(kind, self._number(form))
        if mark >> 4 in TINY:
            return self._sized(TINY[mark >> 4], mark & 0x0F)
        if mark < 0x80 or mark >= 0xF0:
            return mark if mark < 0x80 else mark - 0x100
        raise ValueError(f"expected a PackStream value, found the mark {mark:#x}")

    def _number(self, form: str) -> Any:
        (value,) = struct.unpack_from(form, self._content, self._at)
        self._at += struct.calcsize(form)
        return value

    def _sized(self, kind: str, size: int) -> Any:
        if kind == "text":
            self._at += size
            return self._content[self._at - size : self._at].decode()
        if kind == "list":
            return [self.next() for _ in range(size)]
        return {self.next(): self.next() for _ in range(size)}
