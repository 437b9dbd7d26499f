"""Scenes as tensors, made once: what training and its check go over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from ranvier.aiops.surrogate.features import features
from ranvier.aiops.surrogate.graph import batched, graph, with_outcomes
from ranvier.aiops.surrogate.loss import Units
from ranvier.aiops.surrogate.scaling import Scaling
from ranvier.dtops.scenes.dataset import SceneDataset
from ranvier.ontology.errors import InputError


@dataclass(frozen=True, slots=True)
class Examples:
    """The train and validation splits of a dataset. A scene of 21 cells and 200 users takes some 200 kB."""

    train: list[Any]
    validation: list[Any]
    scaling: Scaling
    units: Units
    horizons_s: tuple[float, ...]

    @classmethod
    def of(cls, dataset: SceneDataset) -> Examples:
        """Scaling and units are fitted on train alone. Raises InputError where a split is empty."""
        read = {split: list(dataset.of(split)) for split in ("train", "validation")}
        if missing := [split for split, found in read.items() if not found]:
            raise InputError(
                f"scenes in the split {missing[0]}", "none", "let the build go on: ranvier dataset build"
            )
        found = {split: [features(each.scene) for each in examples] for split, examples in read.items()}
        scaling = Scaling.fitted(found["train"])
        horizons_s = read["train"][0].outcomes.horizons_s
        made = {
            split: [
                with_outcomes(graph(example.scene, scaling, horizons_s, each), example.outcomes)
                for example, each in zip(read[split], found[split], strict=True)
            ]
            for split in read
        }
        units = Units.of(example.outcomes for example in read["train"])
        return cls(made["train"], made["validation"], scaling, units, horizons_s)

    def columns(self) -> dict[str, int]:
        """Node type to how many columns it has."""
        return {kind: self.train[0][kind].x.shape[1] for kind in ("cell", "ue")}


def batches(scenes: list[Any], size: int, generator: torch.Generator | None) -> Iterator[Any]:
    """Batches of `size` scenes, in the order of the generator's permutation; without one, as they are."""
    order = torch.randperm(len(scenes), generator=generator).tolist() if generator else range(len(scenes))
    order = list(order)
    for begin in range(0, len(order), size):
        # Runs differ in number between splits, never within one.
        yield batched([scenes[i] for i in order[begin : begin + size]])
