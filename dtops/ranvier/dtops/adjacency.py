"""Which targets are neighbours: the same quantity at objects that the graph joins."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.forecast import Target
from ranvier.fabric.snapshot import Snapshot

NEIGHBOURLY = frozenset({"adjacent", "interferes", "handover", "neighbour"})
"""Relations that make neighbours of objects by themselves; others do by a third object they share."""


@dataclass(frozen=True, slots=True)
class Adjacency:
    """Edges between targets: the mean around target `to` is over its `of`; both (e,), sorted by `to`."""

    to: NDArray[np.int64]
    of: NDArray[np.int64]
    relations: tuple[Any, ...]


def adjacency(targets: Sequence[Target], snapshot: Snapshot, most: int = 16) -> Adjacency:
    """The edges between targets whose objects a relation joins, at most `most` for each target."""
    near: dict[str, list[str]] = defaultdict(list)
    for relation in snapshot.relations:
        near[relation.source_id].append(relation.target_id)
        near[relation.target_id].append(relation.source_id)
    place = {target: i for i, target in enumerate(targets)}
    to: list[int] = []
    of: list[int] = []
    for target, i in place.items():
        others = (place.get(Target(other, target.quantity)) for other in near.get(target.object_id, ()))
        found = sorted({other for other in others if other is not None and other != i})[:most]
        to += [i] * len(found)
        of += found
    return Adjacency(np.array(to, dtype=np.int64), np.array(of, dtype=np.int64), snapshot.relations)


def mean_around(links: Adjacency, recent: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, w) the mean of the neighbours' values in each step; NaN where none is known."""
    around = np.full_like(recent, np.nan)
    if not len(links.to):
        return around
    first = np.flatnonzero(np.diff(links.to, prepend=-1))
    theirs = recent[links.of]
    unknown = np.isnan(theirs)
    theirs[unknown] = 0.0
    total = np.add.reduceat(theirs, first, axis=0)
    known = np.add.reduceat(~unknown, first, axis=0, dtype=np.float64)
    around[links.to[first]] = np.divide(total, known, out=np.full_like(total, np.nan), where=known > 0)
    return around
