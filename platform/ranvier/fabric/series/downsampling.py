"""Downsampling by what the ontology says of each quantity (`Quantity.aggregation`, after TS 28.552).

    sum         sum over the period: counts, energies
    mean        average weighted by time: status inspections, gauges
    weighted    average weighted by the volume that the quantity names as its `weight`: ratios, delays
    max, min    the peak or the trough: counters that are one over their own period already

Output periods are [k·P, (k+1)·P) since the epoch. A value whose period crosses a boundary is shared out by
the time it spends on each side; a peak that crosses one counts on both sides, since nothing says on which
it was. An instant (start = end) belongs to the period that ends at or after it.

`suspect` is set where the network doubts an input, where the inputs cover less than the whole period (so a
sum is too small, and a peak may have been missed), where a peak may lie on the other side of a boundary, and
where a ratio's volume is missing for an input or is zero over the whole period, in which case the average is
weighted by time instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ranvier.fabric.ports import FOREVER_NS, SeriesFrame, SeriesQuery
from ranvier.ontology.errors import InputError, OntologyError
from ranvier.ontology.ontology import Aggregation, Ontology, Quantity

Read = Callable[[SeriesQuery], SeriesFrame]
Known = Mapping[str, Quantity | None]
"""The quantities of a frame by name; None for one that the ontology no longer knows."""

_PLACE: dict[Aggregation, int] = {"sum": 0, "mean": 1, "weighted": 1, "max": 2, "min": 3}


@dataclass(frozen=True, slots=True)
class _Pieces:
    """Inputs cut at the boundaries: (pieces,) each, sorted by series and period.

    source    row of the input frame
    period    k of the output period
    share     fraction of the input's own period that lies in it; 1 for an instant
    weight    nanoseconds that the input spends in it; 1 for an instant
    group     number of the output row
    """

    source: NDArray[np.int64]
    period: NDArray[np.int64]
    share: NDArray[np.float64]
    weight: NDArray[np.float64]
    group: NDArray[np.int64]


def downsample(read: Read, ontology: Ontology, query: SeriesQuery, period_ns: int) -> SeriesFrame:
    """One value for each object, quantity and output period that ends in (from_ns, to_ns].

    Raises InputError where `period_ns` is not positive.
    """
    if period_ns <= 0:
        raise InputError("a period above 0 ns", str(period_ns), "give the output period in nanoseconds")
    wider = replace(
        query,
        from_ns=(query.from_ns // period_ns) * period_ns,
        to_ns=min(query.to_ns, FOREVER_NS - period_ns) + period_ns,
        limit=None,
    )
    frame = read(wider)
    if not len(frame):
        return frame
    pieces = _cut(frame, period_ns)
    known = {name: _quantity(ontology, name) for name in set(frame.quantities)}
    rows = _combine(frame, pieces, _places(known, frame), _volumes(read, known, wider, frame), period_ns)
    keep = (rows.end_ns > query.from_ns) & (rows.end_ns <= query.to_ns)
    kept = np.flatnonzero(keep)[: query.limit]
    return SeriesFrame(*(getattr(rows, name)[kept] for name in SeriesFrame.__slots__))


def _cut(frame: SeriesFrame, period_ns: int) -> _Pieces:
    last = -(-frame.end_ns // period_ns) - 1
    first = np.minimum(frame.start_ns // period_ns, last)
    counts = last - first + 1
    source = np.repeat(np.arange(len(frame)), counts)
    offset = np.arange(len(source)) - np.repeat(np.cumsum(counts) - counts, counts)
    period = first[source] + offset
    start, end = frame.start_ns[source], frame.end_ns[source]
    overlap = np.minimum(end, (period + 1) * period_ns) - np.maximum(start, period * period_ns)
    instant = end == start
    share = np.where(instant, 1.0, overlap / np.maximum(end - start, 1))
    weight = np.where(instant, 1.0, overlap.astype(np.float64))
    series = _series_numbers(frame)[source]
    order = np.lexsort((period, series))
    new = np.diff(series[order], prepend=-1).astype(bool) | np.diff(period[order], prepend=-1).astype(bool)
    group = np.cumsum(new) - 1
    return _Pieces(source[order], period[order], share[order], weight[order], group)


def _series_numbers(frame: SeriesFrame) -> NDArray[np.int64]:
    """Rising numbers: the frame is in order of object and quantity."""
    changed = (frame.object_ids[1:] != frame.object_ids[:-1]) | (
        frame.quantities[1:] != frame.quantities[:-1]
    )
    return np.concatenate([[0], np.cumsum(changed)]).astype(np.int64)


def _quantity(ontology: Ontology, name: str) -> Quantity | None:
    try:
        return ontology.quantity(name)
    except OntologyError:
        return None


def _places(known: Known, frame: SeriesFrame) -> NDArray[np.int64]:
    """How each row is aggregated. What the ontology no longer knows is averaged over time."""
    place_of = {name: _PLACE["mean" if q is None else q.aggregation] for name, q in known.items()}
    return np.fromiter((place_of[name] for name in frame.quantities), np.int64, len(frame))


def _volumes(read: Read, known: Known, query: SeriesQuery, frame: SeriesFrame) -> NDArray[np.float64]:
    """Each row's volume over its own object and period: inf where none is named, NaN where it is missing."""
    weight_of = {n: q.weight for n, q in known.items() if q and q.weight and q.aggregation == "weighted"}
    volumes = np.full(len(frame), np.inf)
    if not weight_of:
        return volumes
    found = read(replace(query, quantities=tuple(sorted(set(weight_of.values()))), recorded_after_ns=-1))
    keys = zip(found.object_ids, found.quantities, found.start_ns, found.end_ns, strict=True)
    by_key = dict(zip(keys, found.values, strict=True))
    for row in np.flatnonzero([name in weight_of for name in frame.quantities]):
        key = (
            frame.object_ids[row],
            weight_of[frame.quantities[row]],
            frame.start_ns[row],
            frame.end_ns[row],
        )
        volumes[row] = by_key.get(key, np.nan)
    return volumes


