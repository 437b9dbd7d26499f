"""Build a dataset of scenes: each deployment by itself, in parallel; stopped, it goes on where it was.

A deployment is a pure function of the recipe, its split and its number, worked out on one thread, and its file is
whole or not there. So the dataset is the same, bit for bit, whatever the number of workers and of interruptions.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from ranvier.dtops.scenes.crew import worked
from ranvier.dtops.scenes.dataset import SceneDataset, begun, said, tidied, whole, written
from ranvier.dtops.scenes.recipe import Recipe, Split, deployment, name_of

Progress = Callable[[int, int, str], None]
"""Told how many deployments are done, of how many, and which came last ("" at the begin)."""
Member = tuple[Split, int]


def build(
    folder: Path, recipe: Recipe, workers: int | None = None, told: Progress | None = None
) -> SceneDataset:
    """All deployments of a recipe in a folder; those that are there and whole are kept.

    Raises InputError where the folder has another dataset, RanvierError where a deployment cannot be made.
    """
    dataset = begun(folder, recipe)
    members = recipe.members()
    missing = [each for each in members if not whole(folder, name_of(*each))]
    done = len(members) - len(missing)
    if told:
        told(done, len(members), "")
    job = partial(_job, folder, recipe)
    for member, cpu_s in worked(job, missing, workers or os.cpu_count() or 1, _told):
        done += 1
        said(folder, recipe, "building", cpu_s)
        if told:
            told(done, len(members), name_of(*member))
    tidied(folder)
    said(folder, recipe, "complete", 0.0)
    return dataset


def make(folder: Path, recipe: Recipe, split: Split, number: int) -> tuple[str, float]:
    """Simulate and write one deployment; its name and the processor time that it took, seconds."""
    from ranvier.dtops.scenes.drawn import drawn
    from ranvier.dtops.scenes.rollout import rollout

    begin = time.process_time()
    chosen = deployment(recipe, split, number)
    scene = drawn(chosen)
    seeds = [chosen.scene_seed + 1 + i for i in range(recipe.runs[split])]
    written(folder, scene, rollout(chosen, scene, seeds, recipe.horizons_s, recipe.warm_s))
    return scene.name, time.process_time() - begin


def _job(folder: Path, recipe: Recipe, member: Member) -> float:
    """One thread a worker: small operations are slower on two, and the other core has a worker of its own."""
    import torch

    torch.set_num_threads(1)
    return make(folder, recipe, *member)[1]


def _told(member: Member) -> str:
    return f"the deployment {name_of(*member)} to be simulated"
