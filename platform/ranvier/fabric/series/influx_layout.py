"""How Measurements lie in InfluxDB: buckets, measurements, tags, fields, and how many series there can be.

    bucket <prefix>-observed     observed,copy=…,network=…,object=…,p=…,tenant=…  RRC.ConnMean=3.5,…,~r=…i  END
    bucket <prefix>-feedback     feedback, the same with lane=…
    bucket <prefix>-state        offset,partition=…,topic=…  next=…i  0
    bucket <prefix>-downsampled  what the tasks make of `observed`, see `influx_tasks`

One line is one report: an object, the end of a granularity period (the timestamp, ns), and a field for each
quantity. Beside them stand the adapter's own fields: `~r` recorded_at, ns; `~h` a fingerprint of the line; and
only where they say something `~s` the period's start, ns; `~rev` the revision; `~f` the suspect flag; `~run`
the run. Against a line for each quantity this has a fraction of the series, of the bytes and of the time: what
the server does for a line it does once for a report.

Tags, with the number of values that each can take:

    tenant, network, object   what is managed: T·N·O objects in all, no more than the topology holds
    p       the period in seconds, one of PERIODS_S, where the end is a multiple of it; else absent: 20 + 1
    copy    the version, below; absent for the first: COPIES
    lane    of run feedback only, CRC-32 of the run's id modulo LANES. A run's id is never a tag.

So `observed` has at most objects · 21 · COPIES series, and `feedback` at most LANES times that. In practice
an object has one or two periods and a few copies: 10,000 cells make some 10,000 to 40,000 series, whatever
the number of quantities, runs and years.

InfluxDB merges two lines of one series and one timestamp, field by field. So a second report of the same
object and end (a revision, a resend that was recorded later, other counters of the same period, another run
in the same lane) goes to the next `copy`, and only a line that says exactly the same is left out: it is the
same report delivered again. See `influx_versions`. A report beyond COPIES is refused, never merged.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from ranvier.fabric.series.influx_names import encode, in_line

OBSERVED, FEEDBACK, STATE, DOWNSAMPLED = "observed", "feedback", "state", "downsampled"
RECORDED, PRINT, START, REVISION, SUSPECT, RUN = "~r", "~h", "~s", "~rev", "~f", "~run"
OWN = "~"
"""What a field of the adapter's own starts with; encoded names of quantities never do."""

PERIODS_S = (
    0, 1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400,
)  # fmt: skip
COPIES = 256
LANES = 64

EARLIEST_NS, LATEST_NS = -(2**63) + 2, 2**63 - 2
"""The times that InfluxDB can store."""

_SECOND_NS = 10**9


def measurement_of(origin: str) -> str:
    """The measurement, which is also the name of the bucket, of an origin."""
    return OBSERVED if origin == OBSERVED else FEEDBACK


def lane_of(origin: str) -> str:
    """The lane of a run, and "" for what was observed."""
    return "" if origin == OBSERVED else str(zlib.crc32(origin.encode()) % LANES)


def periods_of(start_ns: NDArray[np.int64], end_ns: NDArray[np.int64]) -> list[str]:
    """For each report the value of its tag `p`, or "" where its start must be stored."""
    length = end_ns - start_ns
    aligned = np.isin(length, np.array(PERIODS_S, np.int64) * _SECOND_NS)
    aligned &= end_ns % np.where(length > 0, length, 1) == 0
    seconds = (length // _SECOND_NS).tolist()
    return [str(s) if known else "" for s, known in zip(seconds, aligned.tolist(), strict=True)]


def tags(measurement: str, tenant: str, network: str, object_id: str, period: str, lane: str) -> str:
    """The tags of a series in the order in which InfluxDB sorts them, without `copy`, ready for a line."""
    parts = [f"lane={lane}"] if measurement == FEEDBACK else []
    parts += [f"network={in_line(encode(network))}", f"object={in_line(encode(object_id))}"]
    parts += [f"p={period}"] if period else []
    return ",".join([*parts, f"tenant={in_line(encode(tenant))}"])
