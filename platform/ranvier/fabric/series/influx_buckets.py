"""The buckets of one platform: made when the store opens, with the retention that the settings ask for."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from ranvier.fabric.series.influx_client import InfluxClient, Missing
from ranvier.fabric.series.influx_config import InfluxConfig
from ranvier.fabric.series.influx_layout import DOWNSAMPLED, FEEDBACK, OBSERVED, STATE
from ranvier.ontology.errors import InputError, StoreError

DAY_S = 86_400
SHARD_S = 28 * DAY_S
"""How much time one shard holds where data is kept for ever: a backfill over ten years makes 130 of them."""


def ensure(client: InfluxClient, config: InfluxConfig) -> dict[str, str]:
    """Make the buckets that are not there, and set retention where it differs; name to id.

    Raises StoreError where the organisation is unknown or the token may not.
    """
    org_id = _org_id(client, config.org)
    kept = {OBSERVED: config.retention_s, FEEDBACK: config.retention_s, STATE: None}
    if config.downsample_every_s is not None:
        kept[DOWNSAMPLED] = config.downsampled_retention_s
    return {name: _ensure(client, org_id, config.bucket(name), kept_s) for name, kept_s in kept.items()}


def _org_id(client: InfluxClient, org: str) -> str:
    try:
        return str(client.ask("GET", "/api/v2/orgs", {"org": org})["orgs"][0]["id"])
    except Missing as error:
        raise StoreError(
            "an organisation in InfluxDB", f"none called {org!r}", "make it, or name another"
        ) from error


def _ensure(client: InfluxClient, org_id: str, name: str, kept: float | None) -> str:
    kept_s = None if kept is None else round(kept)
    rule = {"type": "expire", "everySeconds": kept_s or 0, "shardGroupDurationSeconds": _shard_s(kept_s)}
    found = _find(client, org_id, name)
    if found is None:
        try:
            made = client.ask(
                "POST", "/api/v2/buckets", body={"orgID": org_id, "name": name, "retentionRules": [rule]}
            )
            return str(made["id"])
        except InputError:
            found = _find(client, org_id, name)  # another process has just made it
            if found is None:
                raise
    now = (found["retentionRules"] or [{"everySeconds": 0}])[0]
    if now["everySeconds"] != rule["everySeconds"]:
        client.ask("PATCH", f"/api/v2/buckets/{quote(found['id'])}", body={"retentionRules": [rule]})
    return str(found["id"])


def _find(client: InfluxClient, org_id: str, name: str) -> dict[str, Any] | None:
    try:
        found = client.ask("GET", "/api/v2/buckets", {"orgID": org_id, "name": name})["buckets"]
    except Missing:
        return None
    return dict(found[0])


def _shard_s(kept_s: int | None) -> int:
    """Retention drops whole shards: a tenth of what is kept, between an hour and SHARD_S."""
    return SHARD_S if kept_s is None else min(max(3600, kept_s // 10 // 3600 * 3600), SHARD_S)
