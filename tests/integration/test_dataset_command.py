"""`ranvier dataset` as its user runs it: a build that is interrupted, what it says, and refusals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
RANVIER = [sys.executable, "-m", "ranvier.gateway.cli.main"]


def ranvier(folder: Path, *arguments: str, code: int = 0) -> str:
    done = subprocess.run(
        [*RANVIER, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
        env=environment(),
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code == 0 else done.stderr


def environment() -> dict[str, str]:
    path = os.pathsep.join(os.path.abspath(each) for each in sys.path if each)
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, str]:
    """The folder, exit status and standard error of a build that Ctrl-C ended after its first deployment."""
    folder = tmp_path_factory.mktemp("dataset")
    begun = subprocess.Popen(
        [*RANVIER, "dataset", "build", "--recipe", "small", "--out", "D", "--workers", "1"], cwd=folder,
        stderr=subprocess.PIPE, text=True, env=environment(), start_new_session=True,
        # Where the tests run in the background of a shell, interrupts are ignored, and that is inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )  # fmt: skip
    end = time.monotonic() + 200
    while time.monotonic() < end and not list((folder / "D" / "scenes").glob("*.npz")):
        time.sleep(0.05)
    os.killpg(begun.pid, signal.SIGINT)  # as a terminal does: to all of them
    _, told = begun.communicate(timeout=60)
    return folder, begun.returncode, told


def test_ctrl_c_ends_a_build_at_once_and_says_how_to_go_on(interrupted: tuple[Path, int, str]) -> None:
    _, code, told = interrupted
    assert code == 130
    assert "interrupted; go on with: ranvier dataset build --recipe small --out D" in told
    assert "Traceback" not in told


def test_what_is_there_is_shown(interrupted: tuple[Path, int, str]) -> None:
    folder, _, _ = interrupted
    found = json.loads(ranvier(folder, "dataset", "show", "D", "--json"))
    assert found["state"] == "building"
    assert found["version"].startswith("small-")
    assert sum(int(each["deployments"].split()[0]) for each in found["splits"]) >= 1
    assert {each["kpi"] for each in found["kpis"]} >= {"sinr_db", "prb_percent", "moved"}
    assert "of 12" in ranvier(folder, "dataset", "show", "D")


def test_it_is_catalogued_with_its_fields_and_the_run_that_ended_early(
    interrupted: tuple[Path, int, str],
) -> None:
    folder, _, _ = interrupted
    version = json.loads(ranvier(folder, "dataset", "show", "D", "--json"))["version"]
    assert "ABORT" in ranvier(folder, "catalogue", "lineage", f"scenes-{version}")
    told = ranvier(folder, "catalogue", "show", f"scenes-{version}", "--dcat")
    assert "kpi.rlc_delay_ms" in told
    assert "train 12" in told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("build", "--recipe", "huge", "--out", "X"), "--recipe standard or small"),
        (("build", "--recipe", "standard", "--out", "D"), "choose another folder"),
        (("show", "nowhere"), "make one: ranvier dataset build"),
        (("floor", "nowhere"), "make one: ranvier dataset build"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(
    interrupted: tuple[Path, int, str], arguments: tuple[str, ...], told: str
) -> None:
    folder, _, _ = interrupted
    error = ranvier(folder, "dataset", *arguments, code=1)
    assert told in error
    assert "\n" not in error.strip()
    assert "go on with" not in error
