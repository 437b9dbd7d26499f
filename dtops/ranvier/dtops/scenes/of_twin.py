"""Scenes of a live network, from its graph and telemetry: the columns that a scene of the simulator has.

    Snapshot ► from_snapshot ► layout ► cells ───────────────┐
    Snapshot + TwinState ► known users, measured gains ──────┤► Scene, one for each member
    TwinState ► members (or a prior of counters) ► drawn users ┘

Cells stand where the graph has them. Users are those whose place it knows; the others that the counters tell of
are drawn as the simulator draws them (`live_users`). What neither graph nor telemetry says is assumed, and how
often is told: attributes of cells, load and users of cells without counters, that known users are outdoors, and
that everyone loads files of 2 Mbit one after another. A user's gains are those of TR 38.901 with the member's
offset of the cell, but for what the user measured.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ranvier.dtops.ensemble_filter import Drift
from ranvier.dtops.members import Members
from ranvier.dtops.scenes.drawn import cell_columns, link_columns
from ranvier.dtops.scenes.known_users import KnownUsers, known_users, newest
from ranvier.dtops.scenes.scene import LinkColumns, Scene, UserColumns
from ranvier.dtops.simulator.deployment.from_snapshot import LiveNetwork, from_snapshot
from ranvier.dtops.simulator.link.noise import prb_noise_mw
from ranvier.dtops.simulator.link_gains import LinkGains
from ranvier.dtops.simulator.live_counters import observations
from ranvier.dtops.simulator.live_users import (
    FILE_BITS,
    Candidates,
    LiveUsers,
    best_cell,
    by_cell,
    counted,
    shifted,
)
from ranvier.dtops.simulator.member_draws import prior
from ranvier.dtops.simulator.population import SERVICES, Population
from ranvier.dtops.simulator.propagation.statistical_gains import StatisticalGains
from ranvier.dtops.twin_state import TwinState
from ranvier.fabric.snapshot import Snapshot
from ranvier.ontology.errors import InputError

VOLUME = "DRB.PdcpSduVolumeDL"
MEMBERS = 8
SERVICE = SERVICES.index("ftp3")
DRAWN = "drawn:"
"""Begins the ids of users that nobody knows."""


@dataclass(frozen=True, slots=True)
class Assumed:
    """What was not known, and had to be assumed: counts.

    attributes           attribute of cells to how many lack it
    cells_left_out       without a place
    cells_without_load   whose offered load no counter tells; `cells_without_users`: whose users
    users_known          whose place is known; `users_drawn`: the others, mean over members
    gains_measured       users whose gain to the serving cell is measured; the rest are modelled
    users_placeless      that the graph knows without a place: they count among the drawn
    users_elsewhere      far from every mast, or served by a cell without a place: left out
    """

    attributes: Mapping[str, int] = field(default_factory=dict)
    cells_left_out: int = 0
    cells_without_load: int = 0
    cells_without_users: int = 0
    users_known: int = 0
    users_drawn: float = 0.0
    gains_measured: int = 0
    users_placeless: int = 0
    users_elsewhere: int = 0


class TwinScenes(NamedTuple):
    """One scene for each member, the members, and what was assumed."""

    scenes: list[Scene]
    members: Members
    assumed: Assumed


def scenes_of(snapshot: Snapshot | None, state: TwinState, many: int = MEMBERS) -> list[Scene]:
    """One scene for each of the state's members, or for `many` around its counters where it has none.

    Raises InputError where the graph does not determine a scene: no NR cell has a place.
    """
    return twin_scenes(snapshot, state, many).scenes


def scene_of(snapshot: Snapshot | None, state: TwinState) -> Scene:
    """One scene: of the members' mean. Raises InputError as `scenes_of`."""
    maker = SceneMaker(network_of(snapshot))
    members = maker.members(state, MEMBERS)[0]
    return maker.scenes(mean_member(members), state, snapshot=snapshot).scenes[0]


def twin_scenes(snapshot: Snapshot | None, state: TwinState, many: int = MEMBERS) -> TwinScenes:
    """The scenes of the members with what was assumed. Raises InputError as `scenes_of`."""
    maker = SceneMaker(network_of(snapshot))
    members, assumed = maker.members(state, many)
    return maker.scenes(members, state, assumed, snapshot)


