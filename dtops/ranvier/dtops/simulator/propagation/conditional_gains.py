"""`ConditionalGains`: the channel as far as a scene tells it, where users stand; drawn by each run where they go.

A scene tells the shadowing, delay spread, K and line of sight of a user's links at its place x₀, and nothing of
the places that its motion may lead to. There they are drawn from what is left open: a standard normal field f
with correlation c(d) = exp(−d / d_corr), of which f(x₀) = a is known, is

    f(x) = g(x) + c(|x − x₀|) (a − g(x₀))          g a field of the run

with mean c a and variance 1 − c²: simple kriging of one observation (Chilès & Delfiner 2012, 7.3). Of line of
sight only the state is told: a is drawn from the half-line on which the state is that one.

Each state of a link has fields of its own: when line of sight comes or goes, the new state's are the run's alone.
Only what a user's own links tell is heeded, not those of others that stand where it goes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ranvier.dtops.simulator import streams
from ranvier.dtops.simulator.propagation.large_scale import LOS, NLOS, O2I
from ranvier.dtops.simulator.propagation.line_of_sight import CORRELATION_M, los_probability
from ranvier.dtops.simulator.propagation.near_sites import Near, offsets
from ranvier.dtops.simulator.propagation.statistical_gains import (
    CHUNK_USERS,
    StatisticalGains,
    UserTraits,
    on_grid,
)

LEAST_LEVEL = 1e-12


@dataclass(frozen=True)
class ConditionalGains(StatisticalGains):
    """As `StatisticalGains`, with the scene's gains at the population's places and the run's beyond them.

    What belongs to a user and not to a place (building, car) stays as the scene has it.

    large_scale_told   False: of the scene only line of sight is told; shadowing, K and delay spread are the run's
    """

    large_scale_told: bool = True

    def _field_keys(self, purpose: int, *parts: Tensor | int) -> Tensor:
        return self.seeds.run_keys(purpose, *parts)

    def _sight(self, near: Near, which: Tensor) -> Tensor:
        told, far = self._told.at(near, which)
        correlation = torch.exp(-far / CORRELATION_M[self.layout.environment])
        fresh = super()._sight(near, which) + correlation * (told.sight - told.run_sight)
        return torch.where(far == 0, told.sight, fresh)

    def _fields(self, near: Near, place_m: Tensor, state: Tensor, which: Tensor) -> Tensor:
        if not self.large_scale_told:
            return super()._fields(near, place_m, state, which)
        told, far = self._told.at(near, which)
        correlation = torch.exp(-far[..., None] / self._states.distance_m[state])
        fresh = super()._fields(near, place_m, state, which)
        drawn = torch.where(
            far[..., None] == 0, told.fields, fresh + correlation * (told.fields - told.run_fields)
        )
        return torch.where((state == told.state)[..., None], drawn, fresh)

    @cached_property
    def _told(self) -> _Told:
        realisations, users = self.population.position_m.shape[:2]
        r, u = torch.meshgrid(torch.arange(realisations), torch.arange(users), indexing="ij")
        which = torch.stack([r.reshape(-1), u.reshape(-1)], dim=1).to(self.population.position_m.device)
        parts = [self._told_of(which[i : i + CHUNK_USERS]) for i in range(0, len(which), CHUNK_USERS)]
        columns = (torch.cat(column) for column in zip(*(part.columns() for part in parts), strict=True))
        return _Told(*(column.reshape(realisations, users, *column.shape[1:]) for column in columns))

    def _told_of(self, which: Tensor) -> _Told:
        """Of n users at all sites: what the scene has where they stand, and what the run's fields have there."""
        scene = StatisticalGains(
            self.seeds, self.population, self.layout, self.site_correlation, self.line_of_sight
        )
        place = on_grid(self.population.position_m[which[:, 0], which[:, 1]])
        table = self._table
        site = torch.arange(len(table.position_m), device=place.device).expand(len(place), -1)
        near = Near(site, offsets(table, place), table.height_m[site], table.cells[site])
        user = UserTraits(self.population, self.seeds, which, self.layout.environment)
        paths = self._paths(near, place, user, which)
        los = scene._los(near, paths, which)
        state = torch.where(user.indoor[:, None], O2I, torch.where(los, LOS, NLOS))
        likely = los_probability(self.layout.environment, paths.distance_out, paths.user_height)
        keys = self.seeds.run_keys(streams.purpose("line of sight where told"))[which[:, 0]]
        draw = streams.uniform(
            streams.chain(keys[:, None], self.population.key[which[:, 1]][:, None], self._site_keys)
        )
        level = torch.where(los, draw * likely, likely + draw * (1 - likely))
        return _Told(
            near.offset_m, state,
            torch.special.ndtri(level.clamp(LEAST_LEVEL, 1 - LEAST_LEVEL)), super()._sight(near, which),
            scene._fields(near, place, state, which), super()._fields(near, place, state, which),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Told:
    """Of users (…) and S sites, where users stand in the scene.

    offset_m             (…, S, 2) from the site to the user
    state                (…, S) int64
    sight, run_sight     (…, S) standard normal of line of sight: drawn given the state, and of the run's field
    fields, run_fields   (…, S, 3) independent standard normals: the scene's, and of the run's fields
    """

    offset_m: Tensor
    state: Tensor
    sight: Tensor
    run_sight: Tensor
    fields: Tensor
    run_fields: Tensor

    def columns(self) -> tuple[Tensor, ...]:
        """All, in their order."""
        return self.offset_m, self.state, self.sight, self.run_sight, self.fields, self.run_fields

    def at(self, near: Near, which: Tensor) -> tuple[_Told, Tensor]:
        """Of the sites of n users (n, M), and how far (n, M) each user is from its place, seen from the site."""
        at = (which[:, 0][:, None], which[:, 1][:, None], near.site)
        told = _Told(*(column[at] for column in self.columns()))
        return told, torch.linalg.vector_norm(near.offset_m - told.offset_m, dim=-1)
