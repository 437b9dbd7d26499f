"""Whether InfluxDB answers, quickly, and what this platform has in it.

Bytes and series are InfluxDB's own figures (`/metrics`), of this platform's buckets. Points can only be
counted by reading them all, so they are told while that takes less than a second. Once it takes longer they are
left out, and the store does not try again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping

from ranvier.fabric.ports import Health
from ranvier.fabric.series import influx_listing
from ranvier.fabric.series.influx_client import InfluxClient
from ranvier.fabric.series.influx_config import InfluxConfig
from ranvier.fabric.series.influx_layout import FEEDBACK, OBSERVED
from ranvier.ontology.errors import RanvierError

NAME = "series store (InfluxDB)"
PATIENCE_S = 2.0
COUNTING_S = 1.0
_FIGURE = re.compile(r'^(storage_shard_disk_size|storage_bucket_series_num)\{bucket="(\w+)".*\} (\S+)$', re.M)


def ping(
    client: InfluxClient, config: InfluxConfig, buckets: Mapping[str, str], counting: bool = True
) -> Health:
    """An answer within seconds, also where the server is away."""
    before = time.perf_counter()
    try:
        health = client.ask("GET", "/health", patience_s=PATIENCE_S)
        delay_ms = round((time.perf_counter() - before) * 1000, 1)
        if health["status"] != "pass":
            return Health(NAME, False, error=str(health.get("message", health)))
        detail: dict[str, str | int | float] = {"version": str(health["version"]), "ms": delay_ms}
        detail |= _figures(client, buckets) | (_points(client, config) if counting else {})
    except RanvierError as error:
        return Health(NAME, False, error=str(error))
    return Health(NAME, True, detail)


def _figures(client: InfluxClient, buckets: Mapping[str, str]) -> dict[str, int]:
    """Bytes and series; none where the server does not publish them."""
    try:
        text = client.request("GET", "/metrics", None, None, {}, PATIENCE_S).decode()
    except RanvierError:
        return {}
    own, figures = set(buckets.values()), {"bytes": 0, "series": 0}
    for name, bucket, value in _FIGURE.findall(text):
        if bucket in own:
            figures["series" if name.endswith("series_num") else "bytes"] += int(float(value))
    return figures


def _points(client: InfluxClient, config: InfluxConfig) -> dict[str, int]:
    deadline = time.perf_counter() + COUNTING_S

    def select(measurement: str, influxql: str) -> bytes:
        return client.select(config.bucket(measurement), influxql, max(0.001, deadline - time.perf_counter()))

    try:
        return {"points": sum(influx_listing.count(select, name) for name in (OBSERVED, FEEDBACK))}
    except RanvierError:
        return {}
