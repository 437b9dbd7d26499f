"""A dataset of scenes in a folder: `dataset.json`, and `scenes/NAME.npz` with a scene and its outcomes each.

Written by `build`, read here; it is split by deployment, and every file is whole or not there. What is being
written has the suffix `.partial`; a file that was damaged later is refused by its checksums.
"""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ranvier.dtops.scenes.outcomes import Outcomes
from ranvier.dtops.scenes.recipe import Recipe, Split
from ranvier.dtops.scenes.scene import Scene, about
from ranvier.ontology.errors import InputError

MANIFEST = "dataset.json"


class Example(NamedTuple):
    """A scene, and what its runs gave."""

    scene: Scene
    outcomes: Outcomes


@dataclass(frozen=True, slots=True)
class SceneDataset:
    """The dataset in a folder. Raises InputError where there is none."""

    folder: Path

    @property
    def manifest(self) -> dict[str, Any]:
        """What it says of itself: its recipe, its digest, how long it took."""
        try:
            found: dict[str, Any] = json.loads((self.folder / MANIFEST).read_text())
        except (OSError, ValueError) as error:
            raise InputError(
                f"a dataset of scenes in {self.folder}", str(error), "make one: ranvier dataset build"
            ) from error
        return found

    @property
    def version(self) -> str:
        """Recipe and digest."""
        return f"{self.manifest['recipe']['name']}-{self.manifest['digest']}"

    def names(self, split: Split) -> list[str]:
        """Of the deployments of a split that are there, in order."""
        return sorted(path.stem for path in (self.folder / "scenes").glob(f"{split}-*.npz"))

    def read(self, name: str) -> Example:
        """One deployment. Raises InputError where it is not there or damaged."""
        path = _path(self.folder, name)
        try:
            # Opened here: NumPy leaves a file open that is no archive.
            with path.open("rb") as file, np.load(file, allow_pickle=False) as found:
                return Example(Scene.from_columns(found), Outcomes.from_columns(found))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise InputError(
                f"a scene and its outcomes in {path}", f"{type(error).__name__}: {error}",
                "delete the file and build again: the others are kept",
            ) from error  # fmt: skip

    def of(self, split: Split) -> Iterator[Example]:
        """The deployments of a split, one after the other."""
        for name in self.names(split):
            yield self.read(name)


def written(folder: Path, scene: Scene, outcomes: Outcomes) -> None:
    """Put one deployment there, whole or not at all."""
    path = _path(folder, scene.name)
    partial = path.with_suffix(f".{os.getpid()}.partial")
    with partial.open("wb") as file:
        np.savez_compressed(file, **about(scene), **scene.columns(), **outcomes.columns())
        file.flush()
        os.fsync(file.fileno())  # the name must not outlast a loss of power that the bytes do not
    partial.replace(path)


def whole(folder: Path, name: str) -> bool:
    """Whether a deployment is there, to its last byte: an archive's table of contents is at its end."""
    path = _path(folder, name)
    return path.exists() and zipfile.is_zipfile(path)


def tidied(folder: Path) -> None:
    """Remove what workers that were killed left behind."""
    for left in (folder / "scenes").glob("*.partial"):
        left.unlink(missing_ok=True)


def _path(folder: Path, name: str) -> Path:
    return folder / "scenes" / f"{name}.npz"


def begun(folder: Path, recipe: Recipe) -> SceneDataset:
    """The dataset that a build goes on with. Raises InputError where the folder has one of another recipe."""
    (folder / "scenes").mkdir(parents=True, exist_ok=True)
    path = folder / MANIFEST
    if path.exists():
        known = json.loads(path.read_text())["digest"]
        if known != recipe.digest():
            raise InputError(
                f"an empty folder, or one of recipe {recipe.digest()}", f"{folder} of recipe {known}",
                "choose another folder",
            )  # fmt: skip
    else:
        said(folder, recipe, "building", 0.0)
    return SceneDataset(folder)


def said(folder: Path, recipe: Recipe, state: str, cpu_s: float) -> None:
    """Write what the dataset says of itself."""
    path = folder / MANIFEST
    before = json.loads(path.read_text()).get("cpu_s", 0.0) if path.exists() else 0.0
    tree = {
        "recipe": json.loads(json.dumps(recipe.manifest())), "digest": recipe.digest(), "state": state,
        "cpu_s": round(before + cpu_s, 1), "made_with": _made_with(),
    }  # fmt: skip
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(tree, indent=1))
    partial.replace(path)


def _made_with() -> dict[str, str]:
    """Versions; and the instruction set, as transcendental functions differ in the last bit between them."""
    from importlib.metadata import version

    import torch

    versions = {name: version(name) for name in ("ranvier", "numpy", "torch", "numba")}
    return {**versions, "instructions": torch.backends.cpu.get_cpu_capability()}
