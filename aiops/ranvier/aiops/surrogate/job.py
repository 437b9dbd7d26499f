"""A training from a dataset to a model with its card: train, ablate, score on what was held out, look inside."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ranvier.aiops.surrogate import inspection, model_folder, pictures
from ranvier.aiops.surrogate.evaluation import Sums, crps_ratio, evaluated
from ranvier.aiops.surrogate.evaluation_tables import QUANTILE_KPIS, page
from ranvier.aiops.surrogate.examples import Examples
from ranvier.aiops.surrogate.export import PROGRAM, exported
from ranvier.aiops.surrogate.model_card import card
from ranvier.aiops.surrogate.predictor import SurrogatePredictor, load_predictor
from ranvier.aiops.surrogate.rivals import rivals
from ranvier.aiops.surrogate.training import History, Recipe, ablated, train
from ranvier.aiops.tracking.port import Tracker
from ranvier.dtops.scenes.dataset import SceneDataset
from ranvier.dtops.scenes.forecast import ScenePredictor
from ranvier.dtops.scenes.recipe import Split
from ranvier.dtops.simulator.pictures.figure import Picture
from ranvier.dtops.simulator.pictures.page import to_html
from ranvier.ontology.errors import InputError

HELD_OUT: tuple[Split, ...] = ("known", "unseen")
Told = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be trained, where, and who is told.

    ablations  train also without the graph, and without the link budget
    """

    dataset: SceneDataset
    recipe: Recipe
    folder: Path
    tracker: Tracker
    told: Told
    ablations: bool = True


def run(job: Job) -> SurrogatePredictor:
    """Do it all; what was done before is not done again. The tracker is told how it ended."""
    job.folder.mkdir(parents=True, exist_ok=True)
    examples = Examples.of(job.dataset)
    about = _about(job, examples)
    job.tracker.begin(f"{job.recipe.rung} on {job.dataset.version}", {
        "dataset": job.dataset.version, **{k: str(v) for k, v in asdict(job.recipe).items()},
    })  # fmt: skip
    try:
        history = train(examples, job.recipe, job.folder, about, _told(job, ""))
        others: list[ScenePredictor] = []
        for name, recipe in (ablated(job.recipe) if job.ablations else {}).items():
            at = job.folder / name.replace(" ", "-")
            train(examples, recipe, at, {**about, "name": name}, _told(job, f"{name}: "))
            others.append(load_predictor(at / "model"))
        model = load_predictor(job.folder / "model")
        _graded(job, examples, about, history, model, others)
    except KeyboardInterrupt:
        job.tracker.end("killed")
        raise
    except BaseException:
        job.tracker.end("failed")
        raise
    job.tracker.end("finished")
    return model


def graded(
    dataset: SceneDataset, models: Sequence[ScenePredictor], told: Told, splits: Sequence[Split] = HELD_OUT
) -> tuple[Sums, list[str], list[Split]]:
    """Sums over the held-out splits, the models' names, and the splits that have deployments.

    The rivals are fitted on the dataset's train split. Raises InputError where nothing is held out.
    """
    every = [*models, *rivals(dataset.of("train"))]
    present = [split for split in splits if dataset.names(split)]
    if not present:
        raise InputError(
            f"held-out scenes ({', '.join(splits)})", "none", "let the build go on: ranvier dataset build"
        )
    sums = Sums()
    for split in present:
        evaluated(dataset, split, every, lambda n, of, name, s=split: told(f"{s} {n}/{of} {name}"), sums)  # type: ignore[misc]
    return sums, [each.name for each in every], present


def scores(
    sums: Sums, model: str, splits: Sequence[str], horizons: Sequence[str]
) -> dict[str, dict[str, dict[str, float]]]:
    """Split to horizon to KPI to CRPS over the floor."""
    return {
        split: {
            h: {kpi: crps_ratio(sums, model, split, kpi, h).value for kpi in QUANTILE_KPIS} for h in horizons
        }
        for split in splits
    }


