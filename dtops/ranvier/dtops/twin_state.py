"""`TwinState`: what the twin believes at one time, conditioned on all that was known then.

The one thing that a `Predictor` is given. It holds copies only, so that nothing in it leads to what was
not known at `known_at_ns`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.forecast import Target
from ranvier.dtops.members import Members
from ranvier.fabric.snapshot import Snapshot

Floats = NDArray[np.float64]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Climate:
    """What is usual for each target: an equally weighted sample of its whole past, of bounded size.

    sample  (n, r) values known so far, NaN where fewer than r are known
    count   (n,) how many values the sample stands for
    keys    (n, r) the sampling key of each value: the r smallest keys of the whole past are kept
    """

    sample: Floats
    count: NDArray[np.int64]
    keys: NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Moments:
    """What followed what: for one quantity, a bounded, equally weighted sample of past moments of any target.

    A moment is a step at which a value was known. It is kept once all that followed it is known, and the
    sample is renewed only when the past has grown by half, so that a model may learn from it in peace.

    lags     (l,) in steps
    history  (k, w) the values of the w steps up to the moment, which is column −1; NaN where unknown
    around   (k, w) the mean of the graph's neighbours in these steps; NaN where there was none
    followed (k, l) the value `lags` steps after the moment; NaN where unknown
    who      (k,) hash of the target, `when` (k,) its step: which moments belong together
    count    how many moments the sample stands for
    keys     (k,) the sampling key of each moment
    """

    lags: tuple[int, ...]
    history: Floats
    around: Floats
    followed: Floats
    who: NDArray[np.uint64]
    when: NDArray[np.int64]
    count: int
    keys: NDArray[np.uint64]

    @property
    def fingerprint(self) -> tuple[int, int, int]:
        """Tells two samples apart: what a model has learned from one is valid for an equal one."""
        folded = int(np.bitwise_xor.reduce(self.keys)) if len(self.keys) else 0
        return self.count, len(self.keys), folded


@dataclass(frozen=True, slots=True)
class LoadBins:
    """Where the users of each cell may be: an ensemble over UE bins, weighted by load.

    cells     (c,) node ids
    offered   (e, c, b) mean number of active UEs by member, cell and bin
    """

    cells: tuple[str, ...]
    offered: Floats


@dataclass(frozen=True, slots=True)
class TwinState:
    """The twin at `as_of_ns`, from what was recorded by `known_at_ns`.

    step_ns    the grid on which the recent past is aligned; as_of_ns is a multiple of it
    recent     (n, w) the latest Measurement of each target in each of the last w steps; column −1 is the
               step (as_of_ns − step_ns, as_of_ns]; NaN where there was none
    climate    the whole past of each target, summarised
    pooled     the whole past of all targets of one quantity, summarised: (q, r) in the order of `quantities`
    around     (n, w) the mean of `recent` over the targets of the same quantity whose objects the graph
               joins to this one's; NaN where there are none
    moments    quantity to what followed what in its past
    snapshot   the graph as of as_of_ns, known at known_at_ns; None where no topology is known
    bins       the ensemble over UE bins; None where no cell counters are known
    members    the ensemble of an ensemble filter; None without one
    memory     what the Synchroniser needs to go on; it is not handed to predictors
    """

    as_of_ns: int
    known_at_ns: int
    step_ns: int
    targets: tuple[Target, ...]
    recent: Floats
    climate: Climate
    quantities: tuple[str, ...]
    pooled: Climate
    around: Floats
    moments: Mapping[str, Moments] = field(default_factory=dict)
    snapshot: Snapshot | None = None
    bins: LoadBins | None = None
    memory: Any = field(default=None, repr=False, compare=False)
    members: Members | None = None

    def quantity_index(self) -> NDArray[np.int64]:
        """(n,) the row of `pooled` that belongs to each target."""
        row = {name: i for i, name in enumerate(self.quantities)}
        return np.array([row[target.quantity] for target in self.targets], dtype=np.int64)

    def of_quantity(self, quantity: str) -> NDArray[np.int64]:
        """The places of the targets of one quantity."""
        return np.flatnonzero([target.quantity == quantity for target in self.targets])

    def age_steps(self) -> NDArray[np.int64]:
        """(n,) how many steps ago each target's latest value lies; w where the whole window is empty."""
        known = ~np.isnan(self.recent[:, ::-1])
        return np.asarray(np.where(known.any(axis=1), known.argmax(axis=1), self.recent.shape[1]))

    def handed_out(self) -> TwinState:
        """The state as a predictor gets it: the targets heard of within the window, in copies of their own.

        Moments are shared between copies and read-only: they change rarely and are large.
        """
        awake = np.flatnonzero(~np.isnan(self.recent).all(axis=1))
        climate = Climate(self.climate.sample[awake], self.climate.count[awake], self.climate.keys[awake])
        pooled = Climate(self.pooled.sample.copy(), self.pooled.count.copy(), self.pooled.keys.copy())
        return replace(
            self, targets=tuple(self.targets[i] for i in awake), recent=self.recent[awake], climate=climate,
            pooled=pooled, around=self.around[awake], memory=None,
        )  # fmt: skip

    def narrowed(self, targets: Sequence[Target]) -> TwinState:
        """The state with some of its targets only, in their order; unknown ones are left out."""
        place = {target: i for i, target in enumerate(self.targets)}
        kept = np.array([place[target] for target in targets if target in place], dtype=np.int64)
        climate = Climate(self.climate.sample[kept], self.climate.count[kept], self.climate.keys[kept])
        return replace(
            self, targets=tuple(self.targets[i] for i in kept), recent=self.recent[kept], climate=climate,
            around=self.around[kept], memory=None,
        )  # fmt: skip
