"""Where the users of each cell may be, from its load counters: a small ensemble over distance bins.

The number of active UEs of a cell, seen through a mean over a period, is taken as Gamma distributed: with
a total of k UE periods seen in t periods and the scale-free prior, λ | k ~ Gamma(k + ½, t) (Jeffreys). Users
are spread over rings of equal width by area: ring i of b holds (2i + 1) / b² of them. Telemetry by cell does
not tell where they are, so each member draws its own shares around that (Dirichlet, four pseudo-users).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.forecast import Target
from ranvier.dtops.scoring import counter_stream
from ranvier.dtops.twin_state import LoadBins

USERS = ("DRB.MeanActiveUeDl", "RRC.ConnMean")
"""The counters that say how many users a cell has, the best first."""


def estimated(
    targets: Sequence[Target], recent: NDArray[np.float64], step: int, *,
    periods: int = 12, members: int = 8, bins: int = 4,
) -> LoadBins | None:  # fmt: skip
    """The ensemble from the last `periods` steps; None where no cell reports its users."""
    rows: dict[str, int] = {}
    for quantity in reversed(USERS):
        rows |= {target.object_id: i for i, target in enumerate(targets) if target.quantity == quantity}
    if not rows:
        return None
    cells = tuple(sorted(rows))
    seen = recent[[rows[cell] for cell in cells], -periods:]
    known = np.maximum((~np.isnan(seen)).sum(axis=1), 1)
    own = np.array([counter_stream.name_key("load bins", cell) for cell in cells], dtype=np.uint64)
    keys = counter_stream.chain(own[None, :], np.arange(members)[:, None], step)
    mean = counter_stream.gamma(np.nansum(seen, axis=1)[None, :] + 0.5, keys) / known
    area = (2 * np.arange(bins) + 1) / bins**2
    parts = counter_stream.gamma(4 * area, counter_stream.chain(keys[..., None], np.arange(1, bins + 1)))
    return LoadBins(cells, mean[:, :, None] * parts / parts.sum(axis=2, keepdims=True))
