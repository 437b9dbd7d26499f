"""What the servers of a platform tell where none runs. To look alters nothing: no store is opened for use."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any, cast

from ranvier.fabric.ledger.parquet import ParquetLedger
from ranvier.fabric.ports import SeriesStore
from ranvier.gateway.api.models import StoreHealth
from ranvier.gateway.api.pings import SINKS, lag_of, store_health
from ranvier.gateway.api.platform import ForecastQuery, Whose
from ranvier.gateway.api.times import format_time
from ranvier.gateway.asked import Asked
from ranvier.gateway.bootstrap import known_identity
from ranvier.gateway.clock import SystemClock
from ranvier.gateway.runtime.forecast_book import ForecastBook
from ranvier.gateway.server_stores import LOOK_S, brief_log, look_at_servers
from ranvier.gateway.settings import Settings
from ranvier.ontology.errors import RanvierError
from ranvier.ontology.ontology import load

Lags = dict[str, tuple[int, float | None]]


def status_of_servers(settings: Settings) -> dict[str, Any]:
    """As `ranvier status` shows it: each server, how far the sinks are behind, and the newest forecast.

    Within seconds, also where servers are away. Raises InputError where a setting cannot be used.
    """
    now_ns = SystemClock().now_ns()
    found = look_at_servers(settings.servers, load())
    stores = [store_health(port, *answer) for port, answer in found.items()]
    lags: Lags = {}
    if found["log"][0].ok:
        with suppress(RanvierError, OSError):  # that the log does not answer is said of the log
            lags = Asked("the log", lambda: _lags(settings, now_ns), LOOK_S).answer()
    stores = [_with_lag(store, lags) for store in stores]
    newest, ledger = _ledger(settings, now_ns)
    return {
        "running": False, "ready": None, "figures": None,
        "sink_lag": {sink: records for sink, (records, _) in lags.items()},
        "newest_forecast": newest,
        "stores": [store.model_dump() for store in (*stores, *ledger)],
    }  # fmt: skip


def _lags(settings: Settings, now_ns: int) -> Lags:
    with brief_log(settings.servers) as log:
        return {sink: lag_of(log, sink, now_ns) for sink in SINKS}


def _with_lag(store: StoreHealth, lags: Lags) -> StoreHealth:
    if store.name not in lags:
        return store
    records, oldest_s = lags[store.name]
    return store.model_copy(update={"lag_records": records, "lag_s": oldest_s})


def _ledger(settings: Settings, now_ns: int) -> tuple[str | None, list[StoreHealth]]:
    """When the newest forecast was issued, and how the ledger does, which lies in the folder; where it is."""
    folder = settings.store.folder / "ledger"
    if not folder.exists():
        return None, []
    try:
        ledger = ParquetLedger(folder)
    except RanvierError as error:
        return None, [StoreHealth(name="ledger", ok=False, error=str(error))]
    try:
        query = ForecastQuery(Whose(settings.tenant, known_identity(settings)[0]), limit=1)
        book = ForecastBook(ledger, cast(SeriesStore, None))  # only outcomes are looked up in the series
        newest = book.forecasts(query, now_ns)
        began_s = time.monotonic()
        health = store_health("ledger", ledger.ping(), (time.monotonic() - began_s) * 1e3)
    finally:
        ledger.close()
    return format_time(newest[0].issued_at_ns) if newest else None, [health]
