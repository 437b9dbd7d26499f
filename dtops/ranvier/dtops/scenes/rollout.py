"""What the simulator makes of a scene: runs that share the scene and differ in all that a forecast must leave open.

For each horizon h the run begins `WARM_S` before the period that ends at h, with users where their motion has
brought them by then, and empty queues; in the time between, only motion is worked out. So 900 s cost as much as
one. Runs are the realisations of one batch, each with a seed of its own. Where a user goes, the channel is drawn
by the run from what the scene leaves open.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ranvier.dtops.scenes.drawn import Deployment
from ranvier.dtops.scenes.outcomes import HORIZONS_S, PERIOD_S, Outcomes, Samples
from ranvier.dtops.scenes.scene import Scene
from ranvier.dtops.simulator import radio
from ranvier.dtops.simulator.kpis import kpis
from ranvier.dtops.simulator.link_gains import GainSource
from ranvier.dtops.simulator.population import Population
from ranvier.dtops.simulator.propagation.conditional_gains import ConditionalGains
from ranvier.dtops.simulator.seeds import Seeds
from ranvier.dtops.simulator.simulator import Simulator

WARM_S = 1.0


def rollout(
    deployment: Deployment, scene: Scene, run_seeds: Sequence[int], horizons_s: Sequence[float] = HORIZONS_S,
    warm_s: float = WARM_S, threads: int = 1, source: GainSource | None = None,
) -> Outcomes:  # fmt: skip
    """The KPIs of each run of a deployment at each horizon; `scene` is what was drawn of it."""
    link = scene.serving()
    first = torch.from_numpy(np.where(link >= 0, scene.links.cell[link], -1))
    seeds = Seeds.of([deployment.scene_seed] * len(run_seeds), list(run_seeds))
    people, layout = _repeated(deployment, len(run_seeds)), deployment.layout
    if source is None:
        told = torch.zeros((len(people), len(layout.sites)), dtype=torch.bool)
        told[scene.links.user, scene.cells.site[scene.links.cell]] = True
        source = ConditionalGains(
            seeds, people, layout, deployment.scenario.site_correlation,
            large_scale_told=deployment.shadowing == "given", car_share=deployment.scenario.users.car_share,
            told_sites=told,
        )  # fmt: skip

    def run(horizon_s: float) -> Simulator:
        return Simulator(
            deployment.scenario, seeds, population=people, source=source, threads=threads, layout=layout,
            motion_ahead_s=horizon_s - PERIOD_S - warm_s,
        )  # fmt: skip

    parts = [_measured(run(each), first, warm_s) for each in horizons_s]
    return Outcomes(
        tuple(horizons_s), {name: np.stack([part[name] for part in parts], axis=1) for name in parts[0]}
    )


def _measured(run: Simulator, first: Tensor, warm_s: float) -> dict[str, Samples]:
    """KPI to (n, m) in the period after the warm-up; `first` (U,) is the cell of each user in the scene."""
    state = run.start()
    for _ in run.blocks(state, round(warm_s / run.carrier.slot_s)):
        pass
    run.period(state)
    rsrp, sinr, handovers = [], [], torch.zeros_like(run.population.present, dtype=torch.float32)
    for block in run.blocks(state, round(PERIOD_S / run.carrier.slot_s)):
        if block.events is not None:
            handovers += block.events.succeeded
            link = radio.link_of(state.gains.cell, state.control.serving)
            rsrp.append(_of_link(state.air.rsrp_dbm, link))
            sinr.append(state.air.sinr_db(link, state.load, state.gains.cell, run.noise_mw))
    period = run.period(state)
    found = kpis(period.tallies.cells, period.tallies.users, run.carrier.slot_s)
    moved = ((state.control.serving != first) & (state.control.serving >= 0) & (first >= 0)).float()
    return {
        name: column.T.numpy().astype(np.float32)
        for name, column in {
            "rsrp_dbm": _mean(rsrp), "sinr_db": _mean(sinr), "throughput_kbit_s": found.user_bit_s / 1e3,
            "handovers": handovers, "moved": moved, "prb_percent": found.prb_percent,
            "active_users": found.active_users, "rlc_delay_ms": found.rlc_delay_ms,
            "handovers_out": period.control.successes.sum(dim=-1).double(),
        }.items()
    }  # fmt: skip


def _of_link(values: Tensor, link: Tensor) -> Tensor:
    found = values.gather(2, link.clamp(min=0)[..., None])[..., 0]
    return torch.where(link >= 0, found, torch.nan)


def _mean(instants: list[Tensor]) -> Tensor:
    """The mean over the instants at which there is a value; NaN where there is none."""
    stack = torch.stack(instants).double()
    known = torch.isfinite(stack)
    return torch.where(known, stack, 0.0).sum(dim=0) / known.sum(dim=0)


def _repeated(deployment: Deployment, many: int) -> Population:
    people = deployment.population
    columns = {}
    for name in people.__slots__:
        column = getattr(people, name)
        by_run = name in {"position_m", "indoor", "low_loss", "in_car", "speed_m_s", "present"}
        columns[name] = column.expand(many, *column.shape[1:]).contiguous() if by_run else column
    return Population(**columns)