def _combine(
    frame: SeriesFrame, pieces: _Pieces, places: NDArray[np.int64], volumes: NDArray[np.float64],
    period_ns: int,
) -> SeriesFrame:  # fmt: skip
    rows = int(pieces.group[-1]) + 1
    first = np.flatnonzero(np.diff(pieces.group, prepend=-1))

    def total(values: NDArray[Any]) -> NDArray[np.float64]:
        return np.bincount(pieces.group, values, rows).astype(np.float64)

    value, place = frame.values[pieces.source], places[pieces.source[first]]
    mean, unweighted = _mean(pieces, value, volumes[pieces.source], total)
    high, low = np.maximum.reduceat(value, first), np.minimum.reduceat(value, first)
    instants = total((frame.start_ns == frame.end_ns)[pieces.source]) > 0
    covered = total(pieces.weight) >= period_ns * (1 - 1e-9)
    doubted = total(frame.suspect[pieces.source]) > 0
    astride = (place >= _PLACE["max"]) & (total(pieces.share < 1) > 0)
    period, source = pieces.period[first], pieces.source[first]
    return SeriesFrame(
        frame.object_ids[source], frame.quantities[source], period * period_ns, (period + 1) * period_ns,
        np.choose(place, [total(pieces.share * value), mean, high, low]),
        np.maximum.reduceat(frame.recorded_at_ns[pieces.source], first),
        doubted | astride | (unweighted & (place == _PLACE["weighted"])) | ~(covered | instants),
    )  # fmt: skip


def _mean(
    pieces: _Pieces, value: NDArray[np.float64], volume: NDArray[np.float64],
    total: Callable[[NDArray[Any]], NDArray[np.float64]],
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:  # fmt: skip
    """Each output row's average by volume, and whether that had to be one by time."""
    weight = np.where(np.isinf(volume), pieces.weight, pieces.share * np.nan_to_num(volume, posinf=0.0))
    unweighted = (total(np.isnan(volume)) > 0) | (total(weight) <= 0)
    weight = np.where(unweighted[pieces.group], pieces.weight, weight)
    return total(weight * value) / total(weight), unweighted
