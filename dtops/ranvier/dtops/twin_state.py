"""`TwinState`: what the twin believes at one time, conditioned on all that was known then.

The one thing that a `Predictor` is given. It holds copies only, so that nothing in it leads to what was
not known at `known_at_ns`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.forecast import Target
from ranvier.fabric.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Climate:
    """What is usual for each target: an equally weighted sample of its whole past, of bounded size.

    sample  (n, r) values known so far, NaN where fewer than r are known
    count   (n,) how many values the sample stands for
    """

    sample: NDArray[np.float64]
    count: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class LoadBins:
    """Where the users of each cell may be: an ensemble over UE bins, weighted by load.

    cells     (c,) node ids
    offered   (e, c, b) mean number of active UEs by member, cell and bin
    """

    cells: tuple[str, ...]
    offered: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TwinState:
    """The twin at `as_of_ns`, from what was recorded by `known_at_ns`.

    step_ns    the grid on which the recent past is aligned
    recent     (n, w) the latest Measurement of each target in each of the last w steps; column −1 is the
               step that ends at as_of_ns; NaN where there was none
    climate    the whole past of each target, summarised
    pooled     the whole past of all targets of one quantity, summarised: (q, r) in the order of `quantities`
    snapshot   the graph as of as_of_ns, known at known_at_ns; None where no topology is known
    bins       the ensemble over UE bins; None where no cell counters are known
    """

    as_of_ns: int
    known_at_ns: int
    step_ns: int
    targets: tuple[Target, ...]
    recent: NDArray[np.float64]
    climate: Climate
    quantities: tuple[str, ...]
    pooled: Climate
    snapshot: Snapshot | None = None
    bins: LoadBins | None = field(default=None)
