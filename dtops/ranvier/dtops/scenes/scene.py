"""`Scene`: what a forecast is given. Geometry, configuration, large-scale gain of each edge, and offered load.

What is not in it is resampled by the simulator and left to the forecast: fast fading, arrivals, motion, HARQ.
Columns are arrays; cells and users are their places in them. Every column that comes from the graph has the
name of its attribute in the ontology, so that the same scene is made of a live Snapshot.
"""

from __future__ import annotations

import io
import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.simulator.layout import SCHEDULERS, Antenna
from ranvier.dtops.simulator.population import MOTIONS, SERVICES
from ranvier.ontology.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


FARTHEST_M, FASTEST_M_S = 2e7, 1e4
"""Bounds of places and speeds: half around the Earth, and faster than anything that is served."""


@dataclass(frozen=True, slots=True)
class CellColumns:
    """C cells, (C,) each.

    site                which cells stand together
    x_m, y_m            of the mast, in the scene's plane
    height_m            above ground
    bearing             of the antenna, degrees clockwise from north; NaN for all around
    tilt_deg            mechanical, downwards
    tx_power_dbm        total at the antenna port
    dl_frequency_hz     middle of the carrier
    bSChannelBwDL       channel bandwidth, MHz
    prbs                resource blocks of the carrier
    on                  whether it transmits
    offset_db           cell individual offset
    scheduler           index into SCHEDULERS
    """

    site: Ints
    x_m: Floats
    y_m: Floats
    height_m: Floats
    bearing: Floats
    tilt_deg: Floats
    tx_power_dbm: Floats
    dl_frequency_hz: Floats
    bSChannelBwDL: Floats
    prbs: Ints
    on: Bools
    offset_db: Floats
    scheduler: Ints

    def __len__(self) -> int:
        return len(self.site)


@dataclass(frozen=True, slots=True)
class UserColumns:
    """U users, (U,) each.

    x_m, y_m, height_m  where they are
    speed_m_s           0 for those that stay
    motion              index into MOTIONS
    indoor              within a building
    service             index into SERVICES; 0 is none
    offered_bit_s       mean load; 0 for a full buffer, whose load is whatever it is given
    burst_bits          mean size of what arrives at once; 0 for a full buffer
    budget_ms           delay budget of the service; 0 for none
    """

    x_m: Floats
    y_m: Floats
    height_m: Floats
    speed_m_s: Floats
    motion: Ints
    indoor: Bools
    service: Ints
    offered_bit_s: Floats
    burst_bits: Floats
    budget_ms: Floats

    def __len__(self) -> int:
        return len(self.x_m)


@dataclass(frozen=True, slots=True)
class LinkColumns:
    """E links between users and the cells that they hear, (E,) each, by user, the strongest first.

    user, cell   places in the columns of users and of cells
    gain_db      large-scale gain of the strongest beam: antennas, path loss, penetration, shadowing
    los          line of sight
    k_factor_db  Rician K; 0 without line of sight
    spread_s     r.m.s. delay spread
    distance_m   in the plane, along the shortest way where the plane repeats
    """

    user: Ints
    cell: Ints
    gain_db: Floats
    los: Bools
    k_factor_db: Floats
    spread_s: Floats
    distance_m: Floats

    def __len__(self) -> int:
        return len(self.user)


