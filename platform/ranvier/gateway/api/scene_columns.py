"""A scene in JSON: the columns of a `Scene` by their names, and back."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Annotated, Any, Self

import numpy as np
from pydantic import Field, model_validator

from ranvier.gateway.api.models import Model
from ranvier.ontology.errors import Unavailable

if TYPE_CHECKING:
    from ranvier.dtops.scenes.scene import Scene

MAX_NODES = 20_000
MAX_LINKS = 240_000
Number = Annotated[float, Field(allow_inf_nan=False, ge=-1e15, le=1e15)]
Index = Annotated[int, Field(ge=0, lt=MAX_NODES)]
Numbers = Annotated[list[Number], Field(max_length=MAX_NODES)]
Indexes = Annotated[list[Index], Field(max_length=MAX_NODES)]
Flags = Annotated[list[bool], Field(max_length=MAX_NODES)]
LinkNumbers = Annotated[list[Number], Field(max_length=MAX_LINKS)]
LinkIndexes = Annotated[list[Index], Field(max_length=MAX_LINKS)]
Names = Annotated[list[Annotated[str, Field(min_length=1, max_length=1024)]], Field(max_length=MAX_NODES)]


class CellColumnsItem(Model):
    """Cells: each column has one entry for each cell."""

    site: Indexes = Field(description="Which cells stand together")
    x_m: Numbers = Field(description="Of the mast, in the scene's plane")
    y_m: Numbers = Field(description="Of the mast, in the scene's plane")
    height_m: Numbers = Field(description="Above ground")
    bearing: Annotated[list[Number | None], Field(max_length=MAX_NODES)] = Field(
        description="Of the antenna, degrees clockwise from north; null: all around"
    )
    tilt_deg: Numbers = Field(description="Mechanical, downwards")
    tx_power_dbm: Numbers = Field(description="Total, at the antenna port")
    dl_frequency_hz: Numbers = Field(description="Middle of the carrier")
    bSChannelBwDL: Numbers = Field(description="Channel bandwidth, MHz")
    prbs: Annotated[list[Annotated[int, Field(ge=1, le=275)]], Field(max_length=MAX_NODES)] = Field(
        description="Resource blocks of the carrier"
    )
    on: Flags = Field(description="Whether it transmits")
    offset_db: Numbers = Field(description="Cell individual offset")
    scheduler: Indexes = Field(description="0 round robin, 1 proportional fair, 2 maximum C/I, 3 delay aware")


class UserColumnsItem(Model):
    """Users: each column has one entry for each user."""

    x_m: Numbers = Field(description="Where it is, in the scene's plane")
    y_m: Numbers = Field(description="Where it is, in the scene's plane")
    height_m: Numbers = Field(description="Above ground")
    speed_m_s: Numbers = Field(description="0 for those that stay")
    motion: Indexes = Field(
        description="How it moves: an index into the simulator's motions (docs/serving.md)"
    )
    indoor: Flags = Field(description="Within a building")
    service: Indexes = Field(description="Which traffic: an index into the simulator's services; 0 is none")
    offered_bit_s: Numbers = Field(description="Mean load; 0 for a full buffer")
    burst_bits: Numbers = Field(description="Mean size of what arrives at once; 0 for a full buffer")
    budget_ms: Numbers = Field(description="Delay budget of the service; 0 for none")


class LinkColumnsItem(Model):
    """Links between users and the cells that they hear, by user, the strongest first."""

    user: LinkIndexes = Field(description="Place in the columns of users")
    cell: LinkIndexes = Field(description="Place in the columns of cells")
    gain_db: LinkNumbers = Field(description="Large-scale gain: antennas, path loss, penetration, shadowing")
    los: Annotated[list[bool], Field(max_length=MAX_LINKS)] = Field(description="Line of sight")
    k_factor_db: LinkNumbers = Field(description="Rician K; 0 without line of sight")
    spread_s: LinkNumbers = Field(description="Root mean square delay spread")
    distance_m: LinkNumbers = Field(description="In the plane")


class AntennaItem(Model):
    """A base station's panel (TR 38.901 7.3), the same at all cells; for changes of tilt and bearing."""

    rows: Annotated[int, Field(ge=1, le=64)] = 10
    columns: Annotated[int, Field(ge=1, le=64)] = 1
    spacing: Annotated[float, Field(gt=0, le=4)] = 0.5
    gain_dbi: Number = 8.0
    beamwidth_deg: Annotated[float, Field(gt=0, le=360)] = 65.0
    attenuation_db: Annotated[float, Field(ge=0, le=200)] = 30.0
    electrical_tilt_deg: Annotated[float, Field(ge=-90, le=90)] = 12.0
    beams: Annotated[int, Field(ge=1, le=64)] = 1
    isotropic: bool = False


