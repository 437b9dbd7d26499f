"""The same dataset, bit for bit, however it is built: without workers, with two, or killed half-way and resumed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from ranvier.dtops.scenes.build import build, make
from ranvier.dtops.scenes.dataset import SceneDataset
from ranvier.dtops.scenes.recipe import RECIPES
from ranvier.ontology.errors import RanvierError

RECIPE = replace(
    RECIPES["small"], deployments={"train": 3, "known": 1}, runs={"train": 2, "known": 2}, horizons_s=(60.0,),
    warm_s=0.2,
)  # fmt: skip
KILLED = """
from dataclasses import replace
from pathlib import Path
from ranvier.dtops.scenes.build import build
from ranvier.dtops.scenes.recipe import RECIPES
recipe = replace(RECIPES["small"], deployments={"train": 3, "known": 1}, runs={"train": 2, "known": 2},
                 horizons_s=(60.0,), warm_s=0.2)
build(Path("."), recipe, workers=1)
"""


def arrays(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "scenes").iterdir())}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Made one after the other in this process."""
    folder = tmp_path_factory.mktemp("plain")
    (folder / "scenes").mkdir()
    for each in RECIPE.members():
        make(folder, RECIPE, *each)
    return arrays(folder)


@pytest.mark.slow
def test_two_workers_make_the_same_as_none(plain: dict[str, bytes], tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    found = build(tmp_path, RECIPE, 2, lambda *each: told.append(each))
    assert arrays(tmp_path) == plain
    assert found.manifest["state"] == "complete"
    assert found.manifest["cpu_s"] > 0
    assert [each[:2] for each in told] == [(i, 4) for i in range(5)]
    assert {f"{each[2]}.npz" for each in told[1:]} == set(plain)


@pytest.mark.slow
def test_killed_half_way_and_damaged_it_goes_on_to_the_same(plain: dict[str, bytes], tmp_path: Path) -> None:
    begun = subprocess.Popen(
        [sys.executable, "-c", KILLED], cwd=tmp_path, start_new_session=True, env=paths()
    )
    end = time.monotonic() + 200
    while time.monotonic() < end and not list((tmp_path / "scenes").glob("*.npz")):
        time.sleep(0.02)
    os.killpg(begun.pid, signal.SIGKILL)
    begun.wait()
    there = sorted((tmp_path / "scenes").glob("*.npz"))
    assert 0 < len(there) < 4
    assert SceneDataset(tmp_path).manifest["state"] == "building"
    there[0].write_bytes(there[0].read_bytes()[:1000])
    (tmp_path / "scenes" / f"{there[0].stem}.1.partial").write_bytes(b"half")
    build(tmp_path, RECIPE, 1)
    assert arrays(tmp_path) == plain


@pytest.mark.slow
def test_a_deployment_that_cannot_be_written_is_told_by_name(plain: dict[str, bytes], tmp_path: Path) -> None:
    first = min(plain)
    for name, data in plain.items():
        (tmp_path / "scenes").mkdir(exist_ok=True)
        (tmp_path / "scenes" / name).write_bytes(data)
    (tmp_path / "scenes" / first).unlink()
    (tmp_path / "scenes" / first).mkdir()  # nothing can be put in its place
    with pytest.raises(RanvierError, match=f"the deployment {first.removesuffix('.npz')} to be simulated"):
        build(tmp_path, RECIPE, 1)


def paths() -> dict[str, str]:
    """The environment, with this process's import path."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(each for each in sys.path if each)}
