"""`SinkLag`: how far the sinks are behind the log, without asking it at every turn.

On a broker each question costs round trips, and who asks are the feed before every batch, each viewer of the
page every second, and each delivery. What was published since the last answer counts as not yet taken.
"""

from __future__ import annotations

import threading
import time

from ranvier.fabric.ingest import GRAPH, SERIES
from ranvier.fabric.ports import EventLog
from ranvier.gateway.asked import Asked
from ranvier.ontology.errors import StoreError

SINKS = (SERIES, GRAPH)


class SinkLag:
    """Of one log. Safe between threads.

    keep_s      how long an answer is good for those who only show it
    patience_s  how long they wait for one
    """

    def __init__(self, log: EventLog, keep_s: float, patience_s: float) -> None:
        self._log = log
        self._asked = Asked("the log", self.now, patience_s, keep_s)

    def now(self) -> dict[str, int]:
        """Records of the log that each sink has yet to take. Raises StoreError where the log does not answer."""
        return {sink: sum(self._log.lag(sink).values()) for sink in SINKS}

    def shown(self) -> dict[str, int]:
        """As `now`, of a moment ago; empty where the log does not answer soon."""
        try:
            return self._asked.answer()
        except StoreError:
            return {}


class Backlog:
    """How far the furthest sink is behind, as one publisher sees it: an answer of a moment ago and its own."""

    def __init__(self, lag: SinkLag, keep_s: float) -> None:
        self._lag, self._keep_s = lag, keep_s
        self._lock = threading.Lock()
        self._known = self._published = 0
        self._known_s = float("-inf")

    def records(self) -> int:
        """Records that the furthest sink has yet to take, at most. Raises StoreError as `SinkLag.now`."""
        with self._lock:
            if time.monotonic() - self._known_s >= self._keep_s:
                self._known, self._published = max(self._lag.now().values(), default=0), 0
                self._known_s = time.monotonic()
            return self._known + self._published

    def grew(self, records: int) -> None:
        """So many were published."""
        with self._lock:
            self._published += records
