"""The manual's page of commands, made from the command line: `python -m ranvier.gateway.cli_page`."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from typing import Any

import typer.main

from ranvier.gateway.cli.main import app

_HEAD = """# The command line

    ranvier [options] COMMAND [arguments]

While a platform runs on the folder, commands ask it through its HTTP API; else they open the stores
themselves. Either way the answers are the same. `--json` prints what the API answers. Errors are one line on
standard error, and the exit status is 1; a wrong option gives 2. This page is made by
`python -m ranvier.gateway.cli_page`.

`CELL` stands for a managed object, as `ranvier topology list` shows it.
"""

EXAMPLES = {
    "run": (
        "ranvier run --port 8321",
        "ranvier run --feed drive-tests.zip --speed 20",
        "ranvier run --no-feed",
        "ranvier run --model simulator",
        "ranvier run --model surrogate --surrogate MODEL",
        "ranvier --settings servers.toml run --profile servers",
    ),
    "ingest": (
        "ranvier ingest pm/",
        "ranvier ingest drive-tests.zip --replay-speed 10",
        "ranvier --profile servers ingest --processes 2",
    ),
    "backtest": (
        "ranvier backtest drive-tests.zip --forecasts theirs.parquet --page report.html",
        "ranvier backtest pm/ --model surrogate --surrogate MODEL",
        "ranvier backtest pm/ --quantity RRU.PrbTotDl --horizon-s 900 --horizon-s 3600",
    ),
    "simulate": (
        "ranvier simulate --scenario uma-57 --slots 60000 --seeds 8 --out RUN",
        "ranvier simulate --scenario mine.yaml --slots 10000 --scene-seed 7 --traces --out RUN",
        "ranvier simulate --resume --out RUN",
    ),
    "simulate scenarios": ("ranvier simulate scenarios",),
    "simulate schema": ("ranvier simulate schema",),
    "simulate plot": ("ranvier simulate plot RUN",),
    "simulate publish": ("ranvier simulate publish RUN",),
    "simulate compare": ("ranvier simulate compare RUN OTHER --margin 0.05",),
    "dataset build": (
        "ranvier dataset build --recipe standard --out DATASET",
        "ranvier dataset build --recipe small --out SMALL --workers 2",
    ),
    "dataset show": ("ranvier dataset show DATASET",),
    "dataset floor": ("ranvier dataset floor DATASET",),
    "train": (
        "ranvier train --dataset DATASET --out SURROGATE",
        "ranvier train --dataset DATASET --out SURROGATE --seed 2 --deterministic",
    ),
    "evaluate": ("ranvier evaluate --model SURROGATE/model --dataset DATASET --out EVALUATION",),
    "serve": (
        "ranvier serve --model surrogate/ --replicas 2",
        "ranvier --settings serving.toml serve",
    ),
    "status": ("ranvier status", "ranvier --folder /var/lib/ranvier status --json"),
    "topology list": ("ranvier topology list --class NRCellDU --as-of 2026-01-31T12:00:00Z",),
    "topology show": ("ranvier topology show CELL --hops 2",),
    "topology history": ("ranvier topology history UE=probe-1",),
    "series list": ("ranvier series list",),
    "series points": (
        "ranvier series points CELL RRU.PrbTotDl --from 2026-01-31T12:00:00Z --downsample 3600",
    ),
    "forecast list": ("ranvier forecast list --quantity RRU.PrbTotDl --model statistical --horizon-s 60",),
    "forecast outcomes": ("ranvier forecast outcomes CELL RRU.PrbTotDl --horizon-s 60",),
    "forecast issue": ("ranvier forecast issue CELL RRU.PrbTotDl --horizon-s 30 --horizon-s 60",),
    "fidelity": ("ranvier fidelity --model statistical", "ranvier fidelity --quantity RRU.PrbTotDl --json"),
    "deadletter list": ("ranvier deadletter list --limit 10",),
    "deadletter show": ("ranvier deadletter show 0-17",),
    "deadletter replay": ("ranvier deadletter replay 0-17", "ranvier deadletter replay"),
    "catalogue list": ("ranvier catalogue list",),
    "catalogue show": ("ranvier catalogue show DATASET --dcat",),
    "catalogue lineage": ("ranvier catalogue lineage DATASET",),
    "ontology check": ("ranvier ontology check",),
    "ontology show": ("ranvier ontology show RRU.PrbTotDl",),
    "migrate": ("ranvier --settings servers.toml migrate --to servers",),
}
"""A command to its examples. Every command needs one."""


def commands() -> Iterator[tuple[str, Any]]:
    """Every command by its full name, in the order of the command line."""
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        if hasattr(command, "commands"):
            if getattr(command, "invoke_without_command", False):
                yield name, command
            yield from ((f"{name} {inner}", found) for inner, found in command.commands.items())
        else:
            yield name, command


def page() -> str:
    """The page in Markdown: each command with its arguments, its options and an example."""
    root = typer.main.get_command(app)
    parts = [_HEAD, "## Options before the command\n", _table(root.params)]
    for name, command in commands():
        parts += [f"## {name}\n", inspect.cleandoc(command.help or "") + "\n"]
        parts += [_table(command.params)] if command.params else []
        parts += ["```console", *EXAMPLES[name], "```\n"]
    return "\n".join(parts).rstrip() + "\n"


def _table(params: list[Any]) -> str:
    rows = [_row(param) for param in params if "--help" not in param.opts]
    return "\n".join(["| | | default |", "|---|---|---|", *rows, ""])


def _row(param: Any) -> str:
    if param.param_type_name == "argument":
        name, text = param.name.upper(), getattr(param, "help", None) or ""
    else:
        name, text = ", ".join(param.opts), param.help or ""
    default = (
        "" if param.default is None or param.default is False or param.default == () else f"`{param.default}`"
    )
    if param.required:
        default = "required"
    return f"| `{name}` | {text.replace('|', chr(92) + '|')} | {default} |"


if __name__ == "__main__":
    sys.stdout.write(page())
