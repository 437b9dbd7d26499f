"""A run's counters as events again: simulation feedback, which enters the platform like any telemetry.

Each report names the run as its origin, so that it goes to a topic of its own and never counts as observed.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import pyarrow.parquet as pq

from ranvier.dtops.simulator.output.run_folder import RunFolder
from ranvier.fabric import event
from ranvier.fabric.measurement import MeasurementReport


def reports(folder: RunFolder) -> Iterator[MeasurementReport]:
    """Every report of the run, a period in memory at a time."""
    run, network = folder.manifest["run"], folder.manifest["scenario"]["name"]
    for file in folder.files("counters"):
        rows = pq.read_table(file).to_pylist()
        for (realisation, name, object_class, start, end), group in groupby(rows, key=_whose):
            yield MeasurementReport(
                name, object_class, start, end, {row["quantity"]: row["value"] for row in group},
                origin=f"run:{run}.{realisation}", source="simulator", network=network,
            )  # fmt: skip


def lines(folder: RunFolder) -> Iterator[bytes]:
    """The reports as CloudEvents, one a line."""
    for number, report in enumerate(reports(folder)):
        yield event.encode(report, f"{folder.manifest['run']}#{number}") + b"\n"


def _whose(row: dict[str, Any]) -> tuple[int, str, str, int, int]:
    return row["realisation"], row["object_id"], row["object_class"], row["start_ns"], row["end_ns"]
