"""`Alarm`: what a managed object complains of, after TS 28.111."""

from __future__ import annotations

from typing import Literal

import msgspec

Severity = Literal["CRITICAL", "MAJOR", "MINOR", "WARNING", "INDETERMINATE", "CLEARED"]


class Alarm(msgspec.Struct, frozen=True, omit_defaults=True):
    """One alarm record of one managed object, raised, changed or cleared at `event_time_ns` (UTC)."""

    alarm_id: str
    object_id: str
    object_class: str
    event_time_ns: int
    perceived_severity: Severity
    alarm_type: str
    probable_cause: str
    specific_problem: str = ""
    additional_text: str = ""
    source: str = ""
    tenant: str = "default"
    network: str = "default"

    @property
    def key(self) -> str:
        """What orders this alarm in the log."""
        return self.object_id
