"""`ranvier backtest`: the referee on the user's own files. It needs no running platform and no stores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ranvier.gateway.cli.options import AsJson
from ranvier.gateway.cli.output import say

if TYPE_CHECKING:
    from ranvier.dtops.ports import Predictor
    from ranvier.dtops.referee.report import Report
    from ranvier.gateway.twin_models import TwinModel

Several = Annotated[
    list[str] | None, typer.Option("--quantity", help="Quantity to forecast; may be given again.")
]


def register(app: typer.Typer) -> None:
    """Add this command to the command line."""
    app.command()(backtest)


def backtest(
    path: Annotated[Path, typer.Argument(help="File, folder or zip of your telemetry.")],
    forecasts: Annotated[
        Path | None, typer.Option(help="A third party's forecasts, Parquet (docs/backtest.md).")
    ] = None,
    predictor: Annotated[
        list[str] | None, typer.Option(help="Your own Predictor, as module:Class; may be given again.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="A model of the twin beside the baselines: simulator or surrogate.")
    ] = None,
    surrogate: Annotated[
        Path | None, typer.Option(help="Folder of a trained surrogate, for --model surrogate.")
    ] = None,
    quantity: Several = None,
    horizon_s: Annotated[
        list[float] | None, typer.Option(help="Horizon in seconds; may be given again.")
    ] = None,
    page: Annotated[Path, typer.Option(help="Where to write the page.")] = Path("backtest.html"),
    markdown: Annotated[
        Path | None, typer.Option(help="Write the table between the markers of this Markdown file.")
    ] = None,
    delivery_delay_s: Annotated[
        float, typer.Option(help="A counter file is known so long after its last period, seconds.")
    ] = 60.0,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap and the randomised PIT.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Referee forecasts on your files: who was how right, how sure that is, and what the data cannot tell."""
    from ranvier.dtops.referee.backtest import Plan
    from ranvier.dtops.referee.backtest import backtest as referee
    from ranvier.gateway.bootstrap import predictors
    from ranvier.ontology.ontology import load

    ontology = load()
    twin = _twin_model(model, surrogate)
    contenders = [*predictors(ontology), *(_own(name) for name in predictor or ())]
    contenders += [] if twin is None else [twin.predictor]
    plan = Plan(
        quantities=tuple(quantity) if quantity else None,
        horizons_s=tuple(horizon_s) if horizon_s else None,
        delivery_delay_s=delivery_delay_s,
        seed=seed,
        partial=() if twin is None else (twin.predictor.name,),
        followed=None if twin is None else twin.followed,
    )
    with _progress(quiet=as_json) as tell:
        report = referee(path, contenders, ontology, plan, theirs=forecasts, progress=tell)
    _publish(report, page, markdown, as_json)


def _publish(report: Report, page: Path, markdown: Path | None, as_json: bool) -> None:
    from ranvier.dtops.referee import report_page, report_text
    from ranvier.gateway.cli.output import console

    page.write_text(report_page.to_html(report))
    if markdown is not None:
        report_text.write_markdown(report, markdown)
    if as_json:
        say(report.to_json())
        return
    console().print(report_text.table_of(report))
    say(f"the page with pictures: {page}")


def _twin_model(model: str | None, surrogate: Path | None) -> TwinModel | None:
    """The twin's model of that name, as the settings have it otherwise."""
    from ranvier.gateway.settings import load_settings
    from ranvier.gateway.twin_models import model_of

    return model_of(load_settings(None, twin={"model": model, "surrogate_folder": surrogate}).twin)


def _own(name: str) -> Predictor:
    """The user's own predictor, from module:Class. Raises InputError that says what is wrong."""
    import importlib
    import sys

    from ranvier.ontology.errors import InputError

    module, _, attribute = name.partition(":")
    sys.path.insert(0, "")
    try:
        made: Predictor = getattr(importlib.import_module(module), attribute)()
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise InputError(
            "module:Class of a Predictor that is made without arguments", f"{name!r}: {error}",
            "see examples/predictor.py",
        ) from None  # fmt: skip
    return made


@contextmanager
def _progress(quiet: bool) -> Iterator[Callable[[str, float], None]]:
    """A bar on standard error, so that standard output holds the table alone."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:40.40}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True, quiet=quiet), transient=True) as bar:
        task = bar.add_task("starting", total=1.0)
        yield lambda what, share: bar.update(task, description=what, completed=share)
