"""Random numbers by name: the draw that an entity makes depends on nothing but the names it is drawn under.

Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3; SC 2011) maps a
128-bit counter and a 64-bit key to 128 random bits. The key is (seed, purpose), the counter (entity, step),
so a draw does not change when other entities come or go, or when periods are computed in another order.
"""

from __future__ import annotations

import zlib
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (0x9E3779B9, 0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)
_ROUNDS = 10
_MASK = 0xFFFFFFFF
_FEW = 16

Words = NDArray[np.uint64]


def philox(counter: tuple[Words, Words, Words, Words], key: tuple[int, int]) -> tuple[Words, ...]:
    """Four arrays of 32 random bits (in uint64) for four arrays of 32-bit counter words and one key."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(_ROUNDS):
        p0, p1 = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c0, c1, c2, c3 = (
            (p1 >> _SHIFT) ^ c1 ^ np.uint64(k0),
            p1 & _LOW,
            (p0 >> _SHIFT) ^ c3 ^ np.uint64(k1),
            p0 & _LOW,
        )
        k0, k1 = (k0 + _WEYL[0]) & 0xFFFFFFFF, (k1 + _WEYL[1]) & 0xFFFFFFFF
    return c0, c1, c2, c3


def philox_one(counter: tuple[int, int, int, int], key: tuple[int, int]) -> tuple[int, int, int, int]:
    """The same function of one counter in plain integers: for a few draws this is quicker than arrays."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(_ROUNDS):
        p0, p1 = c0 * 0xD2511F53, c2 * 0xCD9E8D57
        c0, c1, c2, c3 = (p1 >> 32) ^ c1 ^ k0, p1 & _MASK, (p0 >> 32) ^ c3 ^ k1, p0 & _MASK
        k0, k1 = (k0 + _WEYL[0]) & _MASK, (k1 + _WEYL[1]) & _MASK
    return c0, c1, c2, c3


@lru_cache(maxsize=256)
def _purpose_word(purpose: str) -> int:
    return zlib.crc32(purpose.encode())


def uniforms(seed: int, purpose: str, entity: ArrayLike, step: ArrayLike) -> NDArray[np.float64]:
    """(4, n) numbers uniform in (0, 1): four for each pair of entity and step, which broadcast together."""
    entities, steps = np.broadcast_arrays(np.asarray(entity, np.uint64), np.asarray(step, np.uint64))
    key = ((seed ^ (seed >> 32)) & 0xFFFFFFFF, _purpose_word(purpose))
    if entities.size <= _FEW:
        pairs = zip(entities.ravel().tolist(), steps.ravel().tolist(), strict=True)
        rows = [philox_one((e & _MASK, e >> 32, s & _MASK, s >> 32), key) for e, s in pairs]
        words = np.array(rows, np.float64).reshape(-1, 4).T.reshape(4, *entities.shape)
    else:
        halves = (entities & _LOW, entities >> _SHIFT, steps & _LOW, steps >> _SHIFT)
        words = np.stack(philox(halves, key)).astype(np.float64)
    return (words + 0.5) / 2.0**32


def normals(seed: int, purpose: str, entity: ArrayLike, step: ArrayLike) -> NDArray[np.float64]:
    """(4, n) standard normal numbers by Box and Muller's transform of `uniforms`."""
    a, b, c, d = uniforms(seed, purpose, entity, step)
    near, far = np.sqrt(-2 * np.log(a)), np.sqrt(-2 * np.log(c))
    turn, other = 2 * np.pi * b, 2 * np.pi * d
    return np.stack([near * np.cos(turn), near * np.sin(turn), far * np.cos(other), far * np.sin(other)])


def generator(seed: int, purpose: str, entity: int, step: int) -> np.random.Generator:
    """A generator of one entity's draws in one step: for draws whose number is not known beforehand."""
    key = np.array([seed & 0xFFFFFFFFFFFFFFFF, _purpose_word(purpose)], np.uint64)
    counter = np.array([0, 0, entity, step], np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))
