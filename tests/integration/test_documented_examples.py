"""Every example of the manual runs as it stands, against a platform with a small emulated network.

A page's blocks run in its order, in one shell that stops at the first failure. What is put in place of what is
written is declared in `RULES`; what cannot run is marked in the page (`<!-- not run: why -->`) and counted here.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import scene_double

ROOT = Path(__file__).resolve().parents[2]
RANVIER = Path(sys.executable).parent / "ranvier"
BLOCK = re.compile(r"(<!-- not run: .+? -->\n)?^```(sh|python)\n(.*?)^```$", re.M | re.S)
METRIC = re.compile(r"\branvier_[a-z0-9_]+[a-z0-9]\b")
NOT_RUN = {
    "README.md": 4, "docs/operators.md": 2, "docs/decisions.md": 0, "docs/sre.md": 0, "docs/api.md": 0,
    "docs/simulator.md": 0, "docs/serving.md": 1,
}  # fmt: skip
"""The pages whose examples run, and how many of each page's blocks cannot."""

CURL = 'curl() { command curl --fail-with-body --no-progress-meter --max-time 30 "$@"; }\n'
EMULATED = {
    "RANVIER_FEED__EMULATED_SITES": "2", "RANVIER_FEED__PERIOD_S": "2", "RANVIER_FEED__BACKFILL_S": "60",
    "RANVIER_FIDELITY__BLOCK_S": "2", "RANVIER_TWIN__GRACE_S": "1", "RANVIER_API__PORT": "0",
    "RANVIER_TWIN__ISSUE_EVERY_S": "2", "RANVIER_SURROGATE__LOADER": "tests.scene_double:load",
    "RANVIER_INGEST__MAPPINGS": json.dumps([f"{ROOT}/examples/mappings/phone-log.toml"]),
}  # fmt: skip

PATIENCE_S = 180.0
ASKED_FOR = ("RRU.PrbTotDl", "DRB.UEThpDl")
"""Quantities of a cell whose forecasts the pages ask for."""
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("curl") is None, reason="the examples call curl, which is not here"),
    pytest.mark.xdist_group("documented-examples"),
]


@dataclass(frozen=True)
class Running:
    """A platform that runs for the examples: where it listens, and the folder that they run in."""

    url: str
    folder: Path
    env: dict[str, str]
    rules: tuple[tuple[str, str], ...]

    def script(self, page: str) -> str:
        """The page's blocks as one shell script, after the rules."""
        parts = ["set -euo pipefail\n", CURL]
        for number, (line, language, code) in enumerate(blocks(page)):
            told = code
            for written, meant in self.rules:
                told = told.replace(written, meant)
            parts.append(f"echo '== {page}:{line}'\n")
            if language == "python":
                file = self.folder / f"{Path(page).stem}-{number}.py"
                file.write_text(told)
                parts.append(f"{sys.executable} {file}\n")
            else:
                parts.append(told)
        return "".join(parts)


def blocks(page: str) -> list[tuple[int, str, str]]:
    """The line, the language and the text of each block that can run."""
    text = (ROOT / page).read_text()
    return [
        (text.count("\n", 0, found.start(2)) + 1, found[2], found[3])
        for found in BLOCK.finditer(text)
        if not found[1]
    ]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("examples")
    env = {**os.environ, **EMULATED, "RANVIER_STORE__FOLDER": str(folder / "store"), "OMP_NUM_THREADS": "1"}
    env["RANVIER_SURROGATE__FOLDER"] = str(scene_double.model(folder / "surrogate"))
    env["PYTHONPATH"] = os.pathsep.join(
        [*filter(None, [env.get("PYTHONPATH")]), str(ROOT)]
    )  # finds the loader
    if env.pop("PYTHONDONTWRITEBYTECODE", ""):
        # Else each command compiles all that it imports, which takes longer than all else that it does.
        env["PYTHONPYCACHEPREFIX"] = str(folder / "compiled")
    with (folder / "platform.log").open("w") as said:
        process = subprocess.Popen([RANVIER, "run"], env=env, stdout=said, stderr=subprocess.STDOUT)
        try:
            url = _address(folder / "store" / "running.json", process)
            seen = _awaited(url)
            _lay_out(folder)
            # The shell knows CELL where a page says that it stands for a cell.
            shell = {key: text for key, text in env.items() if key not in EMULATED} | {"CELL": seen["cell"]}
            yield Running(url, folder, shell, _rules(url, seen))
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


def _address(runfile: Path, process: subprocess.Popen[bytes]) -> str:
    end_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < end_s and process.poll() is None:
        if runfile.exists() and runfile.read_text().endswith("}"):
            return str(json.loads(runfile.read_text())["url"])
        time.sleep(0.1)
    raise AssertionError(f"the platform did not come up: {(runfile.parents[1] / 'platform.log').read_text()}")


