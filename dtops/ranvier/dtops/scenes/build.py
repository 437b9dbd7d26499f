"""Build a dataset of scenes: each deployment by itself, in parallel; stopped, it goes on where it was."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from ranvier.dtops.scenes.dataset import SceneDataset, begun, said, written
from ranvier.dtops.scenes.recipe import Recipe, Split, deployment

Progress = Callable[[int, int, str], None]
"""Told how many deployments are done, of how many, and which came last."""


def build(
    folder: Path, recipe: Recipe, workers: int | None = None, told: Progress | None = None
) -> SceneDataset:
    """All deployments of a recipe in a folder. Raises InputError where the folder has another dataset.

    A deployment is a pure function of the recipe, its split and its number: any worker, on any machine with
    the folder, may make it.
    """
    dataset = begun(folder, recipe)
    members = recipe.members()
    there = {path.stem for path in (folder / "scenes").glob("*.npz")}
    missing = [
        each for each in members if not any(name.startswith(f"{each[0]}-{each[1]:04d}-") for name in there)
    ]
    done = len(members) - len(missing)
    workers = workers or os.cpu_count() or 1
    # A fresh interpreter each: threads and compiled kernels do not survive a fork.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_alone) as pool:
        begun_jobs = [pool.submit(make, folder, recipe, *each) for each in missing]
        try:
            for job in as_completed(begun_jobs):
                name, cpu_s = job.result()
                done += 1
                said(folder, recipe, "building", cpu_s)
                if told:
                    told(done, len(members), name)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    said(folder, recipe, "complete", 0.0)
    return dataset


def make(folder: Path, recipe: Recipe, split: Split, number: int) -> tuple[str, float]:
    """Simulate and write one deployment; its name and the processor time that it took."""
    from ranvier.dtops.scenes.drawn import drawn
    from ranvier.dtops.scenes.rollout import rollout

    begin = time.process_time()
    chosen = deployment(recipe, split, number)
    scene = drawn(chosen)
    seeds = [chosen.scene_seed + 1 + i for i in range(recipe.runs[split])]
    written(folder, scene, rollout(chosen, scene, seeds, recipe.horizons_s, recipe.warm_s))
    return scene.name, time.process_time() - begin


def _alone() -> None:
    """One thread a worker: small operations are slower on two, and the other core has a worker of its own."""
    import torch

    torch.set_num_threads(1)
