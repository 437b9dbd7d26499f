"""What all tests share: where the real measurements lie."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def drive_tests() -> Path:
    """The archive of 5G drive tests; skips, with the reason, where it is not there."""
    path = DATA / "drive-test-5g.zip"
    if not path.exists():
        pytest.skip(f"the drive-test archive is not there: {path}")
    return path