def network_of(snapshot: Snapshot | None) -> LiveNetwork:
    """The layout of a graph. Raises InputError where it has none, or no cell with a place."""
    if snapshot is None:
        raise InputError(
            "a graph with NR cells that have a latitude and a longitude", "no graph",
            "feed a configuration snapshot (docs/operators.md)",
        )  # fmt: skip
    return from_snapshot(snapshot)


def mean_member(members: Members) -> Members:
    """One member in the middle of all: geometric means of load and users, mean gain."""

    def middle(column: Any) -> Any:
        return np.exp(np.log(column).mean(axis=0, keepdims=True))

    return replace(
        members, offered_bit_s=middle(members.offered_bit_s), users=middle(members.users),
        gain_db=members.gain_db.mean(axis=0, keepdims=True), seed=members.seed[:1],
    )  # fmt: skip


class SceneMaker:
    """Makes scenes of one network. Candidates are dropped and heard once, and kept for the next time."""

    def __init__(self, network: LiveNetwork, drift: Drift | None = None) -> None:
        self.network, self._drift = network, drift or Drift()
        self._cells = cell_columns(network.layout)
        self._candidates: Candidates | None = None

    def members(self, state: TwinState, many: int) -> tuple[Members, Assumed]:
        """The state's own members, where they are of these cells; else `many` around its counters."""
        names = self.network.names
        found = observations(state, names)
        volume = self._offered_bit_s(state)
        none = np.isnan(found["RRU.PrbTotDl"]) & np.isnan(volume)
        assumed = Assumed(
            dict(self.network.assumed), len(self.network.left_out), int(none.sum()),
            int(np.isnan(found["RRC.ConnMean"]).sum()),
        )  # fmt: skip
        if state.members is not None and state.members.cells == names.du:
            return state.members, replace(assumed, cells_without_load=0, cells_without_users=0)
        members = prior(found, names.du, many, state.as_of_ns // state.step_ns, self._drift)
        told = np.isfinite(volume)
        spread = members.offered_bit_s / np.exp(np.log(members.offered_bit_s).mean(axis=0))
        return (
            replace(members, offered_bit_s=np.where(told, volume * spread, members.offered_bit_s)),
            assumed,
        )

    def scenes(
        self, members: Members, state: TwinState | None = None, assumed: Assumed | None = None,
        snapshot: Snapshot | None = None,
    ) -> TwinScenes:  # fmt: skip
        """One scene for each member.

        Users that are known come from the state, and from its graph unless another is given; none without a state.
        """
        graph = snapshot or (state.snapshot if state is not None else None)
        known = _nobody() if state is None or graph is None else known_users(graph, state, self.network)
        seeds = tuple(int(each) for each in members.seed)
        if self._candidates is None or self._candidates.scene_seeds != seeds:
            self._candidates = Candidates(self.network.layout, seeds)
        there = _Known.of(known, members, self._candidates, self.network)
        users = self._candidates.of(members, there.count)
        as_of_ns = 0 if state is None else state.as_of_ns
        scenes = [self._scene(e, users, there, as_of_ns) for e in range(len(members))]
        return TwinScenes(scenes, members, replace(
            assumed or Assumed(dict(self.network.assumed), len(self.network.left_out)),
            users_known=len(known), users_drawn=float(users.people.present.sum()) / len(members),
            gains_measured=int((np.isfinite(known.rsrp_dbm) & (known.serving >= 0)).sum()),
            users_placeless=known.placeless, users_elsewhere=known.elsewhere,
        ))  # fmt: skip

    def _offered_bit_s(self, state: TwinState) -> np.ndarray:
        """(c,) what the volume counter says; NaN where there is none. Under load it is less than what is asked."""
        told = newest(state)
        names = zip(self.network.names.du, self.network.names.cu, strict=True)
        found = [told.get((du, VOLUME), told.get((cu, VOLUME), np.nan)) for du, cu in names]
        return np.maximum(np.array(found) * 1e6 / (state.step_ns / 1e9), 1e3)

    def _scene(self, e: int, users: LiveUsers, known: _Known, as_of_ns: int) -> Scene:
        candidates, layout = self._candidates, self.network.layout
        assert candidates is not None
        carrier = layout.carriers[0]
        here = torch.nonzero(users.people.present[e])[:, 0]
        people, gains = _one(users.people, e, here), _gains_of(users.gains, e, here)
        everyone = torch.arange(len(known.users))
        others, heard = _one(known.people, e, everyone), _gains_of(known.gains, e, everyone)
        asked = by_cell(users.files_s, known.best)[e]
        names = (*(f"{DRAWN}{int(key)}" for key in people.key), *known.users.ids)
        return Scene(
            f"live-{as_of_ns}-{candidates.scene_seeds[e]}", "live", carrier.slot_s,
            10 * math.log10(prb_noise_mw(carrier, candidates.scenario.noise_figure_db)),
            candidates.scenario.control.minimum_rsrp_dbm, self._cells,
            _together([_user_columns(people, users.demand[e, here]), _user_columns(others, asked)]),
            _links_together([link_columns(layout, people, gains), link_columns(layout, others, heard)], len(here)),
            layout.cells.ids, names, layout.antennas[0], layout.wraparound,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Known:
    """The known users in every member: `best` (E, K) their cells, `count` (E, C) how many are in each."""

    users: KnownUsers
    people: Population
    gains: LinkGains
    best: Tensor
    count: Tensor

    @classmethod
    def of(cls, users: KnownUsers, members: Members, candidates: Candidates, network: LiveNetwork) -> _Known:
        layout, people = network.layout, users.population(len(members))
        if not len(users):
            none = torch.zeros((len(members), len(layout.cells)), dtype=torch.int64)
            return cls(users, people, _silence(len(members)), none[:, :0], none)
        gains = StatisticalGains(candidates.seeds, people, layout).gains(layout, people.position_m)
        offset = torch.from_numpy(members.gain_db).to(torch.float32)[:, None]
        heard = users.heard(shifted(gains, offset), network)
        best = best_cell(heard, layout)
        return cls(users, people, heard, best, counted(best, len(layout.cells)))


def _nobody() -> KnownUsers:
    none = np.zeros(0)
    return KnownUsers((), np.zeros((0, 3)), none, none.astype(np.int64), none)


def _silence(realisations: int) -> LinkGains:
    none = torch.zeros((realisations, 0, 1))
    return LinkGains(none.long(), none[..., None], none.bool(), none, none)


def _one(people: Population, e: int, chosen: Tensor) -> Population:
    """Some users of one realisation."""
    columns = {}
    for name in people.__slots__:
        column = getattr(people, name)
        by_run = name in {"position_m", "indoor", "low_loss", "in_car", "speed_m_s", "present"}
        columns[name] = column[e : e + 1, chosen] if by_run else column[chosen]
    return Population(**columns)


def _gains_of(gains: LinkGains, e: int, chosen: Tensor) -> LinkGains:
    return LinkGains(*(getattr(gains, name)[e : e + 1, chosen] for name in gains.__slots__))


def _user_columns(people: Population, files_s: Tensor) -> UserColumns:
    place, n = people.position_m[0].numpy(), len(people)
    moves = people.motion.numpy() != 0
    return UserColumns(
        place[:, 0].copy(), place[:, 1].copy(), place[:, 2].copy(),
        np.where(moves, people.speed_m_s[0].numpy(), 0.0), people.motion.numpy().copy(),
        people.indoor[0].numpy().copy(), np.full(n, SERVICE, dtype=np.int64),
        files_s.numpy() * FILE_BITS, np.full(n, float(FILE_BITS)), np.zeros(n),
    )  # fmt: skip


def _together(parts: list[UserColumns]) -> UserColumns:
    return UserColumns(*(
        np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(UserColumns)
    ))  # fmt: skip


def _links_together(parts: list[LinkColumns], drawn: int) -> LinkColumns:
    """Links of the drawn users, then of the known ones, who stand behind them."""
    moved = [parts[0], replace(parts[1], user=parts[1].user + drawn)]
    return LinkColumns(*(
        np.concatenate([getattr(part, each.name) for part in moved]) for each in fields(LinkColumns)
    ))  # fmt: skip
