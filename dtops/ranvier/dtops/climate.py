"""How a `Climate` and the `Moments` grow: bottom-k samples of the whole past.

Every value has a pseudo-random key of its own (a hash of target and step), and the k smallest keys are kept.
That is a uniform sample without replacement, needs no memory of what was seen, does not depend on the order
of arrival, and two samples merge into the sample of both (Cohen & Kaplan 2007).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.scoring import counter_stream
from ranvier.dtops.twin_state import Climate, Moments

Keys = NDArray[np.uint64]
Floats = NDArray[np.float64]
EMPTY_KEY = np.uint64(2**64 - 1)
CLIMATE_SEED, MOMENT_SEED = 11, 12


def empty(rows: int, size: int) -> Climate:
    """A Climate of `rows` rows that knows nothing."""
    return Climate(
        np.full((rows, size), np.nan), np.zeros(rows, np.int64), np.full((rows, size), EMPTY_KEY, np.uint64)
    )


def grown(climate: Climate, rows: int) -> Climate:
    """The same Climate with room for more rows at the end."""
    more = empty(rows - len(climate.count), climate.sample.shape[1])
    return Climate(
        np.concatenate([climate.sample, more.sample]),
        np.concatenate([climate.count, more.count]),
        np.concatenate([climate.keys, more.keys]),
    )


def taken(climate: Climate, rows: NDArray[np.int64]) -> Climate:
    """The given rows of a Climate."""
    return Climate(climate.sample[rows], climate.count[rows], climate.keys[rows])


def added(
    climate: Climate, rows: NDArray[np.int64], keys: Keys, values: Floats, new: NDArray[np.bool_]
) -> Climate:
    """A Climate with values added, or replaced where their key is held already; `new` ones are counted.

    rows, keys, values, new: (m,). Rows may repeat; a key names one value of one row for ever.
    """
    sample, held, count = climate.sample.copy(), climate.keys.copy(), climate.count.copy()
    np.add.at(count, rows, new)
    for turn in _turns(rows):
        _add_once(sample, held, rows[turn], keys[turn], values[turn])
    return Climate(sample, count, held)


def _turns(rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Split places so that no row occurs twice in one turn."""
    order = np.argsort(rows, kind="stable")
    ordered = rows[order]
    first = np.concatenate([[True], ordered[1:] != ordered[:-1]]) if len(rows) else np.zeros(0, bool)
    start = np.maximum.accumulate(np.where(first, np.arange(len(rows)), 0))
    turn = np.arange(len(rows)) - start
    if not len(rows):
        return []
    return np.split(order[np.argsort(turn, kind="stable")], np.cumsum(np.bincount(turn))[:-1])


def _add_once(sample: Floats, held: Keys, rows: NDArray[np.int64], keys: Keys, values: Floats) -> None:
    """Overwrite the value of the same key, else the one with the largest key, if that is larger."""
    theirs = held[rows]
    same = theirs == keys[:, None]
    column = np.where(same.any(axis=1), same.argmax(axis=1), theirs.argmax(axis=1))
    enters = same.any(axis=1) | (keys < theirs[np.arange(len(rows)), column])
    held[rows[enters], column[enters]] = keys[enters]
    sample[rows[enters], column[enters]] = values[enters]


def value_keys(hashes: Keys, steps: NDArray[np.int64]) -> Keys:
    """The sampling key of each value, from its target's hash and its step."""
    return counter_stream.chain(CLIMATE_SEED, hashes, steps)


def moment_keys(hashes: Keys, steps: NDArray[np.int64]) -> Keys:
    """The sampling key of each moment; independent of that of its value."""
    return counter_stream.chain(MOMENT_SEED, hashes, steps)


def merged(parts: list[Moments], size: int, count: int) -> Moments:
    """One sample of at most `size` moments from several, standing for `count`; the smallest keys stay."""
    keys = np.concatenate([part.keys for part in parts])
    keep = np.argsort(keys, kind="stable")[:size]

    def column(name: str) -> NDArray[np.generic]:
        rows: NDArray[np.generic] = np.concatenate([getattr(part, name) for part in parts])[keep]
        rows.setflags(write=False)
        return rows

    names = ("history", "around", "followed", "who", "when")
    columns = {name: column(name) for name in names}
    return Moments(lags=parts[0].lags, count=count, keys=keys[keep], **columns)  # type: ignore[arg-type]
