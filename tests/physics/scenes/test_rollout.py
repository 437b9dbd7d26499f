"""Scenes are what the simulator uses, and rollouts what it makes of them: reproducible, and where motion leads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from ranvier.dtops.scenes.drawn import Deployment, drawn
from ranvier.dtops.scenes.outcomes import KPIS, PERIOD_S, Outcomes
from ranvier.dtops.scenes.recipe import RECIPES, deployment
from ranvier.dtops.scenes.rollout import rollout
from ranvier.dtops.scenes.scene import Scene
from ranvier.dtops.simulator.deployment.railway import Railway
from ranvier.dtops.simulator.layout import Layout
from ranvier.dtops.simulator.link_gains import LinkGains
from ranvier.dtops.simulator.population import MOTIONS
from ranvier.dtops.simulator.propagation.statistical_gains import StatisticalGains
from ranvier.dtops.simulator.scenario_file import load_scenario
from ranvier.dtops.simulator.seeds import Seeds
from ranvier.dtops.simulator.simulator import Simulator

WARM_S = 0.2
SMALL = RECIPES["small"]


@pytest.fixture(scope="module")
def street() -> Deployment:
    return deployment(SMALL, "train", 1)


@pytest.fixture(scope="module")
def scene(street: Deployment) -> Scene:
    return drawn(street)


@pytest.fixture(scope="module")
def outcomes(street: Deployment, scene: Scene) -> Outcomes:
    return rollout(street, scene, [5, 6, 7], (1.0, 60.0), WARM_S)


# ---------------------------------------------------------------- what is given
@pytest.mark.parametrize("number", range(6))
def test_the_gains_of_a_scene_are_those_that_the_simulator_starts_with(number: int) -> None:
    made = deployment(SMALL, "train", number)
    links = drawn(made).links
    seeds = Seeds.of([made.scene_seed], [99])
    gains = Simulator(made.scenario, seeds, population=made.population, layout=made.layout).start().gains
    place = torch.full((len(made.population), len(made.layout.cells)), -1)
    place.scatter_(1, gains.cell[0], torch.arange(gains.cell.shape[2]).expand_as(gains.cell[0]))
    at = place[torch.from_numpy(links.user), torch.from_numpy(links.cell)]
    user = torch.from_numpy(links.user)
    assert (at >= 0).all()
    assert np.array_equal(links.gain_db, gains.gain_db[0, user, at].amax(-1).double().numpy())
    assert np.array_equal(links.los, gains.los[0, user, at].numpy())
    assert np.array_equal(links.spread_s, gains.delay_spread_s[0, user, at].double().numpy())
    k = gains.k_factor_db[0, user, at].double().numpy()
    assert np.array_equal(links.k_factor_db, np.where(np.isfinite(k), k, 0.0))


def test_links_are_by_user_the_strongest_first(scene: Scene) -> None:
    power = scene.cells.tx_power_dbm[scene.links.cell] + scene.links.gain_db
    assert np.array_equal(np.lexsort((-power, scene.links.user)), np.arange(len(power)))


# ---------------------------------------------------------------- what is resampled
def same(a: Outcomes, b: Outcomes, runs: slice = slice(None), horizons: slice = slice(None)) -> bool:
    return all(
        np.array_equal(a.values[each.name][:, horizons, runs], b.values[each.name], equal_nan=True)
        for each in KPIS
    )


def test_the_same_seeds_give_the_same_outcomes_alone_or_in_a_batch(
    street: Deployment, scene: Scene, outcomes: Outcomes
) -> None:
    assert same(outcomes, rollout(street, scene, [6], (60.0,), WARM_S), slice(1, 2), slice(1, 2))


def test_other_seeds_give_other_outcomes(outcomes: Outcomes) -> None:
    for name in ("sinr_db", "throughput_kbit_s", "prb_percent"):
        values = outcomes.values[name]
        assert not np.array_equal(values[..., 0], values[..., 1], equal_nan=True)


def test_outcomes_have_their_shapes_and_ranges(scene: Scene, outcomes: Outcomes) -> None:
    for each in KPIS:
        values = outcomes.values[each.name]
        assert values.shape == (len(scene.cells) if each.node == "cell" else len(scene.users), 2, 3)
        known = values[np.isfinite(values)]
        if each.lowest is not None:
            assert known.min() >= each.lowest
        if each.highest is not None:
            assert known.max() <= each.highest
        if each.event:
            assert np.array_equal(known, np.round(known))
    delivered = outcomes.values["throughput_kbit_s"].mean(axis=2).sum(axis=0)
    assert (delivered > 0).all()


def test_who_stays_has_the_same_outcomes_at_each_horizon(street: Deployment, scene: Scene) -> None:
    """Horizons differ in where motion has brought users, and in nothing else."""
    people = replace(
        street.population, motion=torch.full_like(street.population.motion, MOTIONS.index("static"))
    )
    found = rollout(replace(street, population=people), scene, [5], (1.0, 60.0, 900.0), WARM_S).values
    for values in found.values():
        assert np.array_equal(values[:, :1], values[:, 1:2], equal_nan=True)
        assert np.array_equal(values[:, :1], values[:, 2:], equal_nan=True)


class Watched:
    """Gains by TR 38.901 that remember where they were asked for."""

    def __init__(self, source: StatisticalGains) -> None:
        self.source, self.asked = source, []  # type: ignore[var-annotated]

    def gains(self, layout: Layout, position_m: Tensor, which: Tensor | None = None) -> LinkGains:
        self.asked.append(position_m.clone())
        return self.source.gains(layout, position_m, which)


@pytest.mark.parametrize("horizon_s", [1.0, 20.0, 60.0])
def test_who_rides_along_a_line_is_speed_times_horizon_further(horizon_s: float) -> None:
    """At the last measurement, one before the period's end; a track that is long enough not to end."""
    scenario = load_scenario("railway").changed(
        users={"total": 2, "speed_kmh": 144.0},
        deployment=Railway(sites=4, inter_site_distance_m=1732.0),
        traffic=(),
    )
    made = Deployment.of(scenario, 3)
    seeds = Seeds.of([made.scene_seed])
    watched = Watched(StatisticalGains(seeds, made.population, made.layout))
    rollout(made, drawn(made), [8], (horizon_s,), WARM_S, source=watched)
    gone = watched.asked[-1][0, :, 0] - made.population.position_m[0, :, 0]
    step_s = scenario.measurement_slots * scenario.carriers[0].slot_s
    assert gone.tolist() == pytest.approx([40.0 * (horizon_s - step_s)] * 2, abs=1e-6)
    begin_s = max(0.0, horizon_s - PERIOD_S - WARM_S)
    assert (watched.asked[0][0, :, 0] - made.population.position_m[0, :, 0]).tolist() == pytest.approx(
        [40 * begin_s] * 2
    )


