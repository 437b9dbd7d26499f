"""Whether InfluxDB answers, within seconds, and what this platform has in it.

Bytes and series are InfluxDB's own figures (`/metrics`), of this platform's buckets. Points can only be
counted by reading them all, so they are told while that takes a moment. Once it takes longer they are left
out, and the store does not try again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping

from ranvier.fabric.ports import Health
from ranvier.fabric.series import influx_listing
from ranvier.fabric.series.influx_client import InfluxClient, Missing
from ranvier.fabric.series.influx_config import InfluxConfig
from ranvier.fabric.series.influx_layout import DOWNSAMPLED, FEEDBACK, OBSERVED, STATE
from ranvier.ontology.errors import AccessRefused, RanvierError

NAME = "series store (InfluxDB)"
PING_S = 3.0
"""All requests of a ping together."""
COUNTING_S = 1.5
"""How long of that the points may be counted."""
_FIGURE = re.compile(r'^(storage_shard_disk_size|storage_bucket_series_num)\{bucket="(\w+)".*\} (\S+)$', re.M)
_Detail = dict[str, str | int | float]


def ping(
    client: InfluxClient, config: InfluxConfig, buckets: Mapping[str, str], counting: bool = True
) -> Health:
    """Of a store that is open."""
    left_s = _countdown(PING_S)

    def more() -> Mapping[str, int]:
        points = _points(client, config, min(COUNTING_S, left_s())) if counting else {}
        return {**_figures(client, buckets, left_s()), **points}

    return _health(client, left_s, more)


def look(config: InfluxConfig) -> Health:
    """Of a store that is not open, whose token is tried too. Makes nothing on the server; counts no points."""
    client, left_s = InfluxClient(config), _countdown(PING_S)
    try:
        return _health(client, left_s, lambda: _figures(client, _buckets(client, config, left_s), left_s()))
    finally:
        client.close()


def _health(
    client: InfluxClient, left_s: Callable[[], float], more: Callable[[], Mapping[str, int]]
) -> Health:
    before_s = time.perf_counter()
    try:
        health = client.ask("GET", "/health", patience_s=left_s())
        detail: _Detail = {
            "version": str(health["version"]),
            "ms": round((time.perf_counter() - before_s) * 1e3, 1),
        }
        if health["status"] != "pass":
            return Health(NAME, False, detail, str(health.get("message", health)))
        detail |= more()
    except RanvierError as error:
        return Health(NAME, False, error=str(error), cause=error)
    return Health(NAME, True, detail)


def _countdown(seconds: float) -> Callable[[], float]:
    """What is left of them, but never nothing: a request needs some time to fail in."""
    end_s = time.monotonic() + seconds
    return lambda: max(0.001, end_s - time.monotonic())


def _buckets(client: InfluxClient, config: InfluxConfig, left_s: Callable[[], float]) -> dict[str, str]:
    """Those of this platform that exist, name to id. Raises StoreError for an unknown organisation."""
    org = client.ask("GET", "/api/v2/orgs", {"org": config.org}, patience_s=left_s())["orgs"][0]["id"]
    found = {}
    for name in (OBSERVED, FEEDBACK, STATE, DOWNSAMPLED):
        asked = {"orgID": org, "name": config.bucket(name)}
        try:
            there = client.ask("GET", "/api/v2/buckets", asked, patience_s=left_s())["buckets"]
        except Missing:
            continue  # not made yet
        if there:
            found[name] = str(there[0]["id"])
    return found


def _figures(client: InfluxClient, buckets: Mapping[str, str], patience_s: float) -> dict[str, int]:
    """Bytes and series; none where the server does not publish them."""
    try:
        text = client.request("GET", "/metrics", None, None, {}, patience_s).decode()
    except RanvierError:
        return {}
    own, figures = set(buckets.values()), {"bytes": 0, "series": 0}
    for name, bucket, value in _FIGURE.findall(text):
        if bucket in own:
            figures["series" if name.endswith("series_num") else "bytes"] += int(float(value))
    return figures


def _points(client: InfluxClient, config: InfluxConfig, patience_s: float) -> dict[str, int]:
    """How many there are, all versions; none where counting takes longer."""
    left_s = _countdown(patience_s)

    def select(measurement: str, influxql: str) -> bytes:
        return client.select(config.bucket(measurement), influxql, left_s())

    try:
        return {"points": sum(influx_listing.count(select, name) for name in (OBSERVED, FEEDBACK))}
    except AccessRefused:
        raise
    except RanvierError:
        return {}
