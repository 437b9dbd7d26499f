"""`bler` for scalars, compiled."""

from __future__ import annotations

import math

from numba import njit

from ranvier.dtops.simulator.kernel_cache import KERNEL

_ROOT2 = math.sqrt(2.0)


@njit(**KERNEL)
def block_error(sinr_db, centre_db, width_db, code_blocks):  # type: ignore[no-untyped-def]
    """1 − (1 − Φ((m − γ)/w))^n, float64."""
    one = 0.5 * math.erfc((sinr_db - centre_db) / (width_db * _ROOT2))
    if one >= 1.0:
        return 1.0
    return -math.expm1(code_blocks * math.log1p(-one))
