"""`StatisticalGains`: the channel of TR 38.901 as a source of gains, a pure function of scene, user and place.

Links come from the nearest sites: all of a site's cells or none, so that co-sited sectors share their line of
sight, shadowing, delay spread and K. Fields are asked at the user's place relative to the site, after the
nearest image where the plane repeats, on a grid of one metre.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ranvier.dtops.scoring.counter_stream import name_key
from ranvier.dtops.simulator import streams
from ranvier.dtops.simulator.layout import Layout
from ranvier.dtops.simulator.link_gains import LinkGains
from ranvier.dtops.simulator.population import Population
from ranvier.dtops.simulator.propagation import penetration
from ranvier.dtops.simulator.propagation.antenna_pattern import gain_db
from ranvier.dtops.simulator.propagation.large_scale import LOS, NLOS, O2I, LargeScale, large_scale
from ranvier.dtops.simulator.propagation.line_of_sight import (
    CORRELATION_M,
    environment_height,
    los_probability,
)
from ranvier.dtops.simulator.propagation.near_sites import Near, SiteTable, nearest
from ranvier.dtops.simulator.propagation.path_loss import Paths, check_frequency, path_loss_db
from ranvier.dtops.simulator.propagation.random_field import Field, fields, values
from ranvier.dtops.simulator.seeds import Seeds

GRID_M = 1.0
"""Places within one square are one place."""
CHUNK_USERS = 1024
"""So many users are worked out at once, to bound the memory."""
_SHARED = streams.signed(name_key("shared by all sites"))


@dataclass(frozen=True)
class StatisticalGains:
    """Gains of a population in a layout; both have R realisations with `seeds`.

    site_correlation    of fields between sites, 0 to 1
    line_of_sight       None: drawn; True or False: everywhere
    shadowing           False: none, and delay spread and K at their medians
    """

    seeds: Seeds
    population: Population
    layout: Layout
    site_correlation: float = 0.0
    line_of_sight: bool | None = None
    shadowing: bool = True

    def __post_init__(self) -> None:
        for carrier in self.layout.carriers:
            check_frequency(self.layout.environment, carrier.frequency_hz)

    def gains(self, layout: Layout, position_m: Tensor, which: Tensor | None = None) -> LinkGains:
        """See `GainSource`; `layout` differs from this object's in how its cells are set up, at most."""
        realisations, users = position_m.shape[:2]
        if which is None:
            r, u = torch.meshgrid(torch.arange(realisations), torch.arange(users), indexing="ij")
            which, shape = torch.stack([r.reshape(-1), u.reshape(-1)], dim=1), (realisations, users)
        else:
            shape = (1, len(which))
        which = which.to(position_m.device)
        places = position_m[which[:, 0], which[:, 1]]
        parts = [
            self._some(layout, places[i : i + CHUNK_USERS], which[i : i + CHUNK_USERS])
            for i in range(0, len(which), CHUNK_USERS)
        ]
        found = (torch.cat(column) for column in zip(*parts, strict=True))
        return LinkGains(*(column.reshape(*shape, *column.shape[1:]) for column in found))

    def _some(self, layout: Layout, place_m: Tensor, which: Tensor) -> tuple[Tensor, ...]:
        """Columns of LinkGains for n users at `place_m` (n, 3) that are `which` (n, 2)."""
        snapped = on_grid(place_m)
        near = nearest(self._table, snapped)
        user = self._traits(which)
        paths = self._paths(near, snapped, user, which)
        los = self._los(near, paths, which)
        state = torch.where(user.indoor[:, None], O2I, torch.where(los, LOS, NLOS))
        shadow, k_factor, spread = self._large_scale(near, snapped, state, which)
        gain = self._cell_gains(layout, near, snapped, paths, los, shadow, user)
        cells = near.cells.shape[2]

        def per_link(column: Tensor) -> Tensor:
            return column[:, :, None].expand(-1, -1, cells).reshape(len(column), -1)

        return (
            near.cells.reshape(len(place_m), -1), gain.reshape(len(place_m), -1, gain.shape[-1]),
            per_link(los), per_link(spread), per_link(k_factor),
        )  # fmt: skip

    def _traits(self, which: Tensor) -> UserTraits:
        return UserTraits(self.population, self.seeds, which, self.layout.environment)

    def _paths(self, near: Near, place_m: Tensor, user: UserTraits, which: Tensor) -> Paths:
        flat = torch.sqrt(near.offset_m[..., 0] ** 2 + near.offset_m[..., 1] ** 2)
        height = place_m[:, 2:3].expand_as(flat)
        rise = near.height_m - height
        keys = self._keys("environment height", which)
        draw = streams.uniform(streams.chain(keys[:, None], self._site_keys[near.site]))
        depth = torch.minimum(user.depth_m[:, None], flat)
        return Paths(
            flat, flat - depth, torch.sqrt(flat * flat + rise * rise).clamp(min=1.0), height, near.height_m,
            environment_height(self.layout.environment, flat, height, draw),
        )  # fmt: skip

    def _los(self, near: Near, paths: Paths, which: Tensor) -> Tensor:
        if self.line_of_sight is not None:
            return torch.full_like(near.site, int(self.line_of_sight), dtype=torch.bool)
        level: Tensor = torch.special.ndtr(self._sight(near, which))
        return level < los_probability(self.layout.environment, paths.distance_out, paths.user_height)

    def _sight(self, near: Near, which: Tensor) -> Tensor:
        """(n, M) float64, standard normal: there is line of sight where it is low enough."""
        field = Field(*(part[which[:, 0][:, None], near.site] for part in self._waves["line of sight"]))
        return values(field, near.offset_m[..., 0], near.offset_m[..., 1]).double()

    def _large_scale(
        self, near: Near, place_m: Tensor, state: Tensor, which: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Shadowing in dB, K in dB and delay spread in seconds, (n, M) float32."""
        table = self._states
        if self.shadowing:
            independent = self._fields(near, place_m, state, which)
            mixed = table.mixing[state]
            drawn = mixed[..., 0] * independent[..., 0:1]
            for each in (1, 2):
                drawn = drawn + mixed[..., each] * independent[..., each : each + 1]
        else:
            drawn = torch.zeros((*state.shape, 3), dtype=torch.float64, device=state.device)
        found = table.mean[state] + table.sigma[state] * drawn
        k_factor = torch.where(state == LOS, found[..., 1], -math.inf)
        return found[..., 0].float(), k_factor.float(), (10 ** found[..., 2]).float()

    def _fields(self, near: Near, place_m: Tensor, state: Tensor, which: Tensor) -> Tensor:
        """(n, M, 3) float64, independent standard normals of SF, K and DS."""
        x, y = near.offset_m[..., 0, None], near.offset_m[..., 1, None]
        own = self._waves["large scale"]
        at = (which[:, 0][:, None], near.site, state)
        found = values(
            Field(*(part[at] for part in own)), x.expand(*state.shape, 3), y.expand(*state.shape, 3)
        )
        if self.site_correlation == 0:
            return found.double()
        shared = self._waves["shared"]
        everywhere = place_m[:, None, None, :2].expand(*state.shape, 3, 2)
        common = values(
            Field(*(part[which[:, 0][:, None], state] for part in shared)),
            everywhere[..., 0],
            everywhere[..., 1],
        )
        rho = self.site_correlation
        return math.sqrt(1 - rho) * found.double() + math.sqrt(rho) * common.double()

    def _cell_gains(
        self, layout: Layout, near: Near, place_m: Tensor, paths: Paths, los: Tensor, shadow: Tensor,
        user: UserTraits,
    ) -> Tensor:  # fmt: skip
        """(n, M, Q, B) float32: gain of every cell of the near sites; −inf where a site has fewer."""
        cell = near.cells.clamp(min=0)
        offset = torch.cat([near.offset_m, (place_m[:, 2:3] - near.height_m)[..., None]], dim=-1)
        antenna = _antenna_gain_db(layout, cell, offset)
        loss = torch.zeros_like(antenna[..., 0])
        carrier_of = torch.from_numpy(layout.cells.carrier).to(cell.device)[cell]
        for index, carrier in enumerate(layout.carriers):
            ghz = carrier.frequency_hz / 1e9
            path = path_loss_db(
                layout.environment, ghz, paths, los, layout.street_width_m, layout.building_height_m
            )
            one = path + user.loss_db(ghz)[:, None] - shadow
            loss = torch.where(carrier_of == index, one[..., None], loss)
        gain = (antenna - loss[..., None]).to(torch.float32)
        return torch.where((near.cells >= 0)[..., None], gain, -math.inf)

    # ------------------------------------------------------------ what is worked out once
    @cached_property
    def _table(self) -> SiteTable:
        return SiteTable.of(self.layout, self.population.position_m.device)

    @cached_property
    def _site_keys(self) -> Tensor:
        keys = [streams.signed(name_key("site", name)) for name in self.layout.sites.ids]
        return torch.tensor(keys, device=self.population.position_m.device)

    @cached_property
    def _states(self) -> _States:
        return _States.of(
            large_scale(self.layout.environment, self.layout.carriers[0].frequency_hz / 1e9),
            self.population.position_m.device,
        )

    @cached_property
    def _waves(self) -> dict[str, Field]:
        """Waves of the fields: of line of sight (R, S, J), the others (R, S, 3, 3, J), shared ones (R, 3, 3, J)."""
        sites = self._site_keys
        state, parameter = torch.arange(3)[:, None], torch.arange(3)
        distance = torch.as_tensor(self._states.distance_m)
        purpose = streams.purpose("large-scale field")
        device, kind = sites.device, self.layout.environment
        state, parameter = state.to(device), parameter.to(device)
        own = self._field_keys(purpose, sites[None, :, None, None], state, parameter)
        shared = self._field_keys(purpose, (state * 0 + _SHARED)[None], state[None], parameter[None])
        sight = self._field_keys(streams.purpose("line of sight field"), sites[None])
        return {
            "large scale": fields(own, distance.expand(own.shape)),
            "shared": fields(shared, distance.expand(shared.shape)),
            "line of sight": fields(sight, torch.full_like(sight, 1, dtype=torch.float64) * CORRELATION_M[kind]),
        }  # fmt: skip

    def _field_keys(self, purpose: int, *parts: Tensor | int) -> Tensor:
        return self.seeds.scene_keys(purpose, *parts)

    def _keys(self, purpose: str, which: Tensor) -> Tensor:
        return _user_keys(self.seeds, self.population, purpose, which)


def on_grid(place_m: Tensor) -> Tensor:
    """Places (n, 3) in the middle of their squares."""
    snapped = place_m.clone()
    snapped[:, :2] = torch.floor(place_m[:, :2] / GRID_M) * GRID_M + GRID_M / 2
    return snapped


@dataclass(frozen=True, slots=True)
class _States:
    """`LargeScale` of the three states as tensors: (3, 3), mixing (3, 3, 3)."""

    mean: Tensor
    sigma: Tensor
    distance_m: Tensor
    mixing: Tensor

    @classmethod
    def of(cls, states: tuple[LargeScale, ...], device: torch.device) -> _States:
        columns = (
            np.stack([getattr(each, name) for each in states])
            for name in ("mean", "sigma", "distance_m", "mixing")
        )
        return cls(*(torch.as_tensor(column, device=device) for column in columns))


class UserTraits:
    """What n users are, wherever they go: indoors, in a car, and what that costs.

    indoor   (n,) bool; depth_m (n,) within the building
    car_db   (n,) loss of the car; 0 outside of one
    """

    def __init__(self, population: Population, seeds: Seeds, which: Tensor, environment: str) -> None:
        at = (which[:, 0], which[:, 1])
        self.indoor, self._low = population.indoor[at], population.low_loss[at]

        def keys(purpose: str) -> Tensor:
            return _user_keys(seeds, population, purpose, which)

        first, second = (streams.uniform(keys(f"indoor depth {i}")) for i in (1, 2))
        depth = penetration.indoor_depth_m(environment, first, second)  # type: ignore[arg-type]
        self.depth_m = torch.where(self.indoor, depth, 0.0)
        self._wall, glass = (streams.normal(keys(name)) for name in ("building", "car"))
        self.car_db = torch.where(population.in_car[at], penetration.car_loss_db(glass), 0.0)

    def loss_db(self, ghz: float) -> Tensor:
        """Penetration (n,) in dB."""
        building = penetration.building_loss_db(ghz, self._low, self.depth_m, self._wall)
        return torch.where(self.indoor, building, 0.0) + self.car_db


def _user_keys(seeds: Seeds, population: Population, purpose: str, which: Tensor) -> Tensor:
    """(n,) int64 keys of draws that belong to users in their scene."""
    scene = seeds.scene.to(which.device)[which[:, 0]]
    return streams.chain(scene, streams.purpose(purpose), population.key[which[:, 1]])


def _antenna_gain_db(layout: Layout, cell: Tensor, offset_m: Tensor) -> Tensor:
    """(n, M, Q, B) of cells (n, M, Q) towards users at offset_m (n, M, 3) from their masts."""
    device = cell.device
    azimuth = torch.from_numpy(layout.cells.azimuth_deg).to(device)[cell]
    tilt = torch.from_numpy(layout.cells.tilt_deg).to(device)[cell]
    offset = offset_m[:, :, None, :].expand(*cell.shape, 3)
    if len(layout.antennas) == 1 or layout.antenna_of_cell is None:
        return gain_db(layout.antennas[0], azimuth, tilt, offset)
    kind = torch.from_numpy(layout.antenna_of_cell).to(device)[cell]
    beams = max(antenna.beams for antenna in layout.antennas)
    found = torch.full((*cell.shape, beams), -math.inf, dtype=offset.dtype, device=device)
    for index, antenna in enumerate(layout.antennas):
        one = gain_db(antenna, azimuth, tilt, offset)
        found[..., : antenna.beams] = torch.where(
            (kind == index)[..., None], one, found[..., : antenna.beams]
        )
    return found
