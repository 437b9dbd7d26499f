"""What the make targets call: python -m tests.servers install | up | down | status | pin | run -- COMMAND."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from tests.servers.failure import ServerError
from tests.servers.install import install, pin_jars
from tests.servers.recipes import KAFKA, NEO4J, RECIPES
from tests.servers.server import Server
from tests.servers.supervise import left_out_line, make_what_can_be, run_beside_servers
from tests.servers.together import DEFAULT_PORTS, Together

STATE = Path(__file__).resolve().parents[2] / ".servers"


def main() -> int:
    """Do one command; its exit status."""
    asked = _arguments()
    try:
        return int(asked.do(asked))
    except ServerError as error:
        print(f"{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.servers", description=__doc__)
    commands = parser.add_subparsers(required=True)
    commands.add_parser("install", help="make all servers and keep them in the cache").set_defaults(
        do=_install
    )
    up = commands.add_parser(
        "up", help="start all servers, on the ports of the last time if not told otherwise"
    )
    up.set_defaults(do=_up)
    for name in RECIPES:
        up.add_argument(f"--{name}", type=int, metavar="PORT", help=f"default {DEFAULT_PORTS[name]}")
    commands.add_parser("down", help="stop them; their data stays").set_defaults(do=_down)
    commands.add_parser("status", help="what runs, and where").set_defaults(do=_status)
    commands.add_parser("pin", help="write the hashes of the jars that the poms bring").set_defaults(do=_pin)
    run = commands.add_parser(
        "run", help="run a command beside fresh servers, which it finds by its environment"
    )
    run.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND")
    run.set_defaults(do=_run)
    return parser.parse_args()


def _install(_: argparse.Namespace) -> int:
    for recipe in RECIPES.values():
        print(f"{recipe.title} {recipe.version}: {install(recipe)}")
    return 0


def _up(asked: argparse.Namespace) -> int:
    left_out = make_what_can_be(required=False)
    ports = _ports()
    ports |= {name: port for name in RECIPES if (port := getattr(asked, name)) is not None}
    STATE.mkdir(mode=0o700, exist_ok=True)
    (STATE / "ports.json").write_text(json.dumps(ports))
    together = Together(STATE, {name: port for name, port in ports.items() if name not in left_out})
    together.up()
    _print_table(together)
    if left_out:
        print(left_out_line(left_out))
    print(f"\nRanvier on them:  .venv/bin/ranvier --settings {together.settings_file} run")
    print(f"tests on them:    RANVIER_TEST_SERVERS={together.file} make test")
    return 0


def _down(_: argparse.Namespace) -> int:
    killed = Together(STATE, _ports()).down()
    if killed:
        print(f"had to kill {', '.join(killed)}: SIGTERM did not end them")
    print(f"all servers are stopped; their data stays in {STATE}")
    return 0


def _status(_: argparse.Namespace) -> int:
    _print_table(Together(STATE, _ports()))
    return 0


def _pin(_: argparse.Namespace) -> int:
    for recipe in (KAFKA, NEO4J):
        print(pin_jars(recipe))
    return 0


def _run(asked: argparse.Namespace) -> int:
    command = asked.command[1:] if asked.command[:1] == ["--"] else asked.command
    return run_beside_servers(command, required=os.environ.get("CI") == "true")


def _ports() -> dict[str, int]:
    """The ports of the last start, or the usual ones."""
    try:
        return {**DEFAULT_PORTS, **json.loads((STATE / "ports.json").read_text())}
    except FileNotFoundError:
        return dict(DEFAULT_PORTS)


def _print_table(together: Together) -> None:
    line = "{:10}{:10}{:30}{:10}{:>8}{:>9}"
    print(line.format("server", "version", "address", "state", "process", "memory"))
    for server in together.servers.values():
        recipe, pid = server.recipe, server.pid
        if pid is None:
            print(line.format(recipe.title, recipe.version, f"port {server.port}", "stopped", "-", "-"))
            continue
        address = next(iter(server.address().values()))
        state, memory = ("serves" if _serves(server) else "silent"), f"{server.rss_bytes() / 1e6:.0f} MB"
        print(line.format(recipe.title, recipe.version, address, state, pid, memory))


def _serves(server: Server) -> bool:
    try:
        return server.answers()
    except (OSError, ServerError):
        return False


if __name__ == "__main__":
    sys.exit(main())
