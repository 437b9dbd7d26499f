"""A Poisson process per user that thickens with demand: points of a lower rate are points of every higher one.

Time is cut into stretches of `STRETCH_SLOTS` absolute slots. In each, points are numbered k = 1, 2, … by their
height Γ_k = E_1 + … + E_k, a sum of exponentials of mean 1, and lie at uniform places. Those with Γ_k below
the stretch's mean number of arrivals m happen: P(Γ_k < m) is that of at least k arrivals (Kingman, Poisson
Processes, 1993, 4.1), exact for any mean. A rate that varies in the stretch is compared at the point's own
place, with m of that moment.

Why so, and not a count for each slot: the draws of a block are as many as its arrivals and one a user, and
each arrival has a number to which more can be tied, e.g. a size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ranvier.dtops.simulator import streams
from ranvier.dtops.simulator.seeds import Seeds
from ranvier.dtops.simulator.traffic.keys import again, run_keys
from ranvier.dtops.simulator.traffic.span import Span

STRETCH_SLOTS = 40


@dataclass(frozen=True, slots=True)
class Points:
    """Points of one height, at most one a user: n of them.

    realisation, user  (n,) int64 places in the arrays of the caller
    slot               (n,) int64 absolute
    height             (n,) float64 Γ: the point happens where the mean number a stretch is above it
    key                (n,) int64 of the point's own draws
    """

    realisation: Tensor
    user: Tensor
    slot: Tensor
    height: Tensor
    key: Tensor


def points(seeds: Seeds, purpose: str, user: Tensor, most: Tensor, span: Span) -> Iterator[Points]:
    """The points in the span whose height is below `most`, by stretch and number.

    user  (U,) int64 keys
    most  (R, U) float64: the greatest mean number of arrivals in a stretch
    """
    for stretch in range(span.first // STRETCH_SLOTS, (span.end - 1) // STRETCH_SLOTS + 1):
        of_user = run_keys(seeds, purpose, user, torch.tensor([stretch], device=user.device))[..., 0]
        key = again(of_user, 1)
        height = streams.exponential(key)
        row, column = torch.nonzero(height < most, as_tuple=True)
        of_user, limit, height, key = (x[row, column] for x in (of_user, most, height, key))
        number = 1
        while len(row):
            yield _within(Points(row, column, _place(key, stretch), height, key), span)
            number += 1
            key = again(of_user, number)
            height = height + streams.exponential(key)
            lives = height < limit
            row, column, of_user = row[lives], column[lives], of_user[lives]
            limit, height, key = limit[lives], height[lives], key[lives]


def _place(key: Tensor, stretch: int) -> Tensor:
    uniform = streams.uniform(again(key, 1))
    return stretch * STRETCH_SLOTS + torch.floor(uniform * STRETCH_SLOTS).to(torch.int64)


def _within(found: Points, span: Span) -> Points:
    inside = (found.slot >= span.first) & (found.slot < span.end)
    return Points(
        found.realisation[inside], found.user[inside], found.slot[inside], found.height[inside],
        found.key[inside],
    )  # fmt: skip
