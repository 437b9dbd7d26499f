"""`ranvier dataset`: build datasets of scenes, and say what they hold. Needs the extra `simulator`."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ranvier.gateway.cli.options import AsJson, options_of
from ranvier.gateway.cli.output import complain, field, say, say_json, show
from ranvier.gateway.cli.simulate import needed

if TYPE_CHECKING:
    from ranvier.dtops.scenes.dataset import SceneDataset
    from ranvier.dtops.scenes.recipe import Recipe
    from ranvier.dtops.scenes.summary import Mean, SplitSummary
    from ranvier.fabric.catalogue.run import RunState
    from ranvier.gateway.dataset_lineage import Build

dataset = typer.Typer(
    help="Datasets that surrogates learn from: scenes, and what the simulator makes of them.",
    no_args_is_help=True,
)
Folder = Annotated[Path, typer.Argument(help="The folder of a dataset.")]


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.add_typer(dataset, name="dataset")


@dataset.command()
def build(
    context: typer.Context,
    out: Annotated[
        Path, typer.Option(help="Folder to write to; a build that was interrupted goes on there.")
    ],
    recipe: Annotated[str, typer.Option(help="standard, large or small (docs/datasets.md).")] = "standard",
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Processes side by side; as many as there are cores if not given."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Simulate all deployments of a recipe. Interrupted with Ctrl-C, the same command goes on.

    The dataset is the same, bit for bit, whatever the number of workers and of interruptions.
    """
    needed()
    from ranvier.dtops.scenes.build import build as built

    chosen = _recipe(recipe)
    with _catalogued(context, out, chosen), _progress(as_json) as tell:
        made = built(out, chosen, workers, tell)
    rows = [{"dataset": str(out), "version": made.version, "deployments": len(chosen.members()),
             "cpu_s": made.manifest["cpu_s"]}]  # fmt: skip
    show(rows, as_json, [(name, field(name)) for name in rows[0]])


@dataset.command("show")
def describe(folder: Folder, as_json: AsJson = False) -> None:
    """What a dataset holds: its splits, and of each KPI the mean and the part that is missing."""
    needed()
    found, splits = _opened(folder)
    manifest = found.manifest
    about = {
        "dataset": str(folder), "version": found.version, "state": manifest["state"],
        "recipe_version": manifest["recipe"]["version"], "horizons_s": manifest["recipe"]["horizons_s"],
        "warm_s": manifest["recipe"]["warm_s"], "cpu_s": manifest["cpu_s"],
        "made_with": manifest.get("made_with", {}),
    }  # fmt: skip
    rows = [_split_row(each) for each in splits]
    kpis = _by_kpi(
        splits, lambda each: each.means, lambda mean: {"mean": mean.value, "missing": mean.missing}
    )
    if as_json:
        say_json({**about, "splits": rows, "kpis": kpis})
        return
    made_with = ", ".join(f"{name} {version}" for name, version in about["made_with"].items()) or "not told"
    say(f"{found.version}, {manifest['state']}, {manifest['cpu_s'] / 3600:.2f} hours of processor time")
    say(f"recipe version {about['recipe_version']}; made with {made_with}")
    show(rows, False, [(name, field(name)) for name in rows[0]])
    show(kpis, False, _columns(splits, _mean_told), "Means, and in brackets the part that is missing")


@dataset.command("floor")
def oracle_floor(folder: Folder, as_json: AsJson = False) -> None:
    """The oracle floor: what no forecast of the simulator can beat, as CRPS (of events the Brier score).

    Half the mean difference of two runs of one scene, over all nodes; of splits with 20 runs or more.
    """
    needed()
    from ranvier.dtops.scoring.floor import FEWEST_RUNS
    from ranvier.ontology.errors import InputError

    _, splits = _opened(folder)
    if not (held := [each for each in splits if each.runs >= FEWEST_RUNS]):
        raise InputError(
            f"a split with {FEWEST_RUNS} runs or more of each deployment",
            ", ".join(f"{each.split} {each.runs}" for each in splits), "build a recipe with more runs",
        )  # fmt: skip
    rows = _by_kpi(
        held, lambda each: each.floors,
        lambda mean: {"floor": mean.value, "situations": mean.known, "of": mean.all},
    )  # fmt: skip
    if as_json:
        say_json(rows)
        return
    show(rows, False, _columns(held, _floor_told), "Oracle floor, and of how many situations")


# ------------------------------------------------------------ building
def _recipe(name: str) -> Recipe:
    from ranvier.dtops.scenes.recipe import RECIPES
    from ranvier.ontology.errors import InputError

    if name not in RECIPES:
        raise InputError(f"--recipe {' or '.join(RECIPES)}", name, "choose one of them")
    return RECIPES[name]


