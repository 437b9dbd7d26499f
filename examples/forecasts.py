"""Your forecasts as a file: the Parquet that `ranvier backtest PATH --forecasts theirs.parquet` takes.

    python examples/forecasts.py theirs.parquet OBJECT_ID 2019-11-26T08:30:00Z

Writes an hour of forecasts for one UE, one a minute: five quantiles of RSRP, and samples of the downlink
rate. docs/backtest.md describes each column.
"""

from __future__ import annotations

import sys
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq

SCHEMA = pa.schema(
    [
        ("model", pa.string()), ("model_version", pa.string()), ("object_id", pa.string()),
        ("quantity", pa.string()), ("issued_at", pa.timestamp("ns", "UTC")), ("horizon_s", pa.float64()),
        ("levels", pa.list_(pa.float64())), ("values", pa.list_(pa.float64())),
        ("samples", pa.list_(pa.float64())),
    ]
)  # fmt: skip
LEVELS = [0.1, 0.25, 0.5, 0.75, 0.9]


def rows(object_id: str, start: datetime) -> list[dict[str, object]]:
    """Four rows a minute: two KPIs at two horizons."""
    found: list[dict[str, object]] = []
    for minute in range(60):
        for horizon_s in (10.0, 60.0):
            own = {"model": "my-simulator", "model_version": "2.3", "object_id": object_id}
            own |= {"issued_at": start + timedelta(minutes=minute), "horizon_s": horizon_s}
            spread = [-6.0, -3.0, 0.0, 3.0, 6.0]
            rsrp = {"quantity": "MDT.M1.RSRP", "levels": LEVELS, "values": [-90.0 + x for x in spread]}
            rate = {"quantity": "MDT.M5.UEThpDl", "samples": [0.0, 0.0, 0.0, 4_000.0, 25_000.0]}
            found += [own | rsrp, own | rate]
    return found


if __name__ == "__main__":
    path, object_id, start = sys.argv[1:]
    when = datetime.fromisoformat(start)
    pq.write_table(pa.Table.from_pylist(rows(object_id, when), SCHEMA), path)
