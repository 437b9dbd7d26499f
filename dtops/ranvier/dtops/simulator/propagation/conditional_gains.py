"""`ConditionalGains`: the channel as far as a scene tells it, where users stand; drawn by each run where they go.

A scene tells the shadowing, delay spread, K and line of sight of a user's links at its place x₀, and nothing of
the places that its motion may lead to. There they are drawn from what is left open: a standard normal field f
with correlation c(d) = exp(−d / d_corr), of which f(x₀) = a is known, is

    f(x) = g(x) + c(|x − x₀|) (a − g(x₀))          g a field of the run

with mean c a and variance 1 − c²: simple kriging of one observation (Chilès & Delfiner 2012, 7.3). Of line of
sight only the state is told: a is drawn from the half-line on which the state is that one.

Each state of a link has fields of its own: when line of sight comes or goes, the new state's are the run's alone.
Only what a user's own links tell is heeded, not those of others that stand where it goes.

Whether a user outdoors is in a car, and what that costs it, is told only together with shadowing, by what its links
have in common. With L the loss in dB, and a(L) the fields of the links that are told as they then must have been,

    a(L) = a + (L − L₀) b,   b = M⁻¹ e_SF / σ_SF
    p(L | told) ∝ p(L) exp(−½ a(L)ᵀ C⁻¹ a(L)),   p(L) = (1 − q) δ(L) + q N(L; 9, 5²),   q the share of cars

a mixture again; C is 1 on its diagonal and ρ between sites, within a state and a parameter. Each run draws its own
L, and takes a(L) for a: where users stand, nothing changes by it.
"""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True)
class ConditionalGains(StatisticalGains):
    """As `StatisticalGains`, with the scene's gains at the population's places and the run's beyond them.

    Buildings stay as the scene has them: who is indoors does not move.

    large_scale_told   False: of the scene only line of sight is told; shadowing, K and delay spread are the run's,
                       and cars are as the scene has them, since medians tell their loss
    car_share          of users outdoors, from which runs draw theirs; None: cars are as the scene has them
    told_sites         (U, S) bool: to which sites each user's links are told; None: to all
    """

    large_scale_told: bool = True
    car_share: float | None = None
    told_sites: Tensor | None = None

    def _field_keys(self, purpose: int, *parts: Tensor | int) -> Tensor:
        return self.seeds.run_keys(purpose, *parts)

    def _traits(self, which: Tensor) -> UserTraits:
        user = super()._traits(which)
        user.car_db = self._told.car_db[which[:, 0], which[:, 1], 0]
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
        draw = streams.uniform(self._run_keys("line of sight where told", which[:, None], self._site_keys))
        level = torch.where(los, draw * likely, likely + draw * (1 - likely))
        a = scene._fields(near, place, state, which)
        car_db, a = self._cars(user, a, state, which)
        return _Told(
            near.offset_m, state, car_db[:, None].expand_as(state),
            torch.special.ndtri(level.clamp(LEAST_LEVEL, 1 - LEAST_LEVEL)), super()._sight(near, which),
            a, super()._fields(near, place, state, which),
        )  # fmt: skip

    def _run_keys(self, purpose: str, which: Tensor, *parts: Tensor) -> Tensor:
        """Keys of draws that belong to users `which` (…, 2) in their run."""
        run = self.seeds.run_keys(streams.purpose(purpose))[which[..., 0]]
        return streams.chain(run, self.population.key[which[..., 1]], *parts)

    def _cars(self, user: UserTraits, a: Tensor, state: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
        """The run's L (n,) given the gains of the scene's fields a (n, S, 3), and a(L)."""
        if self.car_share is None or not (self.large_scale_told and self.shadowing):
            return user.car_db, a
        table, was = self._states, user.car_db
        b = (torch.linalg.inv(table.mixing)[..., 0] / table.sigma[:, :1])[state]
        told = torch.ones_like(state) if self.told_sites is None else self.told_sites[which[:, 1]].to(state)
        # b is the same on all links of a state, and C 1 = (1 + ρ (n − 1)) 1: so bᵀ C⁻¹ = bᵀ / (1 + ρ (n − 1)).
        kind = torch.nn.functional.one_hot(state, 3) * told[..., None]
        alike = kind.sum(dim=1).gather(1, state).clamp(min=1)
        c_b = b * (told / (1 + self.site_correlation * (alike - 1)))[..., None]
        square, slope = (c_b * b).sum(dim=(1, 2)), (c_b * a).sum(dim=(1, 2))
        mean, variance = penetration.CAR_MEAN_DB - was, penetration.CAR_SIGMA_DB**2
        precision = square + 1 / variance
        step = (mean / variance - slope) / precision
        share = torch.tensor(self.car_share, dtype=torch.float64, device=a.device)
        none = torch.log1p(-share) + was * slope - was**2 * square / 2
        some = (
            torch.log(share)
            + (step**2 * precision - mean**2 / variance - torch.log(precision * variance)) / 2
        )
        draw = streams.uniform(self._run_keys("in a car where told", which))
        normal = streams.normal(self._run_keys("car where told", which))
        in_car = ~user.indoor & (draw < torch.sigmoid(some - none))
        loss = torch.where(in_car, was + step + normal * precision.rsqrt(), 0.0)
        return loss, a + (loss - was)[:, None, None] * b


@dataclass(frozen=True, slots=True)
class _Told:
    """Of users (…) and S sites, where users stand in the scene.

    offset_m             (…, S, 2) from the site to the user
    state                (…, S) int64
    car_db               (…, S) loss of the user's car, drawn by the run given the gains
    sight, run_sight     (…, S) standard normal of line of sight: drawn given the state, and of the run's field
    fields, run_fields   (…, S, 3) independent standard normals: the scene's, with that car, and of the run's fields
    """

    offset_m: Tensor
    state: Tensor
    car_db: Tensor
    sight: Tensor
    run_sight: Tensor
    fields: Tensor
    run_fields: Tensor

    def columns(self) -> tuple[Tensor, ...]:
        """All, in their order."""
        return tuple(getattr(self, name) for name in self.__slots__)

    def at(self, near: Near, which: Tensor) -> tuple[_Told, Tensor]:
        """Of the sites of n users (n, M), and how far (n, M) each user is from its place, seen from the site."""
        at = (which[:, 0][:, None], which[:, 1][:, None], near.site)
        told = _Told(*(column[at] for column in self.columns()))
        return told, torch.linalg.vector_norm(near.offset_m - told.offset_m, dim=-1)
