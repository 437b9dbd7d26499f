"""`information` for scalars, compiled."""

from __future__ import annotations

import numpy as np
from numba import njit

from ranvier.dtops.simulator.kernel_cache import KERNEL
from ranvier.dtops.simulator.link import information as form

_FRACTION_BITS, _FIRST_NODE, _NODES = form.FRACTION_BITS, form.FIRST_NODE, form.NODES
_MASK, _UNIT = (1 << form.FRACTION_BITS) - 1, 2.0**-form.FRACTION_BITS
_LOWEST, _HIGHEST = (
    np.float32(2.0**form.LOWEST_EXPONENT),
    np.float32(float(2**form.HIGHEST_EXPONENT) * (1 - 2.0**-24)),
)
_SCALE, _LARGEST = 2.0**-form.LOWEST_EXPONENT, form.LARGEST
_FIRST_STEP = 1 << (form.NODES - 1).bit_length() - 1


@njit(**KERNEL, inline="always")
def place_of(sinr):  # type: ignore[no-untyped-def]
    """The node below a linear SINR (float32) and how far (0 to 1) it is to the next; NaN is nowhere.

    Below the table the first line is prolonged: the place is −1, the way the part of the lowest node's SINR.
    """
    if not sinr >= _LOWEST:
        return np.int64(-1), np.float64(sinr) * _SCALE
    bits = np.int64(np.float32(min(np.float32(sinr), _HIGHEST)).view(np.int32))
    return (bits >> _FRACTION_BITS) - _FIRST_NODE, np.float64(bits & _MASK) * _UNIT


@njit(**KERNEL, inline="always")
def between(place, after, curve):  # type: ignore[no-untyped-def]
    """I at a place of the modulation's curve (NODES,)."""
    if place < 0:
        return after * curve[0]
    return curve[place] + after * (curve[place + 1] - curve[place])


@njit(**KERNEL, inline="always")
def mutual_information(sinr, curve):  # type: ignore[no-untyped-def]
    """I per coded bit (float64) of a linear SINR (float32) by the modulation's curve (NODES,) float64."""
    place, after = place_of(sinr)
    return between(place, after, curve)


@njit(**KERNEL)
def sinr_of_information(information, curve, nodes):  # type: ignore[no-untyped-def]
    """The linear SINR (float64) with this information; nodes is `information.node_sinr()`."""
    wanted = min(information, _LARGEST)
    if wanted < curve[0]:
        return wanted / curve[0] * nodes[0]
    place, step = 0, _FIRST_STEP
    while step:
        ahead = min(place + step, _NODES - 1)
        if curve[ahead] <= wanted:
            place = ahead
        step >>= 1
    place = min(place, _NODES - 2)
    low, high = curve[place], curve[place + 1]
    return nodes[place] + (wanted - low) / (high - low) * (nodes[place + 1] - nodes[place])
