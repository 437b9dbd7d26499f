"""Ports on loopback: whether one is free, and some that are."""

from __future__ import annotations

import random
import socket

from tests.servers.failure import ServerError

LOOPBACK = "127.0.0.1"
# Below the range that the system gives to connecting sockets: in there a client that knocks at the port of a
# server that was killed may be given that very port, and then it is connected to itself.
CHOICE = range(15_000, 32_000, 2)


def is_free(port: int) -> bool:
    """Whether a server could listen there; connections that are winding down do not count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """That many free ports, with the port above each free too (where Kafka's controller listens)."""
    found: list[int] = []
    for port in random.sample(CHOICE, len(CHOICE)):
        if is_free(port) and is_free(port + 1):
            found.append(port)
        if len(found) == count:
            return found
    raise ServerError(f"expected {count} free ports from {CHOICE.start} to {CHOICE.stop}, found {len(found)}")
