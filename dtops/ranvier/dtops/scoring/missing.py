"""What is missing is never scored as a number. One policy for all scores:

    outcome missing (NaN)      the score is NaN; it adds nothing to a state, not even to its count
    member missing (NaN)       scores are those of the members that are present; a plain score needs one of
                               them, a fair score and a variance need two, else NaN
    of d nodes some            a vector is there whole or not at all: an outcome with one NaN is missing, and
                               so is a member with one NaN. Leave nodes out before scoring, for every model
                               alike: a model that chooses what is scored of it is not refereed
    of an area some            the same: a sum over some of its nodes is the sum of another area
    a quantile missing         the forecast is missing, since what lies between levels depends on them all

Leaving out members is harmless where they fail independently of their value. Where runs fail *because* they
are extreme, no score can tell; count them (`present`) and say so.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def present(members: Floats) -> NDArray[np.int64]:
    """How many members are present; (…, m) to (…)."""
    return np.asarray((~np.isnan(members)).sum(axis=-1))


def sum_of_present(values: Floats) -> Floats:
    """The sum over the last axis, leaving out NaN; 0 where all are. As fast as a sum where none is."""
    total = values @ np.ones(values.shape[-1])  # a product is quicker than a sum over few
    return np.asarray(np.nansum(values, axis=-1) if np.isnan(total).any() else total)
