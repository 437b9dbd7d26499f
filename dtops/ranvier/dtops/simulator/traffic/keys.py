"""Keys of arrivals' draws: chains of `streams`, in a compiled form on processors and in torch elsewhere.

Torch takes some sixty operations for a chain, each with its own overhead, for a few hundred users at a time.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ranvier.dtops.simulator import streams
from ranvier.dtops.simulator.seeds import Seeds
from ranvier.dtops.simulator.traffic import keys_compiled


def user_keys(seeds: Seeds, purpose: str, user: Tensor) -> Tensor:
    """(R, U) int64 keys of the run for users (U,)."""
    word = streams.purpose(purpose)
    if user.device.type != "cpu":
        return seeds.run_keys(word, user[None])
    found = np.empty((len(seeds), len(user)), dtype=np.uint64)
    keys_compiled.user_keys(_words(seeds.run), _word(word), _words(user), found)
    return torch.from_numpy(found.view(np.int64))


def run_keys(seeds: Seeds, purpose: str, user: Tensor, number: Tensor) -> Tensor:
    """(R, U, n) int64 keys of the run for users (U,) and numbers (n,)."""
    word = streams.purpose(purpose)
    if user.device.type != "cpu":
        return seeds.run_keys(word, user[None, :, None], number[None, None])
    found = np.empty((len(seeds), len(user), len(number)), dtype=np.uint64)
    keys_compiled.run_keys(_words(seeds.run), _word(word), _words(user), _words(number), found)
    return torch.from_numpy(found.view(np.int64))


def again(key: Tensor, word: int) -> Tensor:
    """int64 keys: each of `key` (…) chained with one more word, of 0 or more."""
    if key.device.type != "cpu":
        return streams.chain(key, word)
    flat = _words(key.reshape(-1))
    found = np.empty(len(flat), dtype=np.uint64)
    keys_compiled.again(flat, np.uint64(word), found)
    return torch.from_numpy(found.view(np.int64)).reshape(key.shape)


def _word(signed: int) -> np.uint64:
    return np.uint64(signed & (2**64 - 1))


def _words(tensor: Tensor) -> np.ndarray:
    return tensor.contiguous().numpy().view(np.uint64)
