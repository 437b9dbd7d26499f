"""Every command of `ranvier`, with and without --json: asked of a running platform, then of its stores.

What a command prints has one shape whoever answers; an error is one line and exit status 1.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ranvier.gateway.cli import main as command_line
from ranvier.gateway.cli_page import EXAMPLES

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("main-job")]
KPI = "RRU.PrbTotDl"


class Answer(NamedTuple):
    """What a call of the command line came to."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def called(folder: Path, *arguments: str) -> Answer:
    """`ranvier --folder folder …` in this process."""
    from contextlib import redirect_stderr, redirect_stdout
    from io import StringIO

    out, err = StringIO(), StringIO()
    before, sys.argv = sys.argv, ["ranvier", "--folder", str(folder), *arguments]
    try:
        with redirect_stdout(out), redirect_stderr(err):
            command_line.main()
            status = 0
    except SystemExit as left:
        status = int(left.code or 0)
    finally:
        sys.argv = before
    return Answer(status, out.getvalue(), err.getvalue())


class Known(NamedTuple):
    """What the tests may name: learned from the running platform."""

    cell: str
    letter: str
    dataset: str


@pytest.fixture(scope="module")
def platform(run_platform: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A platform that has issued, scored and refused something."""
    running = run_platform(tmp_path_factory.mktemp("stores"))
    bad = running.folder.parent / "bad.jsonl"
    bad.write_text(
        '{"specversion": "1.0", "id": "1", "type": "nothing.we.know", "source": "x", "data": {}}\n'
    )
    running.wait(lambda: running.figures()["forecasts_scored"] > 0)
    running.wait(lambda: _issued(running, KPI, "persistence"))
    running.wait(lambda: bool(called(running.folder, "fidelity", "--quantity", KPI, "--json").json))
    running.ingested = called(running.folder, "ingest", str(bad), "--json")
    running.wait(lambda: bool(running.get("/v1/deadletters").json()["items"]))
    return running


def _issued(running: Any, quantity: str, model: str) -> bool:
    """Whether the cell that the tests ask for has a forecast: not every quantity gets its first at once."""
    cell = _cell(running.folder, quantity)
    asked = ["forecast", "outcomes", cell, quantity, "--model", model, "--json"]
    return bool(cell and called(running.folder, *asked).json)


def _cell(folder: Path, quantity: str) -> str:
    """The first that has a series of it; empty while none has."""
    series = called(folder, "series", "list", "--limit", "500", "--json").json
    return next((each["object_id"] for each in series if each["quantity"] == quantity), "")


@pytest.fixture(scope="module", params=["running", "stopped"])
def folder(platform: Any, request: pytest.FixtureRequest) -> Path:
    """The folder of the stores; in the second round nothing runs on it any more."""
    if request.param == "stopped":
        assert platform.stop(signal.SIGINT) == 0
    return platform.folder


@pytest.fixture(scope="module")
def known(folder: Path) -> Known:
    letter = called(folder, "deadletter", "list", "--json").json[0]["id"]
    return Known(_cell(folder, KPI), letter, called(folder, "catalogue", "list", "--json").json[0]["id"])


LISTS = {
    "topology list": ["topology", "list"],
    "topology of a class": ["topology", "list", "--class", "NRCellDU", "--limit", "3"],
    "topology history": ["topology", "history", "{cell}"],
    "series list": ["series", "list"],
    "series points": ["series", "points", "{cell}", KPI, "--limit", "5"],
    "downsampled points": ["series", "points", "{cell}", KPI, "--downsample", "10"],
    "forecast list": ["forecast", "list", "--quantity", KPI, "--limit", "4"],
    "forecast outcomes": ["forecast", "outcomes", "{cell}", KPI, "--model", "persistence"],
    "forecast issue": ["forecast", "issue", "{cell}", KPI, "--horizon-s", "1", "--horizon-s", "3"],
    "fidelity": ["fidelity", "--quantity", KPI],
    "deadletter list": ["deadletter", "list"],
    "deadletter replay": ["deadletter", "replay", "{letter}"],
    "catalogue list": ["catalogue", "list"],
}
OBJECTS = {
    "status": ["status"],
    "topology show": ["topology", "show", "{cell}"],
    "deadletter show": ["deadletter", "show", "{letter}"],
    "ontology show": ["ontology", "show"],
    "one quantity": ["ontology", "show", KPI],
}


def filled(arguments: list[str], known: Known) -> list[str]:
    return [argument.format(**known._asdict()) for argument in arguments]


@pytest.mark.parametrize("name", [*LISTS, *OBJECTS])
def test_every_command_prints_a_table_and_json(folder: Path, known: Known, name: str) -> None:
    arguments = filled({**LISTS, **OBJECTS}[name], known)
    table = called(folder, *arguments)
    assert table.status == 0, table.err
    assert table.out.strip()
    assert "Traceback" not in table.err
    answer = called(folder, *arguments, "--json")
    assert answer.status == 0, answer.err
    assert isinstance(answer.json, list if name in LISTS else dict)
    if name in LISTS:
        assert answer.json, "the stores hold some of each"


@pytest.mark.parametrize(
    "arguments", [["show", "{dataset}"], ["show", "{dataset}", "--dcat"], ["lineage", "{dataset}"]]
)
def test_the_catalogue_answers_in_json(folder: Path, known: Known, arguments: list[str]) -> None:
    answer = called(folder, "catalogue", *filled(arguments, known))
    assert answer.status == 0, answer.err
    assert isinstance(answer.json, dict)


def test_status_says_whether_it_runs(folder: Path, platform: Any) -> None:
    runs = platform.process.poll() is None
    answer = called(folder, "status", "--json").json
    assert answer["running"] is runs
    assert all(store["ok"] for store in answer["stores"])
    assert answer["newest_forecast"]
    assert (answer["ready"] is None, answer["figures"] is None) == (not runs, not runs)
    told = called(folder, "status").out
    assert told.startswith("running\n" if runs else "not running")
    assert ("points_accepted" in told, "ready\n" in told) == (runs, runs)
    assert answer["newest_forecast"][:19] in told


def test_limits_are_kept_and_cursors_followed(folder: Path) -> None:
    assert len(called(folder, "topology", "list", "--limit", "3", "--json").json) == 3
    everything = called(folder, "topology", "list", "--limit", "5000", "--json").json
    names = [node["id"] for node in everything]
    assert len(set(names)) == len(names) > 3


@pytest.mark.parametrize(
    "arguments",
    [
        ["topology", "show", "NRCellDU=nowhere"],
        ["deadletter", "show", "no-such-letter"],
        ["catalogue", "show", "no-such-dataset"],
        ["ontology", "show", "NoSuchTerm"],
        ["series", "points", "NRCellDU=1", KPI, "--from", "yesterday"],
        ["forecast", "issue", "NRCellDU=nowhere", KPI, "--horizon-s", "1"],
        ["ingest", "no/such/file"],
    ],
)
def test_an_error_is_one_line_and_status_1(folder: Path, arguments: list[str]) -> None:
    answer = called(folder, *arguments)
    assert answer.status == 1
    assert answer.out == ""
    assert len(answer.err.strip().splitlines()) == 1, answer.err
    assert answer.err.startswith("ranvier: expected ")


def test_an_unknown_option_is_a_usage_error(folder: Path) -> None:
    answer = called(folder, "status", "--no-such-option")
    assert answer.status == 2
    assert "--no-such-option" in answer.err


def test_a_file_is_taken_in_and_its_bad_records_are_told(folder: Path, platform: Any) -> None:
    assert platform.ingested.json[-1] == {"file": "total", "accepted": 0, "refused": 1}
    again = called(folder, "ingest", str(folder.parent / "bad.jsonl"))
    assert again.status == 0
    assert "nothing.we.know" in again.err
    assert len(called(folder, "deadletter", "list", "--json").json) >= 1


# ---------------------------------------------------------------- without any platform
GROUPS = sorted({name.split()[0] for name in EXAMPLES if " " in name})


def test_help_needs_no_heavy_import() -> None:
    """Of the command line and of each command, all in one process that has none of these afterwards."""
    heavy = ("pydantic", "duckdb", "fastapi", "pyarrow", "numpy", "httpx", "uvicorn")
    probe = (
        "import sys\n"
        "from ranvier.gateway.cli.main import main\n"
        f"for words in {[name.split() for name in ('', *EXAMPLES, *GROUPS)]}:\n"
        "    sys.argv = ['ranvier', *words, '--help']\n"
        "    try: main()\n"
        "    except SystemExit as left: assert not left.code\n"
        f"print([name for name in {heavy} if name in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip() == "[]"
    commands = "run ingest backtest status topology series forecast fidelity deadletter catalogue ontology"
    for command in commands.split():
        assert f"\n  {command}" in done.stdout
    for name in ("", *EXAMPLES, *GROUPS):
        assert f"Usage: ranvier {name}".rstrip() + " [OPTIONS]" in done.stdout


def test_a_folder_without_stores_has_nothing_and_says_so(tmp_path: Path) -> None:
    assert called(tmp_path, "topology", "list", "--json").json == []
    assert "nothing found" in called(tmp_path, "fidelity").out
    assert called(tmp_path, "status", "--json").json["running"] is False


def test_the_shipped_ontology_holds(tmp_path: Path) -> None:
    answer = called(tmp_path, "ontology", "check", "--json")
    assert answer.status == 0
    assert [finding for finding in answer.json if finding["severity"] == "error"] == []


def test_wrong_settings_are_one_line(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("[twin]\nstep_s = -1\n")
    answer = called(tmp_path, "--settings", str(wrong), "status")
    assert answer.status == 1
    assert answer.err.count("\n") == 1
    assert "twin.step_s" in answer.err


@pytest.mark.parametrize("command", [["topology", "list"], ["run", "--for-s", "1"]])
def test_a_folder_that_cannot_hold_stores_is_one_line(tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/ranvier"), Path("/proc")):
        answer = called(folder, *command)
        assert answer.status == 1
        assert answer.err.count("\n") == 1
        assert f"at {folder}" in answer.err
        assert "--folder" in answer.err


def test_a_platform_that_no_longer_answers_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    (tmp_path / "running.json").write_text(json.dumps({"pid": os.getpid(), "url": url}))
    answer = called(tmp_path, "status")
    assert answer.status == 1
    assert answer.err.count("\n") == 1
    assert url in answer.err
    assert "try again" in answer.err


def test_a_run_file_of_a_process_that_is_gone_is_not_believed(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (tmp_path / "running.json").write_text(json.dumps({"pid": gone.pid, "url": "http://127.0.0.1:9"}))
    assert called(tmp_path, "status", "--json").json["running"] is False
