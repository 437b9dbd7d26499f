"""Runs a bench in a process of its own, so that its memory and its caches are its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
# Python may keep what it compiled, as it does wherever nobody forbids it.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1", **os.environ, "PYTHONDONTWRITEBYTECODE": "",
    "PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir()) / "ranvier-pycache"),
}  # fmt: skip


def in_process(module: str, *arguments: str) -> dict[str, Any]:
    """What `python -m module arguments` prints last, as JSON. Ends the bench with its errors where it fails."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments], capture_output=True, text=True, check=False, cwd=ROOT,
        env=ENVIRONMENT,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{module} {' '.join(arguments)} failed:\n{done.stderr[-4000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
