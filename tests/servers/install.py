"""Makes the servers and keeps them in the cache: each is built aside and then put in place with one rename."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.failure import ServerError
from tests.servers.progress import run_logged
from tests.servers.recipes import INFLUX, Recipe, cache

LOCK = "jars.sha256"


def install(recipe: Recipe) -> Path:
    """The folder of that server, which is made first where it is not there."""
    if recipe.installed.is_dir():
        return recipe.installed
    if missing := recipe.missing_tools():
        raise ServerError(
            f"{recipe.title} is not built, and building it needs {', '.join(missing)}: install them"
        )
    with _only_one(recipe):
        if not recipe.installed.is_dir():  # else another process made it while this one waited
            with _aside(recipe) as folder:
                _build(recipe, folder)
                if recipe is not INFLUX:
                    _check_jars(recipe, folder)
                folder.rename(recipe.installed)
            print(f"   {recipe.title} {recipe.version} is in {recipe.installed}", flush=True)
    return recipe.installed


def pin_jars(recipe: Recipe) -> Path:
    """Write the hashes of the jars that the pom brings today, which every later build is checked against."""
    with _only_one(recipe), _aside(recipe) as folder:
        _build(recipe, folder)
        lines = [f"{digest}  {name}\n" for name, digest in sorted(_hashes(folder).items())]
    written = recipe.folder / LOCK
    written.write_text("".join(lines))
    return written


def _build(recipe: Recipe, folder: Path) -> None:
    """Make a server in that folder, from a copy of its sources: no tool may write into the checkout."""
    sources = folder / "sources"
    shutil.copytree(recipe.folder, sources)
    if recipe is INFLUX:
        command = ["bash", str(sources / "build.sh"), str(folder / "influxd")]
    else:
        command = [
            "mvn", "--batch-mode", "--update-snapshots", "--strict-checksums", "dependency:copy-dependencies",
            "-DincludeScope=runtime", f"-DoutputDirectory={folder / 'lib'}",
        ]  # fmt: skip
    said = "building" if recipe is INFLUX else "fetching"
    step = f"== {said} {recipe.title} {recipe.version} (once; {recipe.takes} where nothing is cached)"
    log = cache() / f"{recipe.name}.log"
    log.unlink(missing_ok=True)
    run_logged(step, command, log, sources)
    shutil.rmtree(sources)


def _check_jars(recipe: Recipe, folder: Path) -> None:
    lines = (recipe.folder / LOCK).read_text().splitlines()
    pinned = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    found = _hashes(folder)
    if wrong := sorted(name for name, _ in pinned.items() ^ found.items()):
        raise ServerError(
            f"{recipe.title}: expected the jars of {recipe.folder / LOCK}, but these differ: "
            f"{', '.join(dict.fromkeys(wrong))}. After a change of its pom.xml run: python -m tests.servers pin"
        )


def _hashes(folder: Path) -> dict[str, str]:
    return {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in (folder / "lib").glob("*.jar")}


@contextmanager
def _only_one(recipe: Recipe) -> Iterator[None]:
    """One process at a time makes a server; the others wait for it."""
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / f"{recipe.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"== waiting for another process that makes {recipe.title}", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _aside(recipe: Recipe) -> Iterator[Path]:
    """A folder of the cache that is gone afterwards, unless it was renamed."""
    folder = Path(tempfile.mkdtemp(dir=cache(), prefix=f".{recipe.name}-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
