"""Bytes over a connection: exactly as many as asked for, or an OSError."""

from __future__ import annotations

import socket


def receive(connection: socket.socket, count: int) -> bytes:
    """The next `count` bytes."""
    got = bytearray()
    while len(got) < count:
        part = connection.recv(count - len(got))
        if not part:
            raise ConnectionError(f"expected {count} bytes, but the connection ended after {len(got)}")
        got += part
    return bytes(got)
