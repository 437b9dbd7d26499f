"""The virtual backbone of a relational interval tree over all of int64 nanoseconds.

Kriegel, Poetke, Seidl: "Managing Intervals Efficiently in Object-Relational Databases", VLDB 2000. An
interval is registered at its fork, the highest backbone node that it contains; an instant is stabbed by
looking at the forks on the path from the root to it. Every interval registered at a fork contains that
fork, so what one look finds is bounded by what was valid at once, however long the history is.

The backbone has a resolution of 2^30 ns (about a second): fewer levels, and the reader compares the exact
bounds anyway.
"""

from __future__ import annotations

RESOLUTION_BITS = 30
HEIGHT = 64 - RESOLUTION_BITS
OPEN_FORK = -1
"""Where intervals without an end are registered: every path begins with it."""

_OFFSET = 1 << (HEIGHT - 1)


def _bucket(instant_ns: int) -> int:
    return (instant_ns >> RESOLUTION_BITS) + _OFFSET


def fork(from_ns: int, to_ns: int) -> int:
    """The backbone node of the half-open interval [from_ns, to_ns), from_ns < to_ns.

    It is the node with the most trailing zeros among the buckets that the interval touches.
    """
    low, high = _bucket(from_ns), _bucket(to_ns - 1)
    level = (low ^ high).bit_length()
    if level == 0:
        return low
    split = (high >> (level - 1)) << (level - 1)
    # A lower bound with more trailing zeros than the split lies higher in the tree.
    return low if low and (low & -low) > (split & -split) else split


def path(instant_ns: int) -> list[int]:
    """The forks at which an interval that contains `instant_ns` may be registered; HEIGHT + 2 of them."""
    bucket = _bucket(instant_ns)
    forks = [OPEN_FORK, 0]
    node, step = _OFFSET, _OFFSET
    for _ in range(HEIGHT):
        forks.append(node)
        step >>= 1
        if bucket < node:
            node -= step
        elif bucket > node:
            node += step
    return forks
