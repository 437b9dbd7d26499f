"""`Pings`: how each store does, asked of all at once and with a deadline, so that none holds up the answer."""

from __future__ import annotations

import threading
import time

from ranvier.fabric.ports import EventLog, Health
from ranvier.gateway.api.models import StoreHealth
from ranvier.gateway.api.platform import Platform
from ranvier.gateway.asked import Asked
from ranvier.ontology.errors import RanvierError

STORES = ("log", "graph", "series", "ledger")
SINKS = ("graph", "series")
"""The stores that are sinks of the log; their consumer groups bear the same names."""


class Pings:
    """Of one platform. A ping that hangs is not asked again while it does."""

    def __init__(self, platform: Platform, patience_s: float) -> None:
        self._patience_s = patience_s
        self._pings = {name: Asked(name, _Ping(platform, name), patience_s) for name in STORES}
        self._lags = {name: Asked("the log", _Lag(platform, name), patience_s) for name in SINKS}

    def all(self) -> list[StoreHealth]:
        """One answer for each store, all of them within the patience for one."""
        end_s = time.monotonic() + self._patience_s
        pings = {name: asked.begin() for name, asked in self._pings.items()}
        lags = {name: asked.begin() for name, asked in self._lags.items()}
        found = [self._pinged(name, pings[name], end_s) for name in STORES]
        return [self._with_lag(health, lags.get(health.name), end_s) for health in found]

    def _pinged(self, name: str, begun: threading.Event, end_s: float) -> StoreHealth:
        try:
            return self._pings[name].answer(begun, max(0.0, end_s - time.monotonic()))
        except (RanvierError, OSError) as error:
            return StoreHealth(name=name, ok=False, error=str(error))

    def _with_lag(self, found: StoreHealth, begun: threading.Event | None, end_s: float) -> StoreHealth:
        if begun is None:
            return found
        try:
            records, oldest_s = self._lags[found.name].answer(begun, max(0.0, end_s - time.monotonic()))
        except (RanvierError, OSError):
            return found  # that the log does not answer is said of the log
        return found.model_copy(update={"lag_records": records, "lag_s": oldest_s})


def store_health(name: str, health: Health, ping_ms: float) -> StoreHealth:
    """A store's answer as the API shows it.

    `ping_ms` is how long all of it took; where the store has timed one request itself, that is shown.
    """
    detail = dict(health.detail)
    ping_ms = float(detail.pop("ms", ping_ms))
    version, size = detail.get("version", detail.get("engine")), detail.get("bytes")
    return StoreHealth(
        name=name, ok=health.ok, ping_ms=round(ping_ms, 3), detail=detail, error=health.error,
        version=None if version is None else str(version),
        disk_bytes=int(size) if isinstance(size, int | float) else None,
    )  # fmt: skip


class _Ping:
    """Asks one store. The store is looked up when asked, since a platform may exchange it."""

    def __init__(self, platform: Platform, name: str) -> None:
        self._platform, self._name = platform, name

    def __call__(self) -> StoreHealth:
        began_s = time.monotonic()
        try:
            health: Health = getattr(self._platform, self._name).ping()
        except (RanvierError, OSError) as error:
            health = Health(self._name, ok=False, error=str(error))
        return store_health(self._name, health, (time.monotonic() - began_s) * 1e3)


class _Lag:
    """Asks the log for the lag of one sink."""

    def __init__(self, platform: Platform, sink: str) -> None:
        self._platform, self._sink = platform, sink

    def __call__(self) -> tuple[int, float | None]:
        return lag_of(self._platform.log, self._sink, self._platform.now_ns())


def lag_of(log: EventLog, sink: str, now_ns: int) -> tuple[int, float | None]:
    """How many records a sink has yet to take, and how old the oldest of them is, in seconds."""
    behind = {place: count for place, count in log.lag(sink).items() if count > 0}
    oldest = [at_ns for place, count in behind.items() if (at_ns := _recorded_at(log, place, count))]
    return sum(behind.values()), max(0.0, (now_ns - min(oldest)) / 1e9) if oldest else None


def _recorded_at(log: EventLog, place: tuple[str, int], behind: int) -> int | None:
    """When the log took the first record that the sink has not."""
    topic, partition = place
    end = log.offsets(topic).get(place, 0)
    found = log.read(topic, partition, max(0, end - behind), 1)
    return found[0].recorded_at_ns if found else None
