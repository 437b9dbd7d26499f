"""Means and deviations of the columns, fitted on the train split alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ranvier.aiops.surrogate.features import Features
from ranvier.ontology.errors import InputError

Floats = NDArray[np.float64]
FAR = 6.0
"""Deviations from the mean beyond which a value is no further: of other networks than those that were learned."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """Node type to names, means and deviations of its columns, (d,) each."""

    names: dict[str, tuple[str, ...]]
    mean: dict[str, Floats]
    deviation: dict[str, Floats]

    @classmethod
    def fitted(cls, many: Iterable[Features]) -> Scaling:
        """The moments of the known values of all the scenes. Raises InputError without a scene."""
        sums: dict[str, Floats] = {}
        names: dict[str, tuple[str, ...]] = {}
        for each in many:
            names = each.names
            for kind, values in each.columns.items():
                known = np.isfinite(values)
                clean = np.where(known, values, 0.0)
                added = np.stack([known.sum(axis=0), clean.sum(axis=0), (clean**2).sum(axis=0)])
                sums[kind] = sums.get(kind, 0.0) + added
        if not sums:
            raise InputError("scenes to fit the scaling on", "none", "build the train split first")
        mean = {k: s[1] / np.maximum(s[0], 1) for k, s in sums.items()}
        variance = {k: np.maximum(s[2] / np.maximum(s[0], 1) - mean[k] ** 2, 0.0) for k, s in sums.items()}
        return cls(names, mean, {k: np.where(v > 1e-12, np.sqrt(v), 1.0) for k, v in variance.items()})

    def applied(self, found: Features) -> dict[str, NDArray[np.float32]]:
        """Scaled columns, and after them a mask: 1 where a row has any missing value. Raises InputError."""
        if found.names != self.names:
            raise InputError("the columns that were learned", "others", "train again, with this version")
        out = {}
        for kind, values in found.columns.items():
            scaled = np.clip((values - self.mean[kind]) / self.deviation[kind], -FAR, FAR)
            missing = ~np.isfinite(scaled)
            mask = missing.any(axis=1, keepdims=True)
            out[kind] = np.concatenate([np.where(missing, 0.0, scaled), mask], axis=1).astype(np.float32)
        return out

    def to_tree(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            kind: {
                "names": list(self.names[kind]), "mean": self.mean[kind].tolist(),
                "deviation": self.deviation[kind].tolist(),
            }
            for kind in self.names
        }  # fmt: skip

    @classmethod
    def from_tree(cls, tree: dict[str, Any]) -> Scaling:
        """The inverse of `to_tree`."""
        return cls(
            {k: tuple(v["names"]) for k, v in tree.items()}, {k: np.array(v["mean"]) for k, v in tree.items()},
            {k: np.array(v["deviation"]) for k, v in tree.items()},
        )  # fmt: skip
