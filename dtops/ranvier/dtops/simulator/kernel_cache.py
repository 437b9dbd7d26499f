"""Where compiled kernels are kept: in a folder that is named after their sources.

Numba looks at the file of a function alone, not at what it calls: a change elsewhere would leave a kernel as it
was. A hash over the sources of every package that holds kernels, the constants that they take in among them, in
the folder's name makes any change compile anew. `fill` compiles them all at once.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

KERNEL = {"cache": True, "error_model": "numpy", "nogil": True, "_nrt": False}
"""How kernels of a slot are compiled. They make no arrays, and so need none of numba's counting of references.

Counted, each look at an array of a tuple is two atomic additions: a slot took eight times as long.
"""
HERE = Path(__file__).parent


def folder() -> Path:
    """$XDG_CACHE_HOME/ranvier/kernels/HASH; NUMBA_CACHE_DIR wins over it."""
    if given := os.environ.get("NUMBA_CACHE_DIR"):
        return Path(given)
    digest = hashlib.sha256()
    for package in sorted({path.parent for path in HERE.rglob("*compiled*.py")}):
        for path in sorted(package.glob("*.py")):
            digest.update(path.relative_to(HERE).as_posix().encode() + path.read_bytes())
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return root / "ranvier" / "kernels" / digest.hexdigest()[:16]


def use() -> None:
    """Have kernels that are defined from now on kept there."""
    import numba

    numba.config.CACHE_DIR = str(folder())


def fill() -> None:
    """Compile every kernel of a run, where that is not done: a minute or so, once for each version."""
    from ranvier.dtops.simulator.scenario_file import load_scenario
    from ranvier.dtops.simulator.seeds import Seeds
    from ranvier.dtops.simulator.simulator import Simulator

    run = Simulator(load_scenario("uma-21").changed(users={"total": 4}), Seeds.of([1]))
    for _ in run.blocks(run.start(), 1):
        pass
