"""`Asked`: the answer of something that may take long, for callers that cannot wait.

A store on a server may take half a minute to say that it is away. A page that asks every second, a probe with
its own deadline and a metrics scrape each want an answer at once, and only one question under way for all.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from ranvier.ontology.errors import StoreError

T = TypeVar("T")


class Asked(Generic[T]):
    """Asks `question` in a thread of its own: one at a time, whoever wants to know. Safe between threads.

    what        what is asked for, as an error names it
    patience_s  how long a caller waits for the answer
    keep_s      how long an answer, or an error, is good for the next callers
    """

    def __init__(
        self, what: str, question: Callable[[], T], patience_s: float, keep_s: float = 0.0
    ) -> None:  # fmt: skip
        self._what, self._question, self._patience_s, self._keep_s = what, question, patience_s, keep_s
        self._lock = threading.Lock()
        self._done: threading.Event | None = None
        self._found: list[T] = []
        self._error: Exception | None = None
        self._answered_s = float("-inf")

    def begin(self) -> threading.Event:
        """Ask now, where nobody is asking and the last answer is too old; the event tells of the answer."""
        with self._lock:
            fresh = time.monotonic() - self._answered_s < self._keep_s
            if self._done is None or (self._done.is_set() and not fresh):
                self._done = threading.Event()
                threading.Thread(
                    target=self._ask, args=(self._done,), name="ranvier-asked", daemon=True
                ).start()
            return self._done

    def answer(self, begun: threading.Event | None = None, within_s: float | None = None) -> T:
        """The answer, to the question that was `begun` or to one asked now; by default within `patience_s`.

        Raises what the question raised, StoreError where there is no answer in time.
        """
        if not (begun or self.begin()).wait(self._patience_s if within_s is None else within_s):
            raise StoreError(
                f"an answer of {self._what} within {self._patience_s:g} s", "none so far",
                "see whether it runs and can be reached",
            )  # fmt: skip
        with self._lock:
            if self._error is not None:
                raise self._error
            return self._found[0]

    def _ask(self, done: threading.Event) -> None:
        found: list[T] = []
        error: Exception | None = None
        try:
            found.append(self._question())
        except Exception as raised:
            error = raised
        with self._lock:
            self._found, self._error, self._answered_s = found, error, time.monotonic()
        done.set()
