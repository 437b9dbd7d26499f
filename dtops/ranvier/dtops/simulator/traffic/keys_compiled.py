"""Keys of draws, compiled for processors: the same as those of `streams`, bit for bit."""

from __future__ import annotations

import numpy as np
from numba import njit

from ranvier.dtops.simulator.link.counter_compiled import extend

_NONE = np.uint64(0)


@njit(cache=True, error_model="numpy", nogil=True)
def run_keys(seed, purpose, user, number, out):  # type: ignore[no-untyped-def]
    """Fill `out` (R, U, n) uint64 with the chains of seed (R,), purpose, user (U,) and number (n,)."""
    for r in range(len(seed)):
        of_purpose = extend(extend(_NONE, seed[r]), purpose)
        for u in range(len(user)):
            of_user = extend(of_purpose, user[u])
            for n in range(len(number)):
                out[r, u, n] = extend(of_user, number[n])


@njit(cache=True, error_model="numpy", nogil=True)
def user_keys(seed, purpose, user, out):  # type: ignore[no-untyped-def]
    """Fill `out` (R, U) uint64 with the chains of seed (R,), purpose and user (U,)."""
    for r in range(len(seed)):
        of_purpose = extend(extend(_NONE, seed[r]), purpose)
        for u in range(len(user)):
            out[r, u] = extend(of_purpose, user[u])


@njit(cache=True, error_model="numpy", nogil=True)
def again(key, word, out):  # type: ignore[no-untyped-def]
    """Fill `out` (n,) uint64 with the chains of key (n,) and one word."""
    for n in range(len(key)):
        out[n] = extend(extend(_NONE, key[n]), word)
