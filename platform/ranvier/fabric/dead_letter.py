"""`DeadLetter`: a record that could not be used, kept with its reason so that it can be replayed."""

from __future__ import annotations

import msgspec


class DeadLetter(msgspec.Struct, frozen=True, omit_defaults=True):
    """One bad record.

    reason    what was expected, what came, what to do
    position  where in the source: "line 17", "measInfo PRB, measValue 3", "byte 1024", "offset 12"
    adapter   the source adapter that refused it, by the name that replays it; "" if none applies
    context   what the adapter needs to read `raw` again (a CSV header, say), as text
    raw       the bytes as they came
    """

    reason: str
    source: str
    position: str
    raw: bytes
    adapter: str = ""
    context: str = ""
    tenant: str = "default"
    network: str = "default"
