"""Which of the tools that build and run the servers this machine has."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable

JAVA_AT_LEAST = 17


def java() -> str:
    """The Java that runs the servers: that of JAVA_HOME, or the one on the path."""
    home = os.environ.get("JAVA_HOME")
    return os.path.join(home, "bin", "java") if home else "java"


def missing(tools: Iterable[str]) -> list[str]:
    """The tools of that list that are not here, or are too old."""
    return [tool for tool in tools if not (_java_is_new_enough() if tool == "java" else shutil.which(tool))]


def _java_is_new_enough() -> bool:
    try:
        said = subprocess.run([java(), "-version"], capture_output=True, text=True, check=True).stderr
    except (OSError, subprocess.CalledProcessError):
        return False
    found = re.search(r'version "(\d+)', said)
    return found is not None and int(found[1]) >= JAVA_AT_LEAST
