"""`ranvier simulate`: runs of the simulator, their pictures and comparisons. Needs the extra `simulator`."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ranvier.gateway.cli.options import AsJson, options_of
from ranvier.gateway.cli.output import complain, field, say, say_json, show

if TYPE_CHECKING:
    from ranvier.dtops.simulator.comparison import Comparison
    from ranvier.dtops.simulator.output.run_folder import RunFolder

simulate = typer.Typer(
    help="Simulate a radio access network: from a scenario to counters, traces and pictures.",
    invoke_without_command=True,
)
Threads = Annotated[int, typer.Option(min=1, help="Realisations that are worked on side by side.")]
Run = Annotated[Path, typer.Argument(help="The folder of a run.")]


def register(app: typer.Typer) -> None:
    """Add this command to the command line."""
    app.add_typer(simulate, name="simulate")


@simulate.callback()
def run(
    context: typer.Context,
    scenario: Annotated[
        str | None, typer.Option(help="A named scenario (`simulate scenarios`) or a YAML file.")
    ] = None,
    slots: Annotated[int, typer.Option(min=1, help="How long: slots, of 1 ms at 15 kHz.")] = 10_000,
    seeds: Annotated[int, typer.Option(min=1, help="How many realisations.")] = 4,
    seed: Annotated[int, typer.Option(help="The first of their seeds.")] = 1,
    scene_seed: Annotated[
        int | None, typer.Option(help="One scene for all realisations: only runs differ; else each its own.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write the run to; by default named after it.")
    ] = None,
    traces: Annotated[bool, typer.Option("--traces", help="Also what each user got in each slot.")] = False,
    backend: Annotated[str, typer.Option(help="compiled, or torch (the reference, slow).")] = "compiled",
    device: Annotated[
        str, typer.Option(help="Where torch works: cpu, or cuda with --backend torch.")
    ] = "cpu",
    threads: Threads = 2,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    as_json: AsJson = False,
) -> None:
    """Simulate a scenario. Interrupted runs go on with --resume --out DIR."""
    if context.invoked_subcommand is not None:
        return
    needed()
    from ranvier.dtops.simulator.output.run_job import Plan, begin
    from ranvier.dtops.simulator.scenario_file import load_scenario
    from ranvier.ontology.errors import InputError

    if resume:
        if out is None:
            raise InputError("--out with --resume", "none", "name the folder of the run")
        with _going_on(context, out):
            folder = _resumed(out, threads, as_json)
    else:
        if scenario is None:
            raise InputError("--scenario NAME or a YAML file", "none", "see `ranvier simulate scenarios`")
        if backend not in ("compiled", "torch"):
            raise InputError("--backend compiled or torch", backend, "choose one of them")
        found = load_scenario(scenario)
        run_id = str(uuid.uuid4())
        at = out or Path(f"simulation-{found.name}-{run_id[:8]}")
        plan = Plan(
            run=run_id, scenario=found, slots=slots, seeds=tuple(range(seed, seed + seeds)), scene_seed=scene_seed,
            start_ns=time.time_ns() // 10**9 * 10**9, backend=backend,  # type: ignore[arg-type]
            threads=threads, traces=traces, device=device,
        )  # fmt: skip
        with _going_on(context, at), _progress(as_json, found.name) as tell:
            folder = begin(plan, at, tell)
    _register(context, folder)
    _tell(folder, as_json)


def _resumed(out: Path, threads: int, quiet: bool) -> RunFolder:
    from ranvier.dtops.simulator.output.run_job import resume

    with _progress(quiet, out.name) as tell:
        return resume(out, threads, tell)


@contextmanager
def _going_on(context: typer.Context, at: Path) -> Iterator[None]:
    """Catalogue a run that is stopped, too; say how to go on where it was interrupted."""
    from ranvier.dtops.simulator.output.run_folder import MANIFEST, RunFolder

    began_ns = time.time_ns()
    try:
        yield
    except BaseException as error:
        manifest = at / MANIFEST
        # A folder that was there before belongs to another run, which was refused.
        if manifest.exists() and manifest.stat().st_mtime_ns >= began_ns:
            _register(context, RunFolder.open(at))
        if isinstance(error, KeyboardInterrupt):
            complain(f"interrupted; go on with: ranvier simulate --resume --out {at}")
        raise


def _register(context: typer.Context, folder: RunFolder) -> None:
    """Put the run and what it made into the catalogue, unless a running platform holds the stores."""
    from ranvier.gateway.bootstrap import open_stores
    from ranvier.gateway.simulation_lineage import record
    from ranvier.ontology.errors import StoreBusy

    settings = options_of(context).settings()
    try:
        with open_stores(settings) as stores:
            record(stores.catalogue, folder.manifest, str(folder.path), time.time_ns(), settings)
    except StoreBusy:
        complain("the stores are in use: the run is in its folder, and not in the catalogue")


def _tell(folder: RunFolder, as_json: bool) -> None:
    from ranvier.dtops.simulator.pictures.run_pictures import table_of

    rows = table_of(folder)
    if as_json:
        kept = {name: folder.manifest[name] for name in ("run", "slots_done", "periods", "digest", "state")}
        say_json({"folder": str(folder.path), **kept, "kpis": rows})
        return
    manifest = folder.manifest
    name, slots, count = manifest["scenario"]["name"], manifest["slots_done"], len(manifest["seeds"])
    title = f"{name}, {slots:,} slots, {count} realisations"
    show(rows, False, [(name, field(name)) for name in rows[0]], title)
    say(f"the run: {folder.path}   pictures: ranvier simulate plot {folder.path}")


@simulate.command()
def scenarios(as_json: AsJson = False) -> None:
    """The named scenarios."""
    needed()
    from ranvier.dtops.simulator.scenario_file import load_scenario, scenario_names

    rows = []
    for name in scenario_names():
        found = load_scenario(name)
        cells = len(found.layout().cells)
        users = found.users.total if found.users.total is not None else found.users.per_cell * cells
        rows.append({"name": name, "cells": cells, "users": users, "description": found.description})
    show(rows, as_json, [(name, field(name)) for name in ("name", "cells", "users", "description")])


@simulate.command()
def schema() -> None:
    """The JSON Schema of scenario files."""
    needed()
    from ranvier.dtops.simulator.scenario import json_schema

    say_json(json_schema())


@simulate.command()
def plot(
    folder: Run,
    pixels: Annotated[int, typer.Option(min=10, help="Of maps, along the longer side.")] = 160,
) -> None:
    """Draw a run: maps of RSRP and SINR, distributions and time series, as PNG and as one page."""
    needed()
    from ranvier.dtops.simulator.output.run_folder import RunFolder
    from ranvier.dtops.simulator.pictures.page import to_html
    from ranvier.dtops.simulator.pictures.run_pictures import pictures_of, table_of

    run = RunFolder.open(folder)
    at = folder / "pictures"
    at.mkdir(exist_ok=True)
    drawn = pictures_of(run, pixels)
    for picture in drawn:
        (at / f"{picture.name}.png").write_bytes(picture.png())
        say(str(at / f"{picture.name}.png"))
    scenario, slots = run.manifest["scenario"], run.manifest["slots_done"]
    lead = f"{slots:,} slots in {len(run.manifest['seeds'])} realisations. {scenario['description']}"
    (at / "index.html").write_text(to_html(scenario["name"], lead, drawn, table_of(run)), "utf-8")
    say(f"the page: {at / 'index.html'}")


@simulate.command()
def publish(context: typer.Context, folder: Run) -> None:
    """Send a run's counters to the platform: simulation feedback, with the run as its origin."""
    needed()
    from tempfile import TemporaryFile

    from ranvier.dtops.simulator.output.feedback import lines
    from ranvier.dtops.simulator.output.run_folder import RunFolder
    from ranvier.gateway.cli.connection import connect

    run = RunFolder.open(folder)
    with TemporaryFile() as events, connect(options_of(context).settings()) as platform:
        events.writelines(lines(run))
        events.seek(0)
        receipt = platform.send("/v1/events/file", events, "application/octet-stream", source="run.ndjson")
        platform.settle()
    for refusal in receipt["refusals"][:3]:
        complain(f"{refusal['position']}: {refusal['reason']}")
    counts = f"{receipt['accepted']:,} reports accepted, {receipt['refused']:,} refused"
    say(f"{counts}; origin run:{run.manifest['run']}.N")


