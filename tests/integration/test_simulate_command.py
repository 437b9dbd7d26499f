"""`ranvier simulate` as its user runs it: a run, its pictures, comparisons, an interruption, and refusals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCENARIO = """
deployment: {kind: hexagonal_grid, sites: 1, wraparound: false}
users: {per_cell: 4}
traffic: [{share: 1, service: {kind: ftp3, files_per_s: 2}}]
granularity_s: 0.2
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("simulate")
    (made / "tiny.yaml").write_text(SCENARIO)
    return made


def ranvier(folder: Path, *arguments: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "ranvier.gateway.cli.main", *arguments], cwd=folder, capture_output=True, text=True,
        check=False, timeout=280, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code == 0 else done.stderr


@pytest.fixture(scope="module")
def run(folder: Path) -> Path:
    ranvier(folder, "simulate", "--scenario", "tiny.yaml", "--slots", "1000", "--seeds", "3", "--out", "A")
    return folder / "A"


def test_a_run_is_told_and_catalogued(folder: Path, run: Path) -> None:
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["state"] == "COMPLETE"
    assert (manifest["slots_done"], manifest["periods"]) == (1000, 5)
    listed = json.loads(ranvier(folder, "catalogue", "list", "--json"))
    assert f"simulation-{manifest['run']}" in {each["id"] for each in listed}


def test_the_same_seeds_are_identical_and_others_are_not(folder: Path, run: Path) -> None:
    ranvier(folder, "simulate", "--scenario", "tiny.yaml", "--slots", "1000", "--seeds", "3", "--out", "B")
    ranvier(
        folder,
        "simulate",
        "--scenario",
        "tiny.yaml",
        "--slots",
        "1000",
        "--seeds",
        "3",
        "--seed",
        "50",
        "--out",
        "C",
    )
    same, other = (json.loads(ranvier(folder, "simulate", "compare", "A", b, "--json")) for b in ("B", "C"))
    assert same["verdict"] == "identical"
    assert other["verdict"] != "identical"
    assert not other["paired"]
    assert {each["kpi"] for each in other["kpis"]} >= {"prb_percent", "power_w"}


def test_its_counters_enter_the_platform_as_feedback_and_never_as_observed(folder: Path, run: Path) -> None:
    told = ranvier(folder, "simulate", "publish", "A")
    # Three realisations of three cells in DU and CU and one element, five periods; and the pairs of handovers.
    assert int(told.split()[0].replace(",", "")) >= 3 * 7 * 5
    assert ", 0 refused" in told
    cell = "SubNetwork=tiny,ManagedElement=site-1,GNBDUFunction=1,NRCellDU=site-1-1"
    assert json.loads(ranvier(folder, "series", "points", cell, "RRU.PrbTotDl", "--json")) == []


def test_its_pictures_are_png_and_one_page_without_requests(folder: Path, run: Path) -> None:
    ranvier(folder, "simulate", "plot", "A", "--pixels", "24")
    pictures = sorted((run / "pictures").glob("*.png"))
    assert {each.stem for each in pictures} >= {"map-rsrp", "map-sinr", "cdf-sinr", "series-prb_percent"}
    assert all(each.read_bytes().startswith(b"\x89PNG") for each in pictures)
    page = (run / "pictures" / "index.html").read_text()
    assert "prefers-color-scheme: dark" in page
    assert "http" not in page.replace("http-equiv", "")


def test_an_interrupted_run_says_how_to_go_on_and_ends_as_if_it_had_not_been(folder: Path, run: Path) -> None:
    command = [sys.executable, "-m", "ranvier.gateway.cli.main", "simulate", "--scenario", "tiny.yaml"]
    begun = subprocess.Popen(
        [*command, "--slots", "60000", "--seeds", "3", "--out", "D"], cwd=folder, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        # Where the tests run in the background of a shell, interrupts are ignored, and that is inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )  # fmt: skip
    manifest = folder / "D" / "manifest.json"
    end = time.monotonic() + 200
    while time.monotonic() < end and not (
        manifest.exists() and json.loads(manifest.read_text())["periods"] > 1
    ):
        time.sleep(0.05)
    begun.send_signal(signal.SIGINT)
    _, told = begun.communicate(timeout=60)
    assert begun.returncode == 130
    assert "--resume --out D" in told
    stopped = json.loads(manifest.read_text())
    assert stopped["state"] == "ABORT"
    lineage = ranvier(folder, "catalogue", "lineage", f"simulation-{stopped['run']}")
    assert "ABORT" in lineage
    # Shorten what is left: the plan is in the manifest.
    manifest.write_text(json.dumps({**stopped, "slots": stopped["slots_done"] + 200}))
    ranvier(folder, "simulate", "--resume", "--out", "D")
    finished = json.loads(manifest.read_text())
    assert finished["state"] == "COMPLETE"
    ranvier(
        folder,
        "simulate",
        "--scenario",
        "tiny.yaml",
        "--slots",
        str(finished["slots"]),
        "--seeds",
        "3",
        "--out",
        "E",
    )
    assert json.loads((folder / "E" / "manifest.json").read_text())["digest"] == finished["digest"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("simulate",), "--scenario NAME"),
        (("simulate", "--scenario", "nowhere"), "got nowhere"),
        (("simulate", "--scenario", "tiny.yaml", "--out", "A"), "an empty folder for the run"),
        (("simulate", "--resume"), "--out with --resume"),
        (("simulate", "--scenario", "tiny.yaml", "--backend", "abacus"), "--backend compiled or torch"),
        (("simulate", "plot", "nowhere"), "a run's folder with a manifest.json"),
        (("simulate", "compare", "A", "nowhere"), "a run's folder with a manifest.json"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(
    folder: Path, run: Path, arguments: tuple[str, ...], told: str
) -> None:
    error = ranvier(folder, *arguments, code=1)
    assert told in error
    assert "\n" not in error.strip()
