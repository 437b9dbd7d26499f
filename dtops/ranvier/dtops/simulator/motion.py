"""How users move: in legs between points, each a function of the user's key and the number of the leg.

    static     stays
    waypoint   straight to a uniform point of the area, then to another (random waypoint, without pauses)
    street     from crossing to crossing: straight on with ½, left or right with ¼ each
    line       along the x axis to the end of the area, then from its beginning again

Where a user is at a time does not depend on when it was asked before: legs begin where and when others end.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ranvier.dtops.simulator import streams
from ranvier.dtops.simulator.population import MOTIONS, Population
from ranvier.dtops.simulator.seeds import Seeds

STATIC, WAYPOINT, STREET, LINE = range(len(MOTIONS))
MOST_LEGS = 64
"""That one step may finish: at 350 km/h and streets of 50 m a step of half a minute."""
_PURPOSE = streams.purpose("leg")


@dataclass(frozen=True, slots=True)
class Ground:
    """Where users may go: bounds (x0, y0, x1, y1) in metres, and the spacing of streets, 0 for none."""

    bounds_m: tuple[float, float, float, float]
    street_m: float = 0.0


@dataclass(frozen=True, slots=True)
class MotionState:
    """The leg that each user is on.

    position_m  (R, U, 3) now
    start_m, end_m   (R, U, 2) of the leg
    begin_s     (R, U) float64 when it began; `leg` (R, U) int64 its number
    heading     (R, U) int64 on streets: 0 east, 1 north, 2 west, 3 south
    """

    position_m: Tensor
    start_m: Tensor
    end_m: Tensor
    begin_s: Tensor
    leg: Tensor
    heading: Tensor


def begun(population: Population, ground: Ground, seeds: Seeds) -> MotionState:
    """Everybody where the population has them, on their first leg from time 0 on."""
    place = population.position_m[..., :2].clone()
    zero = torch.zeros(place.shape[:2], dtype=torch.int64, device=place.device)
    state = MotionState(population.position_m.clone(), place, place, zero.double(), zero, zero)
    heading = torch.floor(4 * streams.uniform(seeds.run_keys(_PURPOSE, population.key[None], 0, 9))).long()
    end, heading = _next_end(population, ground, seeds, state.start_m, zero, heading, first=True)
    return MotionState(state.position_m, place, end, state.begin_s, zero, heading)


def advanced(
    state: MotionState, population: Population, ground: Ground, seeds: Seeds, time_s: float
) -> MotionState:
    """Where everybody is at `time_s` since the run began, which is not before the state's time."""
    moving = (population.motion[None] != STATIC) & ~population.indoor & (population.speed_m_s > 0)
    for _ in range(MOST_LEGS):
        ends_s = state.begin_s + _length(state) / population.speed_m_s.clamp(min=1e-9)
        over = moving & (ends_s <= time_s)
        if not bool(over.any()):
            break
        state = _next_leg(state, population, ground, seeds, over, ends_s)
    gone = (time_s - state.begin_s) * population.speed_m_s / _length(state).clamp(min=1e-9)
    gone = torch.where(moving, gone.clamp(0, 1), 0.0)[..., None]
    place = state.start_m + gone * (state.end_m - state.start_m)
    place = torch.where(moving[..., None], place, state.position_m[..., :2])
    position = torch.cat([place, state.position_m[..., 2:]], dim=-1)
    return MotionState(position, state.start_m, state.end_m, state.begin_s, state.leg, state.heading)


def _length(state: MotionState) -> Tensor:
    way = state.end_m - state.start_m
    return torch.sqrt(way[..., 0] ** 2 + way[..., 1] ** 2)


def _next_leg(
    state: MotionState, population: Population, ground: Ground, seeds: Seeds, over: Tensor, ends_s: Tensor
) -> MotionState:
    x0 = ground.bounds_m[0]
    start = state.end_m.clone()
    line = population.motion[None] == LINE
    start[..., 0] = torch.where(line, x0, start[..., 0])
    leg = state.leg + 1
    end, heading = _next_end(population, ground, seeds, start, leg, state.heading)
    return MotionState(
        state.position_m, torch.where(over[..., None], start, state.start_m),
        torch.where(over[..., None], end, state.end_m), torch.where(over, ends_s, state.begin_s),
        torch.where(over, leg, state.leg), torch.where(over, heading, state.heading),
    )  # fmt: skip


def _next_end(  # where the leg goes that begins at `start`
    population: Population, ground: Ground, seeds: Seeds, start: Tensor, leg: Tensor, heading: Tensor,
    first: bool = False,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    x0, y0, x1, y1 = ground.bounds_m
    u, v, w = (streams.uniform(seeds.run_keys(_PURPOSE, population.key[None], leg, i)) for i in range(3))
    anywhere = torch.stack([x0 + (x1 - x0) * u, y0 + (y1 - y0) * v], dim=-1)
    ahead = torch.stack([torch.full_like(u, x1), start[..., 1]], dim=-1)
    motion = population.motion[None, :, None]
    end = torch.where(motion == LINE, ahead, torch.where(motion == WAYPOINT, anywhere, start))
    if ground.street_m > 0:
        turned = (heading + torch.where(w < 0.5, 0, torch.where(w < 0.75, 1, 3))) % 4
        crossing, turned = _crossing(ground, start, heading if first else turned)
        end = torch.where(motion == STREET, crossing, end)
        heading = turned
    return end, heading


def _crossing(ground: Ground, start: Tensor, heading: Tensor) -> tuple[Tensor, Tensor]:
    """The next crossing that way, and the way; who would leave the area or the street turns around or in."""
    x0, y0, x1, y1 = ground.bounds_m
    step = ground.street_m
    grid = (start - torch.tensor([x0, y0], dtype=start.dtype)) / step
    near = torch.round(grid)
    on_row, on_column = (grid - near)[..., 1].abs() < 1e-6, (grid - near)[..., 0].abs() < 1e-6
    # Between crossings only the street itself goes on: who stands on a row goes east or west.
    heading = torch.where(on_row & ~on_column, heading - heading % 2, heading)
    heading = torch.where(on_column & ~on_row, heading - heading % 2 + 1, heading)
    last = torch.tensor([round((x1 - x0) / step), round((y1 - y0) / step)], dtype=start.dtype)
    for _ in range(4):
        axis = heading % 2
        sign = torch.where(heading < 2, 1.0, -1.0)
        at = torch.where(axis == 0, grid[..., 0], grid[..., 1])
        ahead = torch.where(sign > 0, torch.floor(at + 1e-6) + 1, torch.ceil(at - 1e-6) - 1)
        most = torch.where(axis == 0, last[0], last[1])
        outside = (ahead < 0) | (ahead > most)
        heading = torch.where(outside, (heading + torch.where(on_row & on_column, 1, 2)) % 4, heading)
    other = torch.where(axis == 0, near[..., 1], near[..., 0])
    x = torch.where(axis == 0, ahead, other)
    y = torch.where(axis == 0, other, ahead)
    return torch.stack([x0 + x * step, y0 + y * step], dim=-1), heading
