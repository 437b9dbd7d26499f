"""Which process a member of a group lives in, so that the death of one on this machine is noticed at once."""

from __future__ import annotations

import os
import socket
from uuid import uuid4

_TOKEN = uuid4().hex


def own_name() -> str:
    """host/process id/token; the token tells this process from an earlier one that had its number."""
    return f"{socket.gethostname()}/{os.getpid()}/{_TOKEN}"


def is_gone(name: str) -> bool:
    """Whether the process has certainly ended. Of another machine's nothing is certain: its lease decides."""
    host, number, token = name.rsplit("/", 2)
    if host != socket.gethostname():
        return False
    if int(number) == os.getpid():
        return token != _TOKEN
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
