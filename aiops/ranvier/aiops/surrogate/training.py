"""Training of a rung: seeded, told of epoch by epoch, stopped early, and taken up where it was killed.

    checkpoint.pt   after each epoch: weights, optimiser, schedule, shuffling, what was best so far
    model/          the best weights by the validation loss, with what they were trained on

A run that was killed and taken up again gives the same weights as one that was not.
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ranvier.aiops.surrogate import model_folder
from ranvier.aiops.surrogate.examples import Examples, batches
from ranvier.aiops.surrogate.loss import loss
from ranvier.aiops.surrogate.network import Network, Shape
from ranvier.dtops.scenes.outcomes import KPI, KPIS
from ranvier.ontology.errors import InputError

CHECKPOINT = "checkpoint.pt"


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a rung is trained.

    batch_runs  of each scene in a step, drawn anew each time; validation takes all
    patience  epochs without a better validation loss after which it stops
    layers, budget   0 layers: no graph; no budget: heads start from nothing (ablations)
    deterministic    only operations that give the same bits each time, on one thread
    """

    rung: str = "v0"
    epochs: int = 60
    patience: int = 10
    batch_scenes: int = 4
    batch_runs: int = 4
    rate: float = 2e-3
    decay: float = 1e-2
    clip: float = 1.0
    seed: int = 1
    width: int = 64
    layers: int = 2
    attention: int = 4
    hidden: int = 160
    budget: bool = True
    dropout: float = 0.2
    deterministic: bool = False


@dataclass(slots=True)
class History:
    """The losses of each epoch: of training, of validation, of validation by KPI, and seconds."""

    train: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    by_kpi: list[dict[str, float]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    @property
    def best(self) -> int:
        """The epoch of the least validation loss, from 0."""
        return min(range(len(self.validation)), key=self.validation.__getitem__)


Told = Callable[[int, History], None]
"""Told after each epoch: its number from 1, and the history so far."""


def train(
    examples: Examples, recipe: Recipe, folder: Path, about: Mapping[str, Any], told: Told | None = None,
    stop_after: int | None = None,
) -> History:  # fmt: skip
    """Train, or go on training, in a folder; its `model/` has the best weights.

    Raises InputError where the folder has a run of another recipe or dataset.

    about       what the model was trained on, for its card
    stop_after  epochs in this call, for tests of taking up
    """
    folder.mkdir(parents=True, exist_ok=True)
    _seeded(recipe)
    network = Network(_shape(examples, recipe))
    run = _Run(network, recipe, examples)
    run.resumed(folder, dict(about))
    done = 0
    while not run.over() and (stop_after is None or done < stop_after):
        begin = time.monotonic()
        train_loss = run.epoch()
        by_kpi = validated(network, examples, recipe)
        run.kept(train_loss, by_kpi, time.monotonic() - begin)
        if run.history.best == len(run.history.validation) - 1:
            model_folder.save(folder / "model", network, examples.scaling, {
                **about, "recipe": asdict(recipe), "epoch": len(run.history.validation),
                "validation_loss": run.history.validation[-1],
            })  # fmt: skip
        run.checkpoint(folder, dict(about))
        done += 1
        if told:
            told(len(run.history.validation), run.history)
    return run.history


def validated(network: Network, examples: Examples, recipe: Recipe) -> dict[str, float]:
    """KPI to its mean loss over the validation split."""
    network.eval()
    total: dict[str, float] = {}
    count = 0
    with torch.no_grad():
        for batch in batches(examples.validation, recipe.batch_scenes, None):
            found = _losses(network, batch, examples)
            count += batch.num_graphs
            for name, value in found.items():
                total[name] = total.get(name, 0.0) + float(value) * batch.num_graphs
    return {name: value / count for name, value in total.items()}


class _Run:
    """A training that goes on: all that a checkpoint keeps."""

    def __init__(self, network: Network, recipe: Recipe, examples: Examples) -> None:
        self.network, self.recipe, self.examples = network, recipe, examples
        self.optimiser = torch.optim.AdamW(network.parameters(), recipe.rate, weight_decay=recipe.decay)
        steps = recipe.epochs * math.ceil(len(examples.train) / recipe.batch_scenes)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimiser, lambda step: _rate(step, steps))
        self.shuffle = torch.Generator().manual_seed(recipe.seed)
        self.history = History()

    def over(self) -> bool:
        done = len(self.history.validation)
        return done >= self.recipe.epochs or (
            done > 0 and done - 1 - self.history.best >= self.recipe.patience
        )

    def epoch(self) -> float:
        self.network.train()
        total, count = 0.0, 0
        for batch in batches(self.examples.train, self.recipe.batch_scenes, self.shuffle):
            runs = batch["ue"].y_rsrp_dbm.shape[2]
            some = torch.randperm(runs, generator=self.shuffle)[: self.recipe.batch_runs]
            found = _total(_losses(self.network, batch, self.examples, some))
            self.optimiser.zero_grad()
            found.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip)
            self.optimiser.step()
            self.schedule.step()
            total += float(found.detach()) * batch.num_graphs
            count += batch.num_graphs
        return total / count

    def kept(self, train_loss: float, by_kpi: dict[str, float], seconds: float) -> None:
        self.history.train.append(train_loss)
        self.history.by_kpi.append(by_kpi)
        self.history.validation.append(sum(by_kpi.values()) / len(by_kpi))
        self.history.seconds.append(seconds)

    def checkpoint(self, folder: Path, about: dict[str, Any]) -> None:
        partial = folder / f"{CHECKPOINT}.partial"
        torch.save({
            "recipe": asdict(self.recipe), "dataset": about.get("dataset"), "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(), "schedule": self.schedule.state_dict(),
            "shuffle": self.shuffle.get_state(),
            "random": torch.get_rng_state(), "history": asdict(self.history),
        }, partial)  # fmt: skip
        partial.replace(folder / CHECKPOINT)
        (folder / "history.json").write_text(json.dumps(asdict(self.history), indent=1))

    def resumed(self, folder: Path, about: dict[str, Any]) -> None:
        """Take up what the folder has, if it is of the same recipe and dataset; more epochs may be asked for."""
        path = folder / CHECKPOINT
        if not path.exists():
            return
        found = torch.load(path, weights_only=True)
        ours, theirs = asdict(self.recipe), dict(found["recipe"])
        theirs |= {name: ours[name] for name in ("patience",)}
        if theirs != ours or found["dataset"] != about.get("dataset"):
            differ = [name for name in ours if ours[name] != theirs.get(name)] or ["dataset"]
            raise InputError(
                f"an empty folder, or a run of this recipe and dataset in {folder}",
                f"one with another {differ[0]}", "choose another folder",
            )  # fmt: skip
        self.network.load_state_dict(found["network"])
        self.optimiser.load_state_dict(found["optimiser"])
        self.schedule.load_state_dict(found["schedule"])
        self.shuffle.set_state(found["shuffle"])
        torch.set_rng_state(found["random"])
        self.history = History(**copy.deepcopy(found["history"]))


