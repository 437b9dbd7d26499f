"""`ConditionalGains`: the channel as far as a scene tells it, where users stand; drawn by each run where they go.

A scene tells the shadowing, delay spread, K and line of sight of a user's links at its place x₀, and nothing of
the places that its motion may lead to. There they are drawn from what is left open: a standard normal field f
with correlation c(d) = exp(−d / d_corr), of which f(x₀) = a is known, is

    f(x) = g(x) + c(|x − x₀|) (a − g(x₀))          g a field of the run

with mean c a and variance 1 − c²: simple kriging of one observation (Chilès & Delfiner 2012, 7.3). Of line of
sight only the state is told: a is drawn from the half-line on which the state is that one.

Each state of a link has fields of its own: when line of sight comes or goes, the new state's are the run's alone.
Only what a user's own links tell is heeded, not those of others that stand where it goes.

The loss of a car is told only together with shadowing, by what a user's links have in common. With z its standard
normal, and a(z) the fields of the n links that are told as they would have to be for the same gains,

    a(z) = a + (z − z₀) b,   b = M⁻¹ e_SF σ_car / σ_SF
    p(z | told) ∝ N(z; 0, 1) N(a(z); 0, (1 − ρ) I + ρ 1 1ᵀ)

which is normal again. Each run draws its own z, and takes a(z) for a: where users stand, nothing changes by it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

import torch
from torch import Tensor

from ranvier.dtops.simulator import streams
from ranvier.dtops.simulator.propagation import penetration
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
MOST_SITE_CORRELATION = 1 - 1e-9
"""Short of one, at which the fields of sites are one field and their covariance has no inverse."""


@dataclass(frozen=True)
class ConditionalGains(StatisticalGains):
    """As `StatisticalGains`, with the scene's gains at the population's places and the run's beyond them.

    Buildings stay as the scene has them: who is indoors does not move.

    large_scale_told   False: of the scene only line of sight is told; shadowing, K and delay spread are the run's,
                       and cars are as the scene has them, since medians tell their loss
    told_sites         (U, S) bool: to which sites each user's links are told; None: to all
    """

    large_scale_told: bool = True
    told_sites: Tensor | None = None

    def _field_keys(self, purpose: int, *parts: Tensor | int) -> Tensor:
        return self.seeds.run_keys(purpose, *parts)

    def _traits(self, near: Near, which: Tensor) -> UserTraits:
        user = super()._traits(near, which)
        told, far = self._told.at(near, which)
        user.car_normal = torch.where((far == 0).all(dim=1), user.car_normal, told.car_normal[:, 0])
        return user

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
            far[..., None] == 0, told.fields, fresh + correlation * (told.car_fields - told.run_fields)
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
        found = scene._fields(near, place, state, which)
        car, car_fields = self._car(user, found, state, which)
        return _Told(
            near.offset_m, state, car[:, None].expand_as(state),
            torch.special.ndtri(level.clamp(LEAST_LEVEL, 1 - LEAST_LEVEL)), super()._sight(near, which),
            found, car_fields, super()._fields(near, place, state, which),
        )  # fmt: skip

    def _car(self, user: UserTraits, found: Tensor, state: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
        """The run's z (n,), drawn given the gains of the scene's fields a (n, S, 3), and a(z)."""
        if not (self.large_scale_told and self.shadowing and bool(user.in_car.any())):
            return user.car_normal, found
        table = self._states
        shadow = torch.zeros(3, 3, 1, dtype=torch.float64, device=found.device)
        shadow[:, 0] = penetration.CAR_SIGMA_DB / table.sigma[:, :1]
        change = torch.linalg.solve(table.mixing, shadow)[..., 0][state] * user.in_car[:, None, None]
        told = torch.ones_like(state, dtype=torch.bool)
        if self.told_sites is not None:
            told = self.told_sites.to(state.device)[which[:, 1]]
        precision = torch.ones_like(user.car_normal)
        slope = user.car_normal.clone()
        for each in (LOS, NLOS, O2I):
            links = told & (state == each)
            precision += self._product(change, change, links)
            slope += self._product(change, found, links)
        keys = self.seeds.run_keys(streams.purpose("car where told"))[which[:, 0]]
        drawn = streams.normal(streams.chain(keys, self.population.key[which[:, 1]]))
        step = torch.where(user.in_car, -slope / precision + drawn * precision.rsqrt(), 0.0)
        return user.car_normal + step, found + step[:, None, None] * change

    def _product(self, a: Tensor, b: Tensor, links: Tensor) -> Tensor:
        """aᵀ C⁻¹ b (n,) over the links (n, S) of one state, C = (1 − ρ) I + ρ 1 1ᵀ (Sherman & Morrison 1950)."""
        rho = min(self.site_correlation, MOST_SITE_CORRELATION)
        a, b = a * links[..., None], b * links[..., None]
        common = rho / (1 - rho + rho * links.sum(dim=1))
        apart = (a * b).sum(dim=1) - common[:, None] * a.sum(dim=1) * b.sum(dim=1)
        return apart.sum(dim=1) / (1 - rho)


@dataclass(frozen=True, slots=True)
class _Told:
    """Of users (…) and S sites, where users stand in the scene.

    offset_m             (…, S, 2) from the site to the user
    state                (…, S) int64
    car_normal           (…, S) standard normal of the user's car, drawn by the run given the gains
    sight, run_sight     (…, S) standard normal of line of sight: drawn given the state, and of the run's field
    fields               (…, S, 3) independent standard normals as the scene has them
    car_fields           (…, S, 3) those with which the run's car has the same gains
    run_fields           (…, S, 3) of the run's own fields
    """

    offset_m: Tensor
    state: Tensor
    car_normal: Tensor
    sight: Tensor
    run_sight: Tensor
    fields: Tensor
    car_fields: Tensor
    run_fields: Tensor

    def columns(self) -> tuple[Tensor, ...]:
        """All, in their order."""
        return tuple(getattr(self, each.name) for each in fields(self))

    def at(self, near: Near, which: Tensor) -> tuple[_Told, Tensor]:
        """Of the sites of n users (n, M), and how far (n, M) each user is from its place, seen from the site."""
        at = (which[:, 0][:, None], which[:, 1][:, None], near.site)
        told = _Told(*(column[at] for column in self.columns()))
        return told, torch.linalg.vector_norm(near.offset_m - told.offset_m, dim=-1)