def test_a_cell_that_is_off_has_no_load_and_nobody(street: Deployment) -> None:
    cells = street.layout.cells
    off = replace(street, layout=street.layout.with_cells(replace(cells, on=np.arange(len(cells)) > 0)))
    found = rollout(off, drawn(off), [5], (1.0,), WARM_S).values
    assert np.isnan(found["prb_percent"][0]).all()
    assert np.isnan(found["rlc_delay_ms"][0]).all()
    assert (found["active_users"][0] == 0).all()


# ---------------------------------------------------------------- the second task: shadowing unknown
def test_with_shadowing_unknown_scenes_have_medians_and_runs_differ_where_users_stand() -> None:
    """RSRP of who stays is one value where gains are given, and spread as shadowing is where they are not.

    σ of the table's states lies between 3 and 9 dB, of the best of several cells somewhat less.
    """
    made = deployment(SMALL, "train", 0)
    people = replace(made.population, motion=torch.full_like(made.population.motion, MOTIONS.index("static")))
    given = replace(made, population=people)
    unknown = replace(given, shadowing="unknown")
    scenes = [drawn(each) for each in (given, unknown)]
    assert not np.array_equal(scenes[0].links.gain_db, scenes[1].links.gain_db)
    spreads = [
        np.nanmean(np.nanstd(rollout(m, s, range(8), (1.0,), WARM_S).values["rsrp_dbm"][:, 0], axis=1))
        for m, s in zip((given, unknown), scenes, strict=True)
    ]
    assert spreads[0] < 0.5
    assert 2.0 < spreads[1] < 9.0
