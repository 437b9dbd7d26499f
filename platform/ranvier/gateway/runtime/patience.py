"""`Patience`: tries again what a failing store refused, with bounded back-off, until it works or time is over.

A server may be away for minutes: a Neo4j that was killed recovers for 50 s, a broker is restarted. Whoever
works with it waits meanwhile; what it waits for is shown, and it goes on by itself.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

import structlog

from ranvier.ontology.errors import StoreError

T = TypeVar("T")
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
log = structlog.get_logger("ranvier.workers")


class Troubles:
    """What each worker waits for; read by the API, written by the workers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, str] = {}

    def now(self) -> Mapping[str, str]:
        """Worker to what is wrong; empty when all goes on."""
        with self._lock:
            return dict(self._waiting)

    def tell(self, worker: str, trouble: str | None) -> None:
        """What `worker` waits for; None: nothing any more."""
        with self._lock:
            if trouble is None:
                self._waiting.pop(worker, None)
            else:
                self._waiting[worker] = trouble


class Patience:
    """One worker's. It begins with the first failure and is whole again after the next success."""

    def __init__(
        self, worker: str, give_up_after_s: float, stop: threading.Event, troubles: Troubles
    ) -> None:
        self._worker, self._give_up_after_s, self._stop = worker, give_up_after_s, stop
        self._troubles = troubles
        self._failing_since_s: float | None = None
        self._pause_s = FIRST_PAUSE_S

    def attempt(self, action: Callable[[], T]) -> T | None:
        """What `action` gives; None where it met a failing store and the pause after that is over.

        Raises the store's error once it has failed for longer than the bound.
        """
        try:
            result = action()
        except StoreError as error:
            self._failed(error)
            return None
        self._worked()
        return result

    def insist(self, action: Callable[[], T]) -> T | None:
        """What `action` gives in the end; None only where the platform stops before. It is tried once at least."""
        while True:
            try:
                result = action()
            except StoreError as error:
                if self._stop.is_set():
                    return None
                self._failed(error)
                continue
            self._worked()
            return result

    def _failed(self, error: StoreError) -> None:
        now_s = time.monotonic()
        if self._failing_since_s is None:
            self._failing_since_s = now_s
        failing_s = now_s - self._failing_since_s
        if failing_s >= self._give_up_after_s:
            raise error
        log.warning(
            "a store failed; trying again", worker=self._worker, error=str(error),
            failing_s=round(failing_s, 1), gives_up_after_s=self._give_up_after_s,
        )  # fmt: skip
        self._troubles.tell(self._worker, str(error))
        self._stop.wait(min(self._pause_s, max(0.0, self._give_up_after_s - failing_s)))
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)

    def _worked(self) -> None:
        if self._failing_since_s is None:
            return
        failing_s = time.monotonic() - self._failing_since_s
        log.warning("the store answers again", worker=self._worker, failed_s=round(failing_s, 1))
        self._failing_since_s, self._pause_s = None, FIRST_PAUSE_S
        self._troubles.tell(self._worker, None)