@simulate.command()
def compare(
    a: Run,
    b: Annotated[Path, typer.Argument(help="The folder of another run.")],
    margin: Annotated[
        float, typer.Option(help="What difference does not matter, relative to the mean.")
    ] = 0.05,
    as_json: AsJson = False,
) -> None:
    """Say whether two runs are identical, equivalent within the margin, or different, with the evidence."""
    needed()
    from ranvier.dtops.simulator.comparison import compare as compared
    from ranvier.dtops.simulator.output.run_folder import RunFolder

    _tell_comparison(compared(RunFolder.open(a), RunFolder.open(b), margin), as_json)


def _tell_comparison(found: Comparison, as_json: bool) -> None:
    rows = [
        {
            "kpi": each.kpi, "a": each.mean_a, "b": each.mean_b,
            "difference": each.test and each.test.difference, "low": each.test and each.test.low,
            "high": each.test and each.test.high, "margin": each.test and each.test.margin,
            "p": each.test and each.test.p_value,
            "verdict": each.test.verdict if each.test else "not to be tested",
        }
        for each in found.findings
    ]  # fmt: skip
    if as_json:
        say_json({"verdict": found.verdict, "paired": found.paired, "margin": found.margin, "kpis": rows})
        return
    show(rows, False, [(name, field(name)) for name in rows[0]])
    told = {
        "identical": "identical: all sums are equal, bit for bit",
        "equivalent": f"equivalent within the margin of {found.margin:.1%} (TOST at 5 %)",
        "different": f"different: by more than {found.margin:.1%} in one KPI at least",
        "undecided": "not shown to be equivalent, nor to differ by more than the margin: simulate more seeds",
    }
    say(f"{told[found.verdict]}{', in pairs of equal seeds' if found.paired else ''}")


def needed() -> None:
    """Raises InputError where the extra is not installed."""
    from importlib.util import find_spec

    from ranvier.ontology.errors import InputError

    if missing := [name for name in ("torch", "numba", "matplotlib", "yaml") if find_spec(name) is None]:
        raise InputError(
            "the extra `simulator`", f"no {', '.join(missing)}",
            "install it: pip install 'ranvier[simulator]', or `make simulator` in a checkout",
        )  # fmt: skip


@contextmanager
def _progress(quiet: bool, what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error with the time that is left."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("slots"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True, quiet=quiet), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
