"""`ranvier train` and `ranvier evaluate`: surrogates of the simulator. Need the extra `surrogate`."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from ranvier.gateway.cli.output import complain, say
from ranvier.ontology.errors import InputError

Dataset = Annotated[Path, typer.Option(help="Folder of a dataset (`ranvier dataset build`).")]
RUNGS = ("v0",)


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(train)
    app.command()(evaluate)


def train(
    dataset: Dataset,
    rung: Annotated[str, typer.Option(help="Which kind of surrogate: v0 has right marginals.")] = "v0",
    out: Annotated[
        Path | None, typer.Option(help="Folder of the training; the same again goes on with it.")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="At most.")] = 60,
    patience: Annotated[int, typer.Option(min=1, help="Epochs without getting better, then it stops.")] = 10,
    seed: Annotated[int, typer.Option(help="Of weights and shuffling.")] = 1,
    batch: Annotated[int, typer.Option(min=1, help="Scenes in a step.")] = 4,
    threads: Annotated[int, typer.Option(min=1, help="Of torch.")] = 2,
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="The same bits each time, on one thread.")
    ] = False,
    ablations: Annotated[
        bool, typer.Option(help="Also train without the graph and without the link budget.")
    ] = True,
    tracking: Annotated[
        str, typer.Option(help="mlflow (SQLite in the folder), none, or the address of an MLflow server.")
    ] = "mlflow",
) -> None:
    """Train a surrogate, score it on held-out deployments, and write its card. Stopped, it goes on."""
    _needed()
    if rung not in RUNGS:
        raise InputError(f"--rung among {', '.join(RUNGS)}", rung, "choose one of them")
    import torch

    from ranvier.aiops.surrogate.job import Job, run
    from ranvier.aiops.surrogate.training import Recipe
    from ranvier.aiops.tracking.mlflow_tracker import MlflowTracker
    from ranvier.aiops.tracking.port import NoTracker, Tracker
    from ranvier.dtops.scenes.dataset import SceneDataset

    torch.set_num_threads(threads)
    found = SceneDataset(dataset)
    at = out or Path(f"surrogate-{rung}-{found.version}")
    tracker: Tracker = NoTracker()
    if tracking != "none":
        tracker = MlflowTracker(at / "mlflow", at, None if tracking == "mlflow" else tracking)
    recipe = Recipe(
        rung=rung,
        epochs=epochs,
        patience=patience,
        seed=seed,
        batch_scenes=batch,
        deterministic=deterministic,
    )
    try:
        model = run(Job(found, recipe, at, tracker, complain, ablations))
    except KeyboardInterrupt:
        complain(f"stopped; the same command goes on: ranvier train --dataset {dataset} --out {at}")
        raise typer.Exit(130) from None
    say(f"model {model.version} in {at / 'model'}; its card: {at / 'card' / 'card.md'}")


def evaluate(
    model: Annotated[Path, typer.Option(help="Folder of a model (`ranvier train` writes OUT/model).")],
    dataset: Dataset,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the tables and pictures; else printed only.")
    ] = None,
    ablations: Annotated[
        bool, typer.Option(help="Also score the ablations that lie beside the model.")
    ] = True,
) -> None:
    """Score a surrogate on held-out deployments, against the oracle floor and simpler forecasts."""
    _needed()
    import torch

    from ranvier.aiops.surrogate.evaluation_tables import page
    from ranvier.aiops.surrogate.job import evaluation_pictures, graded, written
    from ranvier.aiops.surrogate.model_folder import ABOUT
    from ranvier.aiops.surrogate.predictor import load_predictor
    from ranvier.dtops.scenes.dataset import SceneDataset

    torch.set_num_threads(1)
    chosen = load_predictor(model)
    beside = sorted(each.parent for each in model.parent.glob(f"*/model/{ABOUT}")) if ablations else []
    found = SceneDataset(dataset)
    sums, names, splits = graded(found, [chosen, *map(load_predictor, beside)], complain)
    horizons = [f"{h:g}" for h in chosen.horizons_s]
    lead = f"{chosen.name} {chosen.version} on {found.version}"
    text = page(sums, names, splits, horizons, f"# Evaluation of {lead}")
    say(text)
    if out is not None:
        written(out, "evaluation", text, evaluation_pictures(sums, names, splits, horizons), lead)


def _needed() -> None:
    if missing := [name for name in ("torch", "torch_geometric") if find_spec(name) is None]:
        raise InputError(
            "the extra `surrogate`", f"no {', '.join(missing)}",
            "install it: pip install 'ranvier[surrogate]', or `make surrogate` in a checkout",
        )  # fmt: skip