@dataclass(frozen=True, slots=True)
class Scene:
    """One network at one time.

    name, kind   of the deployment: what a dataset is split by
    slot_s       length of a slot
    noise_dbm    in one PRB, at the users' receivers
    attach_dbm   RSRP below which a cell is not chosen
    cell_ids, user_ids   names; places stand for them where there are none
    antenna      of all cells: what a change of tilt or bearing is worked out with
    wraparound   (W, 2) translations under which the plane repeats; zeros where it does not
    """

    name: str
    kind: str
    slot_s: float
    noise_dbm: float
    attach_dbm: float
    cells: CellColumns
    users: UserColumns
    links: LinkColumns
    cell_ids: tuple[str, ...] = ()
    user_ids: tuple[str, ...] = ()
    antenna: Antenna = field(default_factory=Antenna)
    wraparound: Floats = field(default_factory=lambda: np.zeros((1, 2)))

    def __post_init__(self) -> None:
        for part in (self.cells, self.users, self.links):
            lengths = {each.name: len(getattr(part, each.name)) for each in fields(part)}
            if len(set(lengths.values())) > 1:
                raise InputError("columns of one length", str(lengths), "give each row every column")
        for column, size, what in ((self.links.user, len(self.users), "users"),
                                   (self.links.cell, len(self.cells), "cells")):  # fmt: skip
            if len(column) and not 0 <= int(column.min()) <= int(column.max()) < size:
                raise InputError(f"links to {what} 0 to {size - 1}", f"{column.min()} to {column.max()}",
                                 "name what the scene has")  # fmt: skip
        _in_range("cells.scheduler", self.cells.scheduler, len(SCHEDULERS))
        _in_range("users.service", self.users.service, len(SERVICES))
        _in_range("users.motion", self.users.motion, len(MOTIONS))
        finite = {
            "links.gain_db": (self.links.gain_db, np.inf), "cells.tx_power_dbm": (self.cells.tx_power_dbm, np.inf),
            "users.offered_bit_s": (self.users.offered_bit_s, np.inf),
            "users.speed_m_s": (self.users.speed_m_s, FASTEST_M_S), "cells.tilt_deg": (self.cells.tilt_deg, np.inf),
        } | {
            f"{name}.{axis}_m": (getattr(part, f"{axis}_m"), FARTHEST_M)
            for name, part in (("cells", self.cells), ("users", self.users)) for axis in ("x", "y", "height")
        }  # fmt: skip
        for name, (values, most) in finite.items():
            wrong = ~np.isfinite(values) | (np.abs(values) > most)
            if wrong.any():
                bound = f" of {most:g} at most" if np.isfinite(most) else ""
                raise InputError(f"finite {name}{bound}", f"{values[wrong][0]}", "leave such rows out")

    def rsrp_dbm(self) -> Floats:
        """(E,) SS-RSRP of each link: the power of a resource element (TS 38.215 5.1.1); −inf if the cell is off."""
        cell = self.links.cell
        each = self.cells.tx_power_dbm - 10 * np.log10(12.0 * self.cells.prbs)
        return np.asarray(np.where(self.cells.on[cell], each[cell] + self.links.gain_db, -np.inf))

    def way_m(self, grid_m: float = 0.0) -> Floats:
        """(E, 3) from the mast to the user, the shortest way where the plane repeats.

        grid_m  users stand in the middle of squares of this side; 0: where they are
        """
        links, users, cells = self.links, self.users, self.cells
        place = np.stack([users.x_m, users.y_m], axis=1)
        if grid_m > 0:
            place = np.floor(place / grid_m) * grid_m + grid_m / 2
        straight = place[links.user] - np.stack([cells.x_m, cells.y_m], axis=1)[links.cell]
        x, y = (straight[:, None, axis] + self.wraparound[:, axis] for axis in (0, 1))
        nearest = (np.arange(len(links)), (x * x + y * y).argmin(axis=1))
        up: Floats = users.height_m[links.user] - cells.height_m[links.cell]
        return np.stack([x[nearest], y[nearest], up], axis=1)

    def serving(self) -> Ints:
        """(U,) the link of each user's strongest cell in reach, −1 for none."""
        rsrp = self.rsrp_dbm()
        best = np.full(len(self.users), -1, dtype=np.int64)
        heard = np.flatnonzero(rsrp >= self.attach_dbm)
        order = heard[np.lexsort((-rsrp[heard], self.links.user[heard]))]
        user, first = np.unique(self.links.user[order], return_index=True)
        best[user] = order[first]
        return best

    # ------------------------------------------------------------ to and from bytes
    def columns(self) -> dict[str, Any]:
        """Flat: `cells.site` and so on, to store."""
        return {
            f"{part}.{each.name}": getattr(getattr(self, part), each.name)
            for part in ("cells", "users", "links")
            for each in fields(getattr(self, part))
        }

    def to_bytes(self) -> bytes:
        """The scene as an .npz."""
        written = io.BytesIO()
        np.savez_compressed(written, **about(self), **self.columns())
        return written.getvalue()

    @classmethod
    def from_columns(cls, found: Any) -> Scene:
        """The inverse of `columns` with `about`: a mapping of arrays, such as an opened .npz."""

        def part(kind: Any, name: str) -> Any:
            return kind(*(np.asarray(found[f"{name}.{each.name}"]) for each in fields(kind)))

        return cls(
            str(found["name"]), str(found["kind"]), float(found["slot_s"]), float(found["noise_dbm"]),
            float(found["attach_dbm"]), part(CellColumns, "cells"), part(UserColumns, "users"),
            part(LinkColumns, "links"), tuple(str(each) for each in found["cell_ids"]),
            tuple(str(each) for each in found["user_ids"]),
            Antenna(**json.loads(str(found["antenna"]))) if "antenna" in found else Antenna(),
            np.asarray(found["wraparound"]) if "wraparound" in found else np.zeros((1, 2)),
        )  # fmt: skip

    @classmethod
    def from_bytes(cls, data: bytes) -> Scene:
        """The scene that `to_bytes` gave."""
        with np.load(io.BytesIO(data), allow_pickle=False) as found:
            return cls.from_columns(found)


def pattern_db(antenna: Antenna, bearing_deg: Floats, tilt_deg: Floats, way_m: Floats) -> Floats:
    """Gain (…) dBi of the strongest beam along ways (…, 3) from masts (TR 38.901 7.3)."""
    import torch

    from ranvier.dtops.simulator.propagation.antenna_pattern import gain_db

    columns = (torch.from_numpy(np.array(each)) for each in (bearing_deg, tilt_deg, way_m))
    return np.asarray(gain_db(antenna, *columns).amax(dim=-1).numpy(), dtype=np.float64)


def about(scene: Scene) -> dict[str, Any]:
    """What a scene has besides columns, to store."""
    return {
        "name": scene.name, "kind": scene.kind, "slot_s": scene.slot_s, "noise_dbm": scene.noise_dbm,
        "attach_dbm": scene.attach_dbm, "cell_ids": np.array(scene.cell_ids, dtype=str),
        "user_ids": np.array(scene.user_ids, dtype=str), "antenna": json.dumps(asdict(scene.antenna)),
        "wraparound": scene.wraparound,
    }  # fmt: skip


def _in_range(name: str, column: Ints, size: int) -> None:
    if len(column) and not 0 <= int(column.min()) <= int(column.max()) < size:
        raise InputError(
            f"{name} of 0 to {size - 1}", f"{column.min()} to {column.max()}", "choose from these"
        )
