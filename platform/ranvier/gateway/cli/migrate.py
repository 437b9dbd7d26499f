"""`ranvier migrate`: log, graph and series from the folder to servers, resumable, compared on both sides."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from ranvier.gateway.cli.options import AsJson, options_of
from ranvier.gateway.cli.output import complain, field, say, say_json, show

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from ranvier.fabric.migration.compare import Row


def register(app: typer.Typer) -> None:
    """Add this command to the command line."""
    app.command()(migrate)


def migrate(
    context: typer.Context,
    to: Annotated[str, typer.Option(help="Profile to move to: servers (or embedded).")],
    as_json: AsJson = False,
) -> None:
    """Move log, graph and series to the other profile's stores; ledger and catalogue stay in the folder.

    May be stopped at any point, and run again: it goes on. No platform may run on the folder meanwhile. At the
    end both sides are compared; exit status 1 where they differ.
    """
    from ranvier.gateway import logs
    from ranvier.gateway.runtime.migrating import open_migration

    logs.configure()
    settings = options_of(context).settings()
    with open_migration(settings, to) as migration:
        done_at = migration.done_at()
        if done_at is not None:
            complain(f"moved already, {done_at}, to {migration.target.name}")
            raise typer.Exit(0)
        with _bar(quiet=as_json) as bar:
            rows = migration.run(bar)
    _show(rows, as_json)
    different = [row.what for row in rows if not row.equal]
    if different:
        complain(f"ranvier: expected two sides alike; got differences in {'; '.join(different)}; "
                 f"empty {migration.target.name} and run it again")  # fmt: skip
        raise typer.Exit(1)
    if not as_json:
        say(f"moved to {migration.target.name}")
        say(f"go on with: ranvier run --profile {to}")


def _show(rows: list[Row], as_json: bool) -> None:
    if as_json:
        say_json([row._asdict() for row in rows])
        return
    columns = [(name, field(name)) for name in ("what", "source", "target", "equal")]
    show([row._asdict() for row in rows], False, columns)


class _Bar:
    """One line for each part."""

    def __init__(self, shown: Progress) -> None:
        self._shown = shown
        self._task: TaskID | None = None

    def begin(self, what: str, total: int) -> None:
        """A part begins, of so many."""
        self._task = self._shown.add_task(what, total=total)

    def advance(self, count: int) -> None:
        """So many more of it are done."""
        if self._task is not None:
            self._shown.advance(self._task, count)


@contextmanager
def _bar(quiet: bool) -> Iterator[_Bar]:
    """A progress bar on standard error while inside."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as shown:
        yield _Bar(shown)
