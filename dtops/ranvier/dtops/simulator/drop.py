"""Where users are when a run begins, and what they are: each by draws of its own key and the scene's seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ranvier.dtops.simulator import streams
from ranvier.dtops.simulator.deployment.plan import Deployment, Plan
from ranvier.dtops.simulator.population import MOTIONS, Motion, Population
from ranvier.dtops.simulator.seeds import Seeds
from ranvier.ontology.errors import InputError

ATTEMPTS = 24
"""At most, to find a place that is far enough from every mast; then the farthest of them is taken."""


@dataclass(frozen=True, slots=True)
class Drop:
    """How users are dropped.

    per_cell, total    how many: so many a cell, or in all (then `per_cell` is not used)
    indoor_share       in buildings; `low_loss_share` of the buildings have low-loss walls
    car_share          of those outdoors, in cars
    speed_kmh          of those outdoors; `indoor_speed_kmh` of what moves around the others, who stay
    motion             of those outdoors
    height_m           outdoors, of the antenna; indoors by floor, if `floors` (TR 38.901 table 7.2-1)
    minimum_distance_m from masts, in the plane
    present_share      attached when the run begins; the others may arrive
    """

    per_cell: int = 10
    total: int | None = None
    indoor_share: float = 0.8
    low_loss_share: float = 0.5
    car_share: float = 0.0
    speed_kmh: float = 3.0
    indoor_speed_kmh: float = 3.0
    motion: Motion = "waypoint"
    height_m: float = 1.5
    floors: bool = True
    minimum_distance_m: float = 35.0
    present_share: float = 1.0

    def __post_init__(self) -> None:
        for name in ("indoor_share", "low_loss_share", "car_share", "present_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(
                    f"users.{name} of 0 to 1", f"{getattr(self, name):g}", "choose another share"
                )
        for name in ("speed_kmh", "indoor_speed_kmh", "minimum_distance_m"):
            if not getattr(self, name) >= 0:
                raise InputError(f"users.{name} of 0 or more", f"{getattr(self, name):g}", "choose another")
        if not self.height_m > 0:
            raise InputError("users.height_m above 0", f"{self.height_m:g}", "choose another")
        if (self.per_cell if self.total is None else self.total) < 0:
            raise InputError("users of 0 or more", str(self.total or self.per_cell), "choose another number")
        if self.motion not in MOTIONS:
            raise InputError(
                f"users.motion among {', '.join(MOTIONS)}", str(self.motion), "choose one of them"
            )


def population(
    drop: Drop, deployment: Deployment, cells: int, shares: tuple[float, ...], seeds: Seeds
) -> Population:
    """The users of R realisations. The same user is the same, whatever else is in the population.

    shares  of users by index of service; what is left of 1 asks for nothing
    """
    plan = deployment.plan()
    users = drop.total if drop.total is not None else drop.per_cell * cells
    number = torch.arange(users)
    key = number + 1

    def uniform(purpose: str) -> Tensor:
        return streams.uniform(seeds.scene_keys(streams.purpose(purpose), key[None]))

    indoor = uniform("indoor") < drop.indoor_share
    in_car = ~indoor & (uniform("in a car") < drop.car_share)
    height = torch.where(indoor & drop.floors, _floor_height(uniform), drop.height_m)
    place = _places(drop, deployment, plan, key, seeds)
    speed = torch.where(indoor, drop.indoor_speed_kmh, drop.speed_kmh).to(torch.float64) / 3.6
    return Population(
        key=key, position_m=torch.cat([place, height[..., None]], dim=-1), indoor=indoor,
        low_loss=uniform("low loss") < drop.low_loss_share, in_car=in_car, speed_m_s=speed,
        motion=torch.full((users,), MOTIONS.index(drop.motion)), service=_service(key, shares),
        demand=torch.ones(users, dtype=torch.float64), present=uniform("present") < drop.present_share,
    )  # fmt: skip


def _floor_height(uniform: Callable[[str], Tensor]) -> Tensor:
    """3 (n − 1) + 1.5 m, n of N floors, N from 4 to 8 (TR 38.901 table 7.2-1)."""
    floors = 4 + torch.floor(5 * uniform("floors"))
    return 3 * torch.floor(floors * uniform("floor")) + 1.5


def _places(drop: Drop, deployment: Deployment, plan: Plan, key: Tensor, seeds: Seeds) -> Tensor:
    """(R, U, 2): the first of some attempts that keeps its distance from every mast."""
    found = best = torch.empty(0)
    masts = torch.as_tensor(plan.position_m)
    part = torch.arange(4)
    for attempt in range(ATTEMPTS):
        keys = seeds.scene_keys(streams.purpose("place"), key[None, :, None], attempt, part)
        place = deployment.places(streams.uniform(keys), key - 1)
        away = ((place[:, :, None] - masts) ** 2).sum(-1).amin(-1).sqrt()
        if attempt == 0:
            found, best = place, away
        else:
            better = (best < drop.minimum_distance_m) & (away > best)
            found, best = torch.where(better[..., None], place, found), torch.where(better, away, best)
        if bool((best >= drop.minimum_distance_m).all()):
            break
    return found


def _service(key: Tensor, shares: tuple[float, ...]) -> Tensor:
    """(U,) index of each user's service, −1 for none: the same in all realisations."""
    draw = streams.uniform(streams.chain(streams.purpose("service"), key))
    found = torch.full(key.shape, -1)
    edge = 0.0
    for index, share in enumerate(shares):
        found = torch.where((draw >= edge) & (draw < edge + share), index, found)
        edge += share
    return found
