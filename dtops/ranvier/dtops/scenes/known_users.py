"""The users that the live graph knows: where they are, who serves them, and how strongly they hear it.

A user is a UE or a UE bin. Its place is that of its node, else its newest UE.Latitude and UE.Longitude. Its gain
to the cell that serves it follows from the power that it measured of it,

    g = RSRP − (P_tx − 10 log₁₀(12 N_RB))          dB; TS 38.215 5.1.1

and no other cell is heard better than the one that serves: modelled gains above that are lowered to it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from ranvier.dtops.scoring.counter_stream import name_key
from ranvier.dtops.simulator import streams
from ranvier.dtops.simulator.carrier import SUBCARRIERS
from ranvier.dtops.simulator.deployment.from_snapshot import LiveNetwork, has_place
from ranvier.dtops.simulator.link_gains import LinkGains
from ranvier.dtops.simulator.population import MOTIONS, Population
from ranvier.dtops.twin_state import TwinState
from ranvier.fabric.snapshot import Node, Snapshot

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
RSRP = ("SS-RSRP", "MDT.M1.RSRP")
PLACE = ("UE.Latitude", "UE.Longitude")
SPEED = "UE.Speed"
HEIGHT_M = 1.5
FRESH_STEPS = 6
"""Of what a user measured, nothing older is used."""
FAR_M = 20_000.0
"""From every mast: such a user is in another network."""
BELOW_DB = 0.01
"""By which another cell is heard below the one that serves, where the model has it above."""


@dataclass(frozen=True, slots=True)
class KnownUsers:
    """K users, (K,) each.

    ids
    position_m   (K, 3)
    speed_m_s    0 where it is not known
    serving      cell in the layout, −1 where the graph does not say
    rsrp_dbm     of that cell; NaN where it was not measured
    placeless    how many more the graph knows, without a place
    elsewhere    how many more are far away, or served by a cell that the layout does not have
    """

    ids: tuple[str, ...]
    position_m: Floats
    speed_m_s: Floats
    serving: Ints
    rsrp_dbm: Floats
    placeless: int = 0
    elsewhere: int = 0

    def __len__(self) -> int:
        return len(self.ids)

    def population(self, realisations: int) -> Population:
        """The same in every realisation: outdoors, and on foot or in the open where they move."""
        k, shape = len(self), (realisations, len(self))
        key = [streams.signed(name_key("known user", name)) for name in self.ids]
        moves = torch.from_numpy(np.where(self.speed_m_s > 0, MOTIONS.index("waypoint"), 0))
        no = torch.zeros(shape, dtype=torch.bool)
        return Population(
            key=torch.tensor(key, dtype=torch.int64),
            position_m=torch.from_numpy(self.position_m).expand(realisations, -1, -1),
            indoor=no, low_loss=no, in_car=no, speed_m_s=torch.from_numpy(self.speed_m_s).expand(shape),
            motion=moves, service=torch.zeros(k, dtype=torch.int64),
            demand=torch.ones(k, dtype=torch.float64), present=~no,
        )  # fmt: skip

    def heard(self, gains: LinkGains, network: LiveNetwork) -> LinkGains:
        """Modelled gains (R, K, L) with what was measured in their place."""
        cells, carrier = network.layout.cells, network.layout.carriers[0]
        each = torch.from_numpy(cells.power_dbm - 10 * np.log10(carrier.prbs * SUBCARRIERS))
        serving = torch.from_numpy(self.serving)[None, :, None]
        mine = (gains.cell == serving) & (serving >= 0)
        power = each.to(torch.float32)[gains.cell.clamp(min=0)]
        measured = torch.from_numpy(self.rsrp_dbm).to(torch.float32)[None, :, None]
        top = gains.gain_db.amax(dim=-1)
        own = torch.where(mine & torch.isfinite(measured), measured - power, top)
        level = torch.where(mine, own + power, -torch.inf).amax(dim=-1, keepdim=True)
        held = torch.where(torch.isfinite(level) & ~mine, torch.minimum(own, level - BELOW_DB - power), own)
        moved = torch.where(torch.isfinite(top), held - top, 0.0)
        return replace(gains, gain_db=gains.gain_db + moved[..., None])


def known_users(snapshot: Snapshot, state: TwinState, network: LiveNetwork) -> KnownUsers:
    """Those of a snapshot, in the order of their ids, with what the state has of their measurements."""
    told = newest(state)
    cell = {name: i for i, name in enumerate(network.names.du)}
    cell |= {name: i for i, name in enumerate(network.names.cu)}
    serving = {each.target_id: each.source_id for each in snapshot.relations if each.relation == "serves"}
    nodes = [each for kind in ("UE", "UEBin") for each in snapshot.of_class(kind)]
    rows, placeless, elsewhere = [], 0, 0
    for node in sorted(nodes, key=lambda each: each.node_id):
        degrees, source = _place(node, told), serving.get(node.node_id)
        if degrees is None:
            placeless += 1
            continue
        at = network.metres(np.array([degrees]))[0]
        far = np.hypot(*(network.layout.sites.position_m - at).T).min() > FAR_M
        if far or (source is not None and source not in cell):
            elsewhere += 1
            continue
        rsrp = next((v for name in RSRP if (v := told.get((node.node_id, name))) is not None), np.nan)
        speed = told.get((node.node_id, SPEED), 0.0) / 3.6
        rows.append((node.node_id, [*at, HEIGHT_M], speed, -1 if source is None else cell[source], rsrp))
    ids, place, speeds, cells, rsrps = zip(*rows, strict=True) if rows else ((), (), (), (), ())
    return KnownUsers(
        tuple(ids), np.array(place, dtype=float).reshape(-1, 3), np.array(speeds, dtype=float),
        np.array(cells, dtype=np.int64), np.array(rsrps, dtype=float), placeless, elsewhere,
    )  # fmt: skip


def newest(state: TwinState, steps: int = FRESH_STEPS) -> dict[tuple[str, str], float]:
    """Object and quantity to its newest value in the last steps."""
    recent = state.recent[:, -steps:]
    known = ~np.isnan(recent)
    last = recent.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
    return {
        (target.object_id, target.quantity): float(recent[i, last[i]])
        for i, target in enumerate(state.targets)
        if known[i].any()
    }


def _place(node: Node, told: dict[tuple[str, str], float]) -> tuple[float, float] | None:
    if has_place(node):
        return float(node.properties["latitude"]), float(node.properties["longitude"])
    found = [told.get((node.node_id, name)) for name in PLACE]
    return None if found[0] is None or found[1] is None else (found[0], found[1])
