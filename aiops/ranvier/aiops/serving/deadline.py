"""`WithinDeadline`: asks one service, and answers with another when the first is late or away, and says so."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as Timeout
from dataclasses import dataclass, replace
from pathlib import Path

from ranvier.aiops.serving.service import Answer, ForecastService
from ranvier.dtops.scenes.scene import Scene
from ranvier.fabric.ports import Health
from ranvier.ontology.errors import TooLate, Unavailable


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for the first service, and when to stop asking it.

    deadline_s  for one answer about up to `scenes` scenes, where the caller names none; for more in proportion
    failures    in a row, after which it is left alone
    rest_s      for so long
    asks        at most under way at once; with more it counts as away
    """

    deadline_s: float = 2.0
    scenes: int = 32
    failures: int = 3
    rest_s: float = 5.0
    asks: int = 32


class WithinDeadline:
    """A `ForecastService` of two. The second has no deadline: there is always an answer."""

    def __init__(
        self, first: ForecastService, second: ForecastService, patience: Patience | None = None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._first, self._second, self._patience = first, second, patience or Patience()
        self._now_s, self._lock = now_s, threading.Lock()
        self._troubles: Counter[str] = Counter()
        self._failed, self._rests_until_s, self._under_way = 0, float("-inf"), 0
        # A call that hangs beyond its deadline holds a thread of this pool, and not the caller.
        self._pool = ThreadPoolExecutor(self._patience.asks, thread_name_prefix="forecast-ask")

    def forecast(
        self, scenes: Sequence[Scene], horizons_s: Sequence[float], deadline_s: float | None = None
    ) -> Answer:
        """The first's answer where it comes in time, else the second's."""
        usual_s = self._patience.deadline_s * max(1.0, len(scenes) / self._patience.scenes)
        patience_s = usual_s if deadline_s is None else deadline_s
        try:
            answer = self._asked(scenes, horizons_s, patience_s)
        except Unavailable as error:
            because = f"{'late' if isinstance(error, TooLate) else 'away'}: {error.got}"
            self._note(because)
            return replace(self._second.forecast(scenes, horizons_s), because=because)
        self._failed = 0
        return answer

    def ping(self) -> Health:
        """The first's answer; `ok` is false where it is away, while the second still answers."""
        first, second = self._first.ping(), self._second.ping()
        return Health(
            first.name, first.ok, {**second.detail, **first.detail, "falls_back_on": second.name}, first.error
        )

    def counts(self) -> Mapping[str, int]:
        """Scenes by who answered, and how often the first was late or away."""
        found = Counter(self._first.counts()) + Counter(self._second.counts())
        return found | {name: self._troubles[name] for name in ("late", "away")}

    def reload(self, folder: Path) -> str:
        """Both; the second first: a folder without a model goes no further. The first may be away."""
        version = self._second.reload(folder)
        with contextlib.suppress(Unavailable):
            self._first.reload(folder)
        return version

    def close(self) -> None:
        """Both."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._first.close()
        self._second.close()

    def _asked(self, scenes: Sequence[Scene], horizons_s: Sequence[float], deadline_s: float) -> Answer:
        if self._now_s() < self._rests_until_s:
            raise _away(f"no answer {self._patience.failures} times in a row, a moment ago")
        with self._lock:
            if self._under_way >= self._patience.asks:
                raise _away(f"{self._under_way} asks under way")
            self._under_way += 1
        asked = self._pool.submit(self._first.forecast, scenes, horizons_s, deadline_s)
        asked.add_done_callback(self._ended)
        try:
            return asked.result(deadline_s)
        except Timeout:
            raise TooLate(
                "an answer in time", f"none within {deadline_s:g} s", "wait longer: serving.deadline_s"
            ) from None

    def _ended(self, _: object) -> None:
        with self._lock:
            self._under_way -= 1

    def _note(self, because: str) -> None:
        with self._lock:
            self._troubles[because.partition(":")[0]] += 1
            self._failed += 1
            if self._failed >= self._patience.failures:
                self._failed, self._rests_until_s = 0, self._now_s() + self._patience.rest_s


def _away(got: str) -> Unavailable:
    return Unavailable("a service that answers", got, "see `ranvier serve` and its log")
