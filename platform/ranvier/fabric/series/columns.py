"""Reports as columns: the shape in which many points are written at once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ranvier.fabric.measurement import MeasurementReport
from ranvier.ontology.errors import InputError


def values_of(reports: Sequence[MeasurementReport]) -> NDArray[np.float64]:
    """The values of all reports in a row, (points,). Raises InputError where one is not finite."""
    count = sum(len(report.values) for report in reports)
    values = np.fromiter(chain.from_iterable(r.values.values() for r in reports), np.float64, count)
    if not np.isfinite(values).all():
        bad = next(r for r in reports if not np.isfinite(list(r.values.values())).all())
        raise InputError(
            "finite values", f"{bad.values} of {bad.object_id}", "leave out what is missing instead"
        )
    return values


Times = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32], NDArray[np.int64]]


def times_of(reports: Sequence[MeasurementReport], recorded_at_ns: int | Sequence[int]) -> Times:
    """Each report's start, end, revision and time of recording, (reports,) each.

    Raises InputError where a period ends before it starts, or a number has no room in 64 bits.
    """
    count = len(reports)
    try:
        start = np.fromiter((r.start_ns for r in reports), np.int64, count)
        end = np.fromiter((r.end_ns for r in reports), np.int64, count)
        revision = np.fromiter((r.revision for r in reports), np.int32, count)
        recorded = np.broadcast_to(np.asarray(recorded_at_ns, np.int64), (count,))
    except OverflowError as error:
        raise InputError(
            "times in 64 bits and revisions in 32", str(error), "give nanoseconds since the Unix epoch"
        ) from error
    if (end < start).any():
        bad = reports[int(np.argmax(end < start))]
        raise InputError(
            "a period that ends after its start", f"[{bad.start_ns}, {bad.end_ns}) of {bad.object_id}",
            "swap its bounds",
        )  # fmt: skip
    return start, end, revision, recorded


def table_of(
    reports: Sequence[MeasurementReport], values: NDArray[np.float64], numbers: Sequence[NDArray[np.int32]],
    recorded_at_ns: int | Sequence[int], sequence: int,
) -> pa.Table:  # fmt: skip
    """The rows of `points`, one for each value, numbered on from `sequence`."""
    count, total = len(reports), len(values)
    counts = np.fromiter((len(n) for n in numbers), np.int64, count)
    start, end, revision, recorded = times_of(reports, recorded_at_ns)
    suspect = np.fromiter((r.suspect for r in reports), np.bool_, count)
    spread = [np.repeat(column, counts) for column in (start, end, revision, recorded, suspect)]
    return pa.table(
        {
            "series": np.concatenate(numbers),
            "start_ns": spread[0],
            "end_ns": spread[1],
            "value": values,
            "revision": spread[2],
            "recorded_at_ns": spread[3],
            "seq": np.arange(sequence, sequence + total, dtype=np.int64),
            "suspect": spread[4],
        }
    )