@contextmanager
def _catalogued(context: typer.Context, out: Path, recipe: Recipe) -> Iterator[None]:
    """Catalogue the build however it ends; say how to go on where it was interrupted or failed."""
    from ranvier.gateway.dataset_lineage import Build

    run_id, began_ns = str(uuid.uuid4()), time.time_ns()
    try:
        yield
    except BaseException as error:
        if _is_of(out, recipe):
            ended: RunState = "ABORT" if isinstance(error, KeyboardInterrupt) else "FAIL"
            _register(context, out, Build(run_id, ended, began_ns, str(error)))
            what = "interrupted" if isinstance(error, KeyboardInterrupt) else "stopped"
            complain(f"{what}; go on with: ranvier dataset build --recipe {recipe.name} --out {out}")
        raise
    _register(context, out, Build(run_id, "COMPLETE", began_ns))


def _is_of(out: Path, recipe: Recipe) -> bool:
    """Whether the folder has this recipe's dataset, and not another one that was refused."""
    from ranvier.dtops.scenes.dataset import MANIFEST, SceneDataset

    return (out / MANIFEST).exists() and SceneDataset(out).manifest["digest"] == recipe.digest()


def _register(context: typer.Context, out: Path, build: Build) -> None:
    from ranvier.dtops.scenes.dataset import SceneDataset
    from ranvier.gateway.bootstrap import open_stores
    from ranvier.gateway.dataset_lineage import record
    from ranvier.ontology.errors import StoreBusy

    settings = options_of(context).settings()
    try:
        with open_stores(settings) as stores:
            record(stores.catalogue, SceneDataset(out).manifest, out, build, time.time_ns(), settings)
    except StoreBusy:
        complain("the stores are in use: the dataset is in its folder, and not in the catalogue")


@contextmanager
def _progress(quiet: bool) -> Iterator[Callable[[int, int, str], None]]:
    """A bar on standard error: how many of how many, which came last, and the time that is left."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    # The speed over many deployments: they differ in size.
    bar = Progress(
        BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeElapsedColumn(),
        TextColumn("left"), TimeRemainingColumn(), console=Console(stderr=True, quiet=quiet), transient=True,
        speed_estimate_period=3600,
    )  # fmt: skip
    with bar:
        task = bar.add_task("starting the workers", total=None)

        def tell(done: int, total: int, name: str) -> None:
            bar.update(task, completed=done, total=total, description=name or "starting the workers")

        yield tell


# ------------------------------------------------------------ tables
def _opened(folder: Path) -> tuple[SceneDataset, list[SplitSummary]]:
    from ranvier.dtops.scenes.dataset import SceneDataset
    from ranvier.dtops.scenes.summary import summary

    found = SceneDataset(folder)
    return found, [each for each in summary(found) if each.of]


def _split_row(each: SplitSummary) -> dict[str, Any]:
    cells = f"{each.fewest_cells} to {each.most_cells}"
    return {
        "split": each.split, "deployments": f"{each.deployments} of {each.of}", "cells of one": cells,
        "cells": each.cells, "users": each.users, "runs of each": each.runs, "kinds": ", ".join(each.kinds),
    }  # fmt: skip


def _by_kpi(
    splits: list[SplitSummary], of: Callable[[SplitSummary], dict[tuple[str, int], Mean]],
    told: Callable[[Mean], dict[str, Any]],
) -> list[dict[str, Any]]:  # fmt: skip
    """A row for each KPI and horizon, with what is told of each split."""
    from ranvier.dtops.scenes.outcomes import KPI
    from ranvier.dtops.scenes.summary import keys

    built = [each for each in splits if each.deployments]
    return [
        {"kpi": name, "unit": KPI[name].unit, "horizon_s": built[0].horizons_s[h],
         **{each.split: told(of(each)[name, h]) for each in built}}
        for name, h in (keys(built[0]) if built else ())
    ]  # fmt: skip


def _columns(splits: list[SplitSummary], told: Callable[[dict[str, Any]], str]) -> list[Any]:
    def cell(name: str) -> Callable[[Any], str | None]:
        return lambda row: told(row[name]) if name in row else None

    named = [(name, field(name)) for name in ("kpi", "unit", "horizon_s")]
    return [*named, *((each.split, cell(each.split)) for each in splits)]


def _mean_told(found: dict[str, Any]) -> str:
    if found["mean"] is None:
        return "–"
    return f"{found['mean']:.4g} ({100 * found['missing']:.1f} %)"


def _floor_told(found: dict[str, Any]) -> str:
    return (
        "–"
        if found["floor"] is None
        else f"{found['floor']:.4g} ({found['situations']:,} of {found['of']:,})"
    )
