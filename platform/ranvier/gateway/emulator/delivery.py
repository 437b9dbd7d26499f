"""`Delivery`: bytes that the emulated network hands over at one time, as a file drop or an event."""

from __future__ import annotations

from typing import Literal, NamedTuple

AdapterName = Literal["pm-file", "ves", "nrm"]


class Delivery(NamedTuple):
    """One file or event.

    due_ns   when it arrives, nanoseconds since the Unix epoch, UTC
    adapter  the source adapter that reads it
    source   the file's name, or the event's id
    body     what arrives, gzipped where the name ends in .gz
    """

    due_ns: int
    adapter: AdapterName
    source: str
    body: bytes
