"""`ranvier`: the command line. Each command imports what it needs when it runs, so that `--help` is quick."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.main

from ranvier.gateway.cli import ask, backtest, dataset, feed, keep, migrate, serve, simulate, train
from ranvier.gateway.cli.options import Options, Profile
from ranvier.gateway.cli.output import complain, say
from ranvier.ontology.errors import RanvierError

app = typer.Typer(
    name="ranvier",
    help="A digital twin of a mobile network that knows how wrong it is.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        say(version("ranvier"))
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    settings: Annotated[Path | None, typer.Option(help="Settings file in TOML (docs/settings.md).")] = None,
    folder: Annotated[Path | None, typer.Option(help="Folder of the embedded stores.")] = None,
    profile: Profile = None,
    version: Annotated[  # noqa: ARG001
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options that come before the command."""
    context.obj = Options(settings, folder, profile)


for module in (feed, backtest, simulate, dataset, train, serve, ask, keep, migrate):
    module.register(app)


def _help_of(arguments: list[str]) -> str | None:
    """The help of `COMMAND … --help`; None for anything else.

    The parser would first read the options before the command, for which Typer imports pydantic: half a second.
    """
    if arguments[-1:] != ["--help"]:
        return None
    command: Any = typer.main.get_command(app)
    context = command.context_class(command, info_name="ranvier")
    for name in arguments[:-1]:
        command = getattr(command, "commands", {}).get(name)
        if command is None:
            return None
        context = command.context_class(command, info_name=name, parent=context)
    return str(command.get_help(context))


def main() -> None:
    """Run the command line; a Ranvier error is one clear line and exit status 1."""
    try:
        told = _help_of(sys.argv[1:])
        if told is not None:
            say(told)
            return
        app()
    except RanvierError as error:
        complain(f"ranvier: {error}")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)


if __name__ == "__main__":
    main()
