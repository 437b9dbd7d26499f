"""Scenario files: YAML on disk, and the named ones that come with the package."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import yaml

from ranvier.dtops.simulator.scenario import Scenario, parse
from ranvier.ontology.errors import InputError, NotFound

_FOLDER = files("ranvier.dtops.simulator").joinpath("scenarios")


def scenario_names() -> tuple[str, ...]:
    """The named scenarios."""
    return tuple(sorted(each.name[:-5] for each in _FOLDER.iterdir() if each.name.endswith(".yaml")))


def load_scenario(name_or_path: str | Path) -> Scenario:
    """A named scenario, or that of a YAML file. Raises NotFound and InputError."""
    text = str(name_or_path)
    if text in scenario_names():
        return _parsed(_FOLDER.joinpath(f"{text}.yaml").read_text("utf-8"), text)
    path = Path(text)
    if not path.is_file():
        raise NotFound(f"a scenario file, or one of {', '.join(scenario_names())}", text, "check the name")
    try:
        return _parsed(path.read_text("utf-8"), path.stem)
    except UnicodeDecodeError as error:
        raise InputError("a scenario in UTF-8", f"{path}: {error}", "convert the file") from None


def _parsed(text: str, name: str) -> Scenario:
    try:
        tree = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError("a scenario in YAML", f"{name}: {error}", "mend the file") from None
    if not isinstance(tree, dict):
        raise InputError(
            "a scenario with sections", f"{name}: {type(tree).__name__}", "see docs/scenarios.md"
        )
    return parse({"name": name, **tree})
