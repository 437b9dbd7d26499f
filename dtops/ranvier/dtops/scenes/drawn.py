"""A scene of the simulator: what a forecast is given of a scenario, before any of it is run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.scenes.offered import load
from ranvier.dtops.scenes.scene import CellColumns, LinkColumns, Scene, UserColumns
from ranvier.dtops.simulator.layout import Layout
from ranvier.dtops.simulator.link.noise import prb_noise_mw
from ranvier.dtops.simulator.link_gains import GainSource, LinkGains
from ranvier.dtops.simulator.population import MOTIONS, SERVICES, Population
from ranvier.dtops.simulator.propagation.statistical_gains import StatisticalGains
from ranvier.dtops.simulator.scenario import Scenario
from ranvier.dtops.simulator.seeds import Seeds

Floats = NDArray[np.float64]
Shadowing = Literal["given", "unknown"]
MOST_LINKS = 12
"""Of a user, the strongest; what is left out together is weaker than noise and the others in nearly all cases."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """A scenario with the layout and the users of one scene: what differs between cells and between users.

    population  of one realisation; `layout` as the cells are set up
    shadowing   "given": the scene has the gains at users' places. "unknown": their medians, and line of sight
    """

    scenario: Scenario
    scene_seed: int
    layout: Layout
    population: Population
    kind: str
    name: str
    shadowing: Shadowing = "given"

    @classmethod
    def of(cls, scenario: Scenario, scene_seed: int, kind: str = "") -> Deployment:
        """A scenario as it is."""
        people = scenario.population(Seeds.of([scene_seed]))
        name = f"{scenario.name}-{scene_seed}"
        return cls(scenario, scene_seed, scenario.layout(), people, kind or scenario.deployment.kind, name)


def drawn(deployment: Deployment, source: GainSource | None = None) -> Scene:
    """The scene of a deployment; its gains by TR 38.901 unless another source is given."""
    seeds = Seeds.of([deployment.scene_seed])
    people, layout, scenario = deployment.population, deployment.layout, deployment.scenario
    if source is None:
        told = deployment.shadowing == "given"
        source = StatisticalGains(seeds, people, layout, scenario.site_correlation, shadowing=told)
    gains = source.gains(layout, people.position_m)
    carrier = layout.carriers[0]
    noise_mw = prb_noise_mw(carrier, scenario.noise_figure_db)
    return Scene(
        deployment.name, deployment.kind, carrier.slot_s, 10 * math.log10(noise_mw),
        scenario.control.minimum_rsrp_dbm, cell_columns(layout), _users(deployment),
        link_columns(layout, people, gains), layout.cells.ids, (), layout.antennas[0],
        layout.wraparound,
    )  # fmt: skip


def cell_columns(layout: Layout) -> CellColumns:
    """The cells of a layout."""
    cells = layout.cells
    place = layout.sites.position_m[cells.site]
    carriers = [layout.carriers[i] for i in cells.carrier]
    return CellColumns(
        cells.site.copy(), place[:, 0].copy(), place[:, 1].copy(), layout.sites.height_m[cells.site],
        cells.azimuth_deg.copy(), cells.tilt_deg.copy(), cells.power_dbm.copy(),
        np.array([each.frequency_hz for each in carriers]),
        np.array([each.bandwidth_hz / 1e6 for each in carriers]),
        np.array([each.prbs for each in carriers], dtype=np.int64), cells.on.copy(), cells.offset_db.copy(),
        cells.scheduler.copy(),
    )  # fmt: skip


def _users(deployment: Deployment) -> UserColumns:
    people = deployment.population
    services = [each.service for each in deployment.scenario.traffic]
    loads = [load(each) for each in services]
    codes = [SERVICES.index(each.kind) for each in services]
    which, demand = people.service.numpy(), people.demand.numpy()
    here = people.present[0].numpy()
    asks = (which >= 0) & here & (demand > 0)

    def column(values: list[float], otherwise: float = 0.0) -> Floats:
        return np.where(asks, np.array([*values, otherwise])[which], otherwise)

    grows = [each.grows for each in loads]
    rate = np.where(column([float(bool(each)) for each in grows]) > 0, demand, 1.0)
    size = np.where(column([float(each == "size") for each in grows]) > 0, demand, 1.0)
    moves = (people.motion.numpy() != MOTIONS.index("static")) & ~people.indoor[0].numpy()
    place = people.position_m[0].numpy()
    return UserColumns(
        place[:, 0].copy(), place[:, 1].copy(), place[:, 2].copy(),
        np.where(moves, people.speed_m_s[0].numpy(), 0.0), people.motion.numpy().copy(),
        people.indoor[0].numpy().copy(), column([float(each) for each in codes]).astype(np.int64),
        column([each.bit_s for each in loads]) * rate, column([each.burst_bits for each in loads]) * size,
        column([each.budget_ms for each in services]),
    )  # fmt: skip


def link_columns(layout: Layout, people: Population, gains: LinkGains) -> LinkColumns:
    """The strongest links of each user of the first realisation, by received power."""
    cell, gain = gains.cell[0].numpy(), gains.gain_db[0].amax(dim=-1).numpy().astype(np.float64)
    power = layout.cells.power_dbm[cell] + gain
    power = np.where((cell >= 0) & np.isfinite(gain), power, -np.inf)
    order = np.argsort(-power, axis=1, kind="stable")[:, :MOST_LINKS]
    user = np.repeat(np.arange(len(cell)), order.shape[1])
    at = (user, order.reshape(-1))
    kept = np.isfinite(power[at])
    user, at = user[kept], (user[kept], at[1][kept])
    place = layout.sites.position_m[layout.cells.site[cell[at]]]
    way = people.position_m[0, :, :2].numpy()[user] - place
    images = way[:, None] + layout.wraparound
    k = gains.k_factor_db[0].numpy()[at].astype(np.float64)
    return LinkColumns(
        user, cell[at], gain[at], gains.los[0].numpy()[at], np.where(np.isfinite(k), k, 0.0),
        gains.delay_spread_s[0].numpy()[at].astype(np.float64), np.sqrt((images**2).sum(-1)).min(axis=1),
    )  # fmt: skip
