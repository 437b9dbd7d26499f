"""Datasets of scenes in the catalogue: the build, what it made, and the fields of that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ranvier.dtops.scenes.outcomes import KPIS, PERIOD_S
from ranvier.dtops.scenes.scene import CellColumns, LinkColumns, UserColumns
from ranvier.fabric.catalogue.dataset import Dataset, Field
from ranvier.fabric.catalogue.port import Catalogue
from ranvier.fabric.catalogue.run import Run, RunState
from ranvier.gateway.settings import Settings

_UNITS = {"_m": "m", "_dbm": "dBm", "_db": "dB", "_hz": "Hz", "_deg": "deg", "_s": "s", "_ms": "ms"}
_PARTS = {"cells": CellColumns, "users": UserColumns, "links": LinkColumns}


@dataclass(frozen=True, slots=True)
class Build:
    """One call of `ranvier dataset build`: its run's id, how it ended, when it began."""

    run_id: str
    state: RunState
    started_at_ns: int
    error: str = ""


def record(
    catalogue: Catalogue, manifest: Mapping[str, Any], folder: Path, build: Build, now_ns: int, settings: Settings
) -> str:  # fmt: skip
    """Register what a build made, or made of it so far; the dataset's id, the same for every build of it."""
    recipe = manifest["recipe"]
    version = f"{recipe['name']}-{manifest['digest']}"
    splits = ", ".join(f"{name} {count}" for name, count in recipe["deployments"].items())
    dataset = Dataset(
        f"scenes-{version}", f"Scenes of recipe {recipe['name']}", "simulator", fields=schema(),
        description=f"Version {version}: scenes and what the simulator makes of them. Split by deployment: "
        f"{splits}. Horizons {', '.join(f'{h:g}' for h in recipe['horizons_s'])} s",
        media_type="application/x-npz", access=str(folder), period_s=PERIOD_S, registered_at_ns=now_ns,
        tenant=settings.tenant, network=recipe["name"],
    )  # fmt: skip
    catalogue.register(dataset)
    catalogue.record(Run(
        build.run_id, "dataset build", build.state, build.started_at_ns, outputs=(dataset.dataset_id,),
        ended_at_ns=now_ns, error=build.error, description=f"recipe {recipe['name']}, digest {manifest['digest']}",
        tenant=settings.tenant, network=recipe["name"],
    ))  # fmt: skip
    return dataset.dataset_id


def schema() -> tuple[Field, ...]:
    """What a file of a deployment holds, by the names of its arrays."""
    columns = [
        Field(f"{part}.{each.name}", _type(str(each.type)), _unit(each.name))
        for part, kind in _PARTS.items()
        for each in fields(kind)
    ]
    outcomes = [
        Field(f"kpi.{each.name}", "number", "" if each.unit == "1" else each.unit,
              f"of each {each.node}, horizon and run")
        for each in KPIS
    ]  # fmt: skip
    return (*columns, Field("horizons_s", "number", "s"), *outcomes)


def _type(annotation: str) -> str:
    return {"Ints": "integer", "Bools": "boolean"}.get(annotation, "number")


def _unit(name: str) -> str:
    found = [unit for end, unit in _UNITS.items() if name.endswith(end)]
    return max(found, key=len, default="")