def _awaited(url: str) -> dict[str, str]:
    """Wait until there is all that the examples speak of: forecasts with outcomes, and a dead letter."""
    bad = {"content": b"no event", "headers": {"Content-Type": "application/x-ndjson"}}
    with httpx.Client(base_url=url, timeout=30, trust_env=False) as api:
        api.post("/v1/events", **bad).raise_for_status()  # type: ignore[arg-type]
        end_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < end_s:
            figures: dict[str, Any] = api.get("/v1/live/snapshot").json()["figures"]
            letters = api.get("/v1/deadletters", params={"limit": 1}).json()["items"]
            page = api.get("/v1/topology", params={"class": "NRCellDU", "limit": 2}).json()
            if (
                figures["forecasts_scored"]
                and letters
                and _issued(api, page)
                and api.get("/readyz").is_success
            ):
                dataset = api.get("/v1/catalogue").json()["items"][0]["id"]
                return {
                    "cell": page["items"][0]["id"], "next": page["next"], "letter": letters[0]["id"],
                    "dataset": dataset,
                }  # fmt: skip
            time.sleep(0.2)
    raise AssertionError(f"nothing was scored within {PATIENCE_S:g} s: {figures}")


def _issued(api: httpx.Client, page: dict[str, Any]) -> bool:
    """Whether the first cell has forecasts of what the examples ask for."""
    asked = [{"object_id": node["id"], "quantity": name} for node in page["items"][:1] for name in ASKED_FOR]
    found = [api.get("/v1/forecasts", params={**each, "limit": 1}).json()["items"] for each in asked]
    return bool(found) and all(found)


def _lay_out(folder: Path) -> None:
    """The files that the examples name, where they name them."""
    (folder / "examples").symlink_to(ROOT / "examples")
    telemetry = ROOT / "examples" / "telemetry"
    copies = {
        "A20260101.0000+0000-0015+0000_gnb-1.xml": "A20260101.0000+0000-0015+0000_gnb-1.xml",
        "A20260131.1200.xml.gz": "A20260101.0000+0000-0015+0000_gnb-1.xml",
        "fault.json": "fault.json", "ves.json": "fault.json", "events.ndjson": "events.ndjson",
        "drive.csv": "phone-log.csv",
    }  # fmt: skip
    for name, original in copies.items():
        shutil.copy(telemetry / original, folder / name)
    backup = ("from ranvier.fabric.ledger.parquet import ParquetLedger; from pathlib import Path; "
              "ParquetLedger(Path('backup/ledger')).close()")  # fmt: skip
    subprocess.run([sys.executable, "-c", backup], cwd=folder, check=True)


def _rules(url: str, seen: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """What the pages write, and what is meant by it here."""
    return (
        ("http://127.0.0.1:8321", url),
        (".venv/bin/ranvier", str(RANVIER)),
        ("python3 -c", f"{sys.executable} -c"),
        ("cursor=$NEXT", f"cursor={seen['next']}"),
        ("deadletters/0-17", f"deadletters/{seen['letter']}"),
        ("catalogue/ID", f"catalogue/{seen['dataset']}"),
        ("topology/ManagedElement=1,GNBDUFunction=1,NRCellDU=3", f"topology/{seen['cell']}"),
        ('"ManagedElement=1,GNBDUFunction=1,NRCellDU=3", "quantity"', f'"{seen["cell"]}", "quantity"'),
        ("UE=1", "UE=probe-1"),
        ("&from=2026-01-31T12:00:00Z", f"&from={time.time_ns() - 3600 * 10**9}"),
    )


@pytest.mark.parametrize("page", sorted(NOT_RUN))
def test_every_example_of_a_page_runs(page: str, running: Running) -> None:
    done = subprocess.run(
        ["bash"], input=running.script(page), cwd=running.folder, env=running.env, text=True,
        capture_output=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-2000:]}"
    assert "== " in done.stdout


@pytest.mark.parametrize("page", sorted(NOT_RUN))
def test_what_does_not_run_is_marked_and_counted(page: str) -> None:
    found = [bool(each[1]) for each in BLOCK.finditer((ROOT / page).read_text())]
    assert found, "the page has no examples"
    assert sum(found) == NOT_RUN[page], "blocks marked as not run"


@pytest.mark.parametrize("page", ["docs/sre.md", "docs/api.md", "examples/prometheus-rules.yml"])
def test_every_metric_that_a_page_names_is_exported(page: str, running: Running) -> None:
    exported = set(METRIC.findall(httpx.get(f"{running.url}/metrics", trust_env=False).text))
    named = set(METRIC.findall((ROOT / page).read_text()))
    assert named
    assert named - exported == set()
