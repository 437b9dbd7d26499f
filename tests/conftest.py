"""What all tests share: where the real measurements lie, and which servers are up."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"

sys.path.insert(0, str(ROOT))  # for `tests.servers`, however pytest was started
settings.load_profile("default")  # CI=true would choose one that looks at the same examples every time


def pytest_report_header() -> str:
    """Which servers this run has."""
    from tests.servers.connect import VARIABLE, addresses

    found = addresses()
    if found is None:
        return f"servers: none, {VARIABLE} is not set (make test starts them)"
    return "servers: " + ", ".join(f"{name} {next(iter(at.values()))}" for name, at in found.items())


@pytest.fixture(scope="session")
def drive_tests() -> Path:
    """The archive of 5G drive tests; skips, with the reason, where it is not there."""
    path = DATA / "drive-test-5g.zip"
    if not path.exists():
        pytest.skip(f"the drive-test archive is not there: {path}")
    return path