class SceneItem(Model):
    """One network at one time, in columns: at most 20,000 cells and users together, and 240,000 links."""

    name: Annotated[str, Field(max_length=256)] = "scene"
    kind: Annotated[str, Field(max_length=256)] = "given"
    slot_s: Annotated[float, Field(gt=0, le=0.01, description="Length of a slot")] = 1e-3
    noise_dbm: Number = Field(-116.0, description="In one resource block, at the users' receivers")
    attach_dbm: Number = Field(-120.0, description="RSRP below which a cell is not chosen")
    cells: CellColumnsItem
    users: UserColumnsItem
    links: LinkColumnsItem
    cell_ids: Names = Field([], description="Names; places stand for them where there are none")
    user_ids: Names = Field([], description="Names; places stand for them where there are none")
    antenna: AntennaItem = AntennaItem()
    wraparound: Annotated[
        list[Annotated[list[Number], Field(min_length=2, max_length=2)]], Field(min_length=1, max_length=64)
    ] = Field([[0.0, 0.0]], description="Translations under which the plane repeats; zeros: it does not")

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        nodes = len(self.cells.site) + len(self.users.x_m)
        if nodes > MAX_NODES:
            raise ValueError(f"at most {MAX_NODES} cells and users together; got {nodes}: cut the area")
        if not self.cells.site:
            raise ValueError("at least one cell")
        for names, part, what in (
            (self.cell_ids, self.cells.site, "cell"),
            (self.user_ids, self.users.x_m, "user"),
        ):
            if names and len(names) != len(part):
                raise ValueError(
                    f"as many {what}_ids as there are, or none; got {len(names)} for {len(part)}"
                )
        return self


def scene_of(item: SceneItem) -> Scene:
    """The scene. Raises InputError where its columns do not fit, Unavailable without the extra `simulator`."""
    parts = _parts()
    found: Scene = parts.Scene(
        item.name, item.kind, item.slot_s, item.noise_dbm, item.attach_dbm,
        _columns(parts.CellColumns, item.cells), _columns(parts.UserColumns, item.users),
        _columns(parts.LinkColumns, item.links), tuple(item.cell_ids), tuple(item.user_ids),
        parts.Antenna(**item.antenna.model_dump()), np.asarray(item.wraparound, dtype=np.float64),
    )  # fmt: skip
    return found


def item_of(scene: Scene) -> dict[str, Any]:
    """The scene in JSON: what `SceneItem` reads."""

    def part(columns: Any) -> dict[str, Any]:
        return {each.name: _listed(getattr(columns, each.name)) for each in fields(columns)}

    return {
        "name": scene.name, "kind": scene.kind, "slot_s": scene.slot_s, "noise_dbm": scene.noise_dbm,
        "attach_dbm": scene.attach_dbm, "cells": part(scene.cells), "users": part(scene.users),
        "links": part(scene.links), "cell_ids": list(scene.cell_ids), "user_ids": list(scene.user_ids),
        "antenna": asdict(scene.antenna), "wraparound": scene.wraparound.tolist(),
    }  # fmt: skip


_INTEGERS = {"site", "prbs", "scheduler", "motion", "service", "user", "cell"}
_BOOLEANS = {"on", "indoor", "los"}


def _columns(kind: Any, item: Model) -> Any:
    def column(name: str) -> Any:
        dtype = np.int64 if name in _INTEGERS else np.bool_ if name in _BOOLEANS else np.float64
        # None becomes NaN: an antenna that looks all around.
        return np.array(getattr(item, name), dtype=dtype)

    return kind(*(column(each.name) for each in fields(kind)))


def _listed(column: Any) -> list[Any]:
    if column.dtype.kind != "f":
        return list(column.tolist())
    return [None if value != value else value for value in column.tolist()]  # noqa: PLR0124


def _parts() -> Any:
    """The module of scenes, which needs the extra `simulator`."""
    try:
        from ranvier.dtops.scenes import scene
    except ImportError as error:
        raise Unavailable(
            "the extra `surrogate` for forecasts of scenes", str(error),
            "install it: pip install 'ranvier[surrogate]'",
        ) from error  # fmt: skip
    return scene