def evaluation_pictures(
    sums: Sums, models: Sequence[str], splits: Sequence[str], horizons: Sequence[str]
) -> list[Picture]:
    """All pictures of an evaluation; the first model is the one that is evaluated."""
    found = []
    for split in splits:
        found += [
            pictures.ratios(sums, models, split), pictures.reliability(sums, models[0], split),
            pictures.ranks(sums, models[0], split), pictures.events(sums, models[0], split, horizons),
        ]  # fmt: skip
    return found


def written(folder: Path, name: str, text: str, shown: Sequence[Picture], lead: str) -> list[Path]:
    """`NAME.md`, `NAME.html` with the pictures, and each picture as PNG."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.md", folder / f"{name}.html"]
    paths[0].write_text(text)
    paths[1].write_text(to_html(name.capitalize(), lead, shown))
    for each in shown:
        for dress in ("light", "dark"):
            path = folder / f"{each.name}{'-dark' if dress == 'dark' else ''}.png"
            path.write_bytes(each.png(dress))
            paths.append(path)
    return paths


def _graded(
    job: Job, examples: Examples, about: dict[str, Any], history: History, model: SurrogatePredictor,
    others: Sequence[ScenePredictor],
) -> None:  # fmt: skip
    sums, names, splits = graded(job.dataset, [model, *others], job.told)
    horizons = [f"{h:g}" for h in examples.horizons_s]
    network, _, _ = model_folder.load(job.folder / "model")
    job.told("what it leans on")
    studies = {
        "What it leans on: a group exchanged between nodes": inspection.importance(
            network, examples, job.recipe
        ),
        "Gaps: a group that is missing": inspection.gaps(network, examples, job.recipe),
        "Noise on what is given": inspection.noise(network, examples, job.dataset, job.recipe),
    }
    parameters = sum(each.numel() for each in network.parameters())
    text = card(
        {**about, "version": model.version, "parameters": parameters}, job.recipe, history, sums, names, splits,
        horizons, {split: job.dataset.names(split) for split in splits}, studies,
    )  # fmt: skip
    shown = [
        pictures.curves(history), *evaluation_pictures(sums, names, splits, horizons),
        *(pictures.bars(f"study-{i}", title, found) for i, (title, found) in enumerate(studies.items(), 1)),
    ]  # fmt: skip
    lead = f"{model.name} {model.version}, trained on {job.dataset.version}"
    for path in written(job.folder / "card", "card", text, shown, lead):
        job.tracker.artifact(path)
    tables = page(sums, names, splits, horizons, f"# Evaluation of {lead}")
    (job.folder / "card" / "evaluation.md").write_text(tables)
    (job.folder / "card" / "scores.json").write_text(
        json.dumps(scores(sums, model.name, splits, horizons), indent=1)
    )
    job.tracker.artifact(job.folder / "card" / "evaluation.md")
    exported(network, examples.validation[0], job.folder / "model" / PROGRAM)
    for file in (model_folder.ABOUT, model_folder.WEIGHTS, PROGRAM):
        job.tracker.artifact(job.folder / "model" / file)


def _about(job: Job, examples: Examples) -> dict[str, Any]:
    names = job.dataset.names("train")
    kinds = sorted({name.split("-", 2)[2] for name in names})
    return {
        "name": "surrogate", "dataset": job.dataset.version,
        "trained_on": {
            "scenes": len(names), "kinds": kinds,
            "cells": sum(len(each["cell"].x) for each in examples.train),
            "users": sum(len(each["ue"].x) for each in examples.train),
            "runs": int(examples.train[0]["ue"].y_rsrp_dbm.shape[2]),
        },
    }  # fmt: skip


def _told(job: Job, head: str) -> Callable[[int, History], None]:
    def told(epoch: int, history: History) -> None:
        job.told(
            f"{head}epoch {epoch}/{job.recipe.epochs}: train {history.train[-1]:.4f}, validation"
            f" {history.validation[-1]:.4f} (best {np.min(history.validation):.4f}), {history.seconds[-1]:.0f} s"
        )
        prefix = head.replace(": ", "/")
        job.tracker.metrics({
            f"{prefix}loss/train": history.train[-1], f"{prefix}loss/validation": history.validation[-1],
            **{f"{prefix}validation/{k}": v for k, v in history.by_kpi[-1].items()},
        }, epoch)  # fmt: skip

    return told
