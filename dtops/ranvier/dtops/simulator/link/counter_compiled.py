"""`streams` for scalars, compiled: the same keys bit for bit, the same draws within rounding."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from ranvier.dtops.simulator.kernel_cache import KERNEL

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_THREE, _11, _12 = np.uint64(3), np.uint64(11), np.uint64(12)
_27, _30, _31 = np.uint64(27), np.uint64(30), np.uint64(31)


@njit(**KERNEL, inline="always")
def extend(key, word):  # type: ignore[no-untyped-def]
    """The key (uint64) chained with one more word (an integer of 64 bits); the first key is uint64 0."""
    x = key * _THREE + np.uint64(word) + _GOLDEN
    x = (x ^ (x >> _30)) * _FIRST
    x = (x ^ (x >> _27)) * _SECOND
    return x ^ (x >> _31)


@njit(**KERNEL, inline="always")
def uniform(key):  # type: ignore[no-untyped-def]
    """Uniform in [0, 1)."""
    return np.float64(key >> _11) * 2.0**-53


@njit(**KERNEL, inline="always")
def exponential(key):  # type: ignore[no-untyped-def]
    """Exponential of mean 1."""
    return -math.log((np.float64(key >> _12) + 0.5) * 2.0**-52)
