"""The built wheel works outside the checkout, with its data and its page."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the checkout as it is."""
    uv = shutil.which("uv") or str(ROOT / ".tools" / "bin" / "uv")
    if not Path(uv).exists():
        pytest.skip("uv, which builds the wheel, is not there: make gets it")
    out = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [uv, "build", "--wheel", "--quiet", "--out-dir", str(out), str(ROOT)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def elsewhere(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The python of an environment that has the wheel, and the dependencies of this one, but not the checkout."""
    folder = tmp_path_factory.mktemp("elsewhere")
    venv.create(folder / "env", with_pip=False)
    python = folder / "env" / "bin" / "python"
    site = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    zipfile.ZipFile(wheel).extractall(site)
    return python


def run(python: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A call far from the checkout; PYTHONPATH brings dependencies, and no .pth of an editable install."""
    environment = {**os.environ, "PYTHONPATH": sysconfig.get_path("purelib")}
    return subprocess.run(
        [str(python), *arguments], cwd=python.parent, env=environment, capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip


def test_the_command_line_and_the_ontology_work(elsewhere: Path) -> None:
    done = run(elsewhere, "-m", "ranvier.gateway.cli.main", "ontology", "show", "RRU.PrbTotDl", "--json")
    assert done.returncode == 0, done.stderr
    assert '"%"' in done.stdout


def test_it_is_the_wheel_that_ran(elsewhere: Path) -> None:
    done = run(
        elsewhere, "-c", "import ranvier.fabric, platform; print(ranvier.fabric.__file__, platform.system())"
    )
    assert done.returncode == 0, done.stderr
    assert str(elsewhere.parents[1]) in done.stdout
    assert str(ROOT) not in done.stdout.replace(sys.prefix, "")


def test_a_platform_opens_and_answers(elsewhere: Path, tmp_path: Path) -> None:
    done = run(
        elsewhere, "-m", "ranvier.gateway.cli.main", "--folder", str(tmp_path / "s"), "status", "--json"
    )
    assert done.returncode == 0, done.stderr
    assert '"running": false' in done.stdout


def test_the_page_and_the_shipped_mapping_are_in_it(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "ranvier/gateway/web/static/index.html" in names
    assert "ranvier/ontology/data/compiled.json" in names
    assert any(name.endswith("raca-2020.toml") for name in names)
    assert [name for name in names if "mock" in name or "node_modules" in name] == []
