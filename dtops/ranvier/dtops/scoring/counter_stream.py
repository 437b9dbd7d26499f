"""Counter-based randomness: the same draw for the same entity, whatever the order or the batch.

A draw is a hash of (seed, what it is for, who experiences it, their counter): splitmix64's finaliser
(Steele, Lea & Flood 2014), chained over the keys.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def mix(x: Keys) -> Keys:
    """splitmix64's finaliser: a bijection of 64-bit words in which every input bit moves every output bit."""
    with np.errstate(over="ignore"):
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(x ^ (x >> np.uint64(31)))


def chain(*parts: Keys | NDArray[np.int64] | int) -> Keys:
    """One key from several, broadcast against each other; order matters."""
    key = np.zeros(1, dtype=np.uint64)
    with np.errstate(over="ignore"):
        for part in parts:
            word = np.asarray(part).astype(np.uint64) if not isinstance(part, int) else _word(part)
            key = mix(key * np.uint64(3) + word + _GOLDEN)
    return key


def _word(number: int) -> Keys:
    return np.asarray([number & 0xFFFFFFFFFFFFFFFF], dtype=np.uint64)


def name_key(*names: str) -> int:
    """A stable 64-bit key of a name, the same in every process."""
    return int.from_bytes(hashlib.blake2b("\x1f".join(names).encode(), digest_size=8).digest(), "little")


def uniform(keys: Keys) -> NDArray[np.float64]:
    """Uniform in [0, 1), by the upper 53 bits of each key."""
    return np.asarray((keys >> np.uint64(11)).astype(np.float64) * 2.0**-53)


def gamma(shape: NDArray[np.float64], keys: Keys) -> NDArray[np.float64]:
    """Gamma draws of scale 1, one for each key; `shape` > 0 is broadcast to the keys.

    Marsaglia & Tsang (2000) on shape + 1, scaled by U^(1/shape). Each attempt is accepted with more than 95 %,
    so that sixteen fail with a probability below 1e-20; then the mean stands in.
    """
    d = shape + 1 - 1 / 3
    found = np.broadcast_to(d, keys.shape).astype(np.float64)
    open_ = np.ones(keys.shape, dtype=bool)
    for attempt in range(16):
        u, v, w = (uniform(chain(keys, 4 * attempt + i)) for i in range(3))
        normal = np.sqrt(-2 * np.log1p(-u)) * np.cos(2 * np.pi * v)
        cube = np.maximum((1 + normal / np.sqrt(9 * d)) ** 3, 1e-300)
        kept = open_ & (np.log1p(-w) < normal**2 / 2 + d - d * cube + d * np.log(cube))
        found = np.where(kept, d * cube, found)
        open_ &= ~kept
    return np.asarray(found * (1 - uniform(chain(keys, 99))) ** (1 / shape))
