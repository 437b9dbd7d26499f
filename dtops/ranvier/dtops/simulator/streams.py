"""Counter-based randomness in torch: the same draw for the same entity, whatever the order, batch or device.

A draw is a hash of (seed, purpose, who experiences it, their counter), the same words as those of
`ranvier.dtops.scoring.counter_stream` (splitmix64's finaliser, chained), in 64-bit integers that torch has
on every device. Who experiences it is a user, a link (user and cell) or a packet, never a serving cell or
the order of slots, so that common random numbers hold when an intervention changes who serves whom.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ranvier.dtops.scoring.counter_stream import name_key

_GOLDEN = 0x9E3779B97F4A7C15 - 2**64
_FIRST = 0xBF58476D1CE4E5B9 - 2**64
_SECOND = 0x94D049BB133111EB - 2**64


def purpose(name: str) -> int:
    """The key of what a draw is for, as a signed 64-bit word."""
    return signed(name_key("simulator", name))


def signed(word: int) -> int:
    """An unsigned 64-bit word as the signed one with the same bits."""
    word &= 2**64 - 1
    return word - 2**64 if word >= 2**63 else word


def _shifted(x: Tensor, bits: int) -> Tensor:
    """The logical right shift."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def mix(x: Tensor) -> Tensor:
    """splitmix64's finaliser on int64 words (Steele, Lea & Flood 2014)."""
    x = (x ^ _shifted(x, 30)) * _FIRST
    x = (x ^ _shifted(x, 27)) * _SECOND
    return x ^ _shifted(x, 31)


def chain(*parts: Tensor | int) -> Tensor:
    """One int64 key from several, broadcast against each other; order matters.

    Equals `counter_stream.chain` bit for bit. At least one part is a tensor; integers are 64-bit words.
    """
    like = next(part for part in parts if isinstance(part, Tensor))
    key = torch.zeros((), dtype=torch.int64, device=like.device)
    for part in parts:
        word = part.to(torch.int64) if isinstance(part, Tensor) else signed(part)
        key = mix(key * 3 + word + _GOLDEN)
    return key


def uniform(keys: Tensor, dtype: torch.dtype = torch.float64) -> Tensor:
    """Uniform in [0, 1): by the upper 53 bits of each key, or the upper 24 for float32."""
    bits = 24 if dtype == torch.float32 else 53
    return _shifted(keys, 64 - bits).to(dtype) * 2.0**-bits


def normal(keys: Tensor) -> Tensor:
    """Standard normal, float64, by the inverse of its distribution function at one uniform each."""
    found: Tensor = torch.special.ndtri(_inside(keys))
    return found


def exponential(keys: Tensor) -> Tensor:
    """Exponential of mean 1, float64."""
    return -torch.log(_inside(keys))


def angle(keys: Tensor) -> Tensor:
    """Uniform in [−π, π), float64."""
    return (uniform(keys) - 0.5) * (2 * math.pi)


def _inside(keys: Tensor) -> Tensor:
    """Uniform in (0, 1): the middles of 2^52 equal parts."""
    return (_shifted(keys, 12).to(torch.float64) + 0.5) * 2.0**-52