def _losses(
    network: Network, batch: Any, examples: Examples, runs: Tensor | None = None
) -> dict[str, Tensor]:
    horizons = range(len(examples.horizons_s))
    outcomes = {}
    for each in KPIS:
        y = batch[each.node][f"y_{each.name}"].flatten(0, 1)
        outcomes[each.name] = y if runs is None else y[:, runs]
    return loss(network(batch, horizons), outcomes, examples.units)


def _total(losses: dict[str, Tensor]) -> Tensor:
    return torch.stack([losses[name] for name in KPI]).mean()


def _shape(examples: Examples, recipe: Recipe) -> Shape:
    return Shape(
        examples.columns(), examples.horizons_s, recipe.width, recipe.layers, recipe.attention, recipe.hidden,
        recipe.budget, recipe.dropout,
    )  # fmt: skip


def _rate(step: int, steps: int) -> float:
    """A twentieth of the steps to rise, then half a cosine down to a fiftieth."""
    warm = max(1, steps // 20)
    if step < warm:
        return (step + 1) / warm
    part = min(1.0, (step - warm) / max(1, steps - warm))
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * part))


def _seeded(recipe: Recipe) -> None:
    torch.manual_seed(recipe.seed)
    if recipe.deterministic:
        torch.use_deterministic_algorithms(True)
        torch.set_num_threads(1)


def ablated(recipe: Recipe) -> dict[str, Recipe]:
    """The same training without one part each: what the part is worth."""
    return {"no graph": replace(recipe, layers=0), "no link budget": replace(recipe, budget=False)}
