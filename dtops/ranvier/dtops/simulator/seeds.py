"""`Seeds`: what is random once for a scene, and what is random again in each run of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ranvier.dtops.simulator import streams


@dataclass(frozen=True, slots=True)
class Seeds:
    """The seeds of R realisations, (R,) int64 each.

    scene  places of users, line of sight, shadowing and the other large-scale parameters
    run    fast fading, arrivals, motion, decoding: what a forecast of a known scene resamples
    """

    scene: Tensor
    run: Tensor

    @classmethod
    def of(cls, scene: Sequence[int], run: Sequence[int] | None = None) -> Seeds:
        """Seeds of R realisations, one each; `run` is by default the same numbers."""
        words = [torch.tensor([streams.signed(each) for each in given]) for given in (scene, run or scene)]
        return cls(words[0], words[1])

    def to(self, device: torch.device | str) -> Seeds:
        """The same on another device."""
        return Seeds(self.scene.to(device), self.run.to(device))

    def __len__(self) -> int:
        return len(self.scene)

    def scene_keys(self, purpose: int, *parts: Tensor | int) -> Tensor:
        """Keys of draws that belong to the scene; `parts` have R as their first axis, or broadcast to it."""
        return self._keys(self.scene, purpose, parts)

    def run_keys(self, purpose: int, *parts: Tensor | int) -> Tensor:
        """Keys of draws that belong to the run."""
        return self._keys(self.run, purpose, parts)

    def _keys(self, seeds: Tensor, purpose: int, parts: Sequence[Tensor | int]) -> Tensor:
        axes = max((part.dim() for part in parts if isinstance(part, Tensor)), default=1)
        return streams.chain(seeds.reshape(-1, *[1] * (axes - 1)), purpose, *parts)
