"""The platform's clocks: the machine's own, and one on which a recorded past happens again.

Only this layer reads a clock; all below it are told the time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """What time it is for the twin."""

    def now_ns(self) -> int:
        """Nanoseconds since the Unix epoch, UTC; never goes backwards."""
        ...

    def wait_until(self, due_ns: int, stop: threading.Event, skip_after_s: float | None = None) -> bool:
        """Wait until `due_ns`; False when `stop` was set first."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ns(self) -> int:
        """The machine's time."""
        return time.time_ns()

    def wait_until(self, due_ns: int, stop: threading.Event, skip_after_s: float | None = None) -> bool:
        """Wait in real time; there is nothing to skip."""
        del skip_after_s
        while (left_s := (due_ns - self.now_ns()) / 1e9) > 0:
            if stop.wait(min(left_s, 0.5)):
                return False
        return not stop.is_set()


class StoppedClock:
    """One moment, at which what has ended is looked at."""

    def __init__(self, at_ns: int) -> None:
        self._at_ns = at_ns

    def now_ns(self) -> int:
        """That moment."""
        return self._at_ns

    def wait_until(self, due_ns: int, stop: threading.Event, skip_after_s: float | None = None) -> bool:
        """Nothing ever comes due that has not by now."""
        del skip_after_s
        return due_ns <= self._at_ns and not stop.is_set()


class ReplayClock:
    """A recorded past, `speed` times faster, with its silences left out.

    now = start + speed · (monotonic − monotonic at start) + skipped
    """

    def __init__(
        self, start_ns: int, speed: float, monotonic_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._start_ns, self._speed, self._monotonic_ns = start_ns, speed, monotonic_ns
        self._origin_ns = monotonic_ns()
        self._skipped_ns = 0
        self._lock = threading.Lock()

    def now_ns(self) -> int:
        """The time in the recording."""
        with self._lock:
            return self._now()

    def _now(self) -> int:
        elapsed = self._monotonic_ns() - self._origin_ns
        return self._start_ns + int(elapsed * self._speed) + self._skipped_ns

    def wait_until(self, due_ns: int, stop: threading.Event, skip_after_s: float | None = None) -> bool:
        """Wait until the recording reaches `due_ns`, leaving out all but `skip_after_s` of a silence."""
        with self._lock:
            ahead_ns = due_ns - self._now()
            if skip_after_s is not None and ahead_ns > skip_after_s * 1e9:
                self._skipped_ns += ahead_ns - int(skip_after_s * 1e9)
        while (left_s := (due_ns - self.now_ns()) / 1e9 / self._speed) > 0:
            if stop.wait(min(left_s, 0.5)):
                return False
        return not stop.is_set()
