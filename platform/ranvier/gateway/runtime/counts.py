"""`Counts`: what has passed since the start of the process; safe between threads."""

from __future__ import annotations

import time

from ranvier.fabric.sinks import StepResult
from ranvier.gateway.runtime.figures import Rate


class Counts:
    """Events and points taken in, and forecasts issued and scored."""

    def __init__(self) -> None:
        self.events, self.points = Rate(), Rate()
        self._began_s = time.monotonic()
        self.refused = 0
        self.issued = 0
        self.scored = 0

    def ingested(self, result: StepResult) -> None:
        """Count one step of ingest."""
        now_s = time.monotonic()
        self.events.add(result.records, now_s)
        self.points.add(result.points, now_s)

    def uptime_s(self) -> float:
        """Seconds of real time since the start, whatever clock a replay runs by."""
        return time.monotonic() - self._began_s

    def rates(self) -> tuple[float, float]:
        """Events and points a second over the last seconds, in real time."""
        now_s = time.monotonic()
        return self.events.per_second(now_s), self.points.per_second(now_s)
