"""Places after a distance: how far, within the area, as the simulator's users move, and the map that they meet."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ranvier.dtops.scenes.coverage import coverage
from ranvier.dtops.scenes.drawn import drawn
from ranvier.dtops.scenes.link_budget import link_budget
from ranvier.dtops.scenes.recipe import RECIPES, deployment
from ranvier.dtops.scenes.rollout import _repeated
from ranvier.dtops.scenes.whereabouts import LINE, PLACES, STREET, places
from ranvier.dtops.simulator import motion
from ranvier.dtops.simulator.seeds import Seeds
from tests.unit.dtops.scenes.plain_scenes import plain_scene, with_cells, with_users

WAYPOINT = 1
RUNS = 40


def crowd(kind: int, users: int = 60):  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(1)
    scene = plain_scene(np.full((users, 2), -90.0).tolist())
    x, y = rng.uniform(0, 1000, users), rng.uniform(0, 600, users)
    return with_users(scene, x_m=x, y_m=y, speed_m_s=np.ones(users), motion=np.full(users, kind))


@pytest.mark.parametrize("kind", [WAYPOINT, STREET])
@pytest.mark.parametrize("gone_m", [0.0, 30.0, 400.0, 5000.0])
def test_places_are_in_the_area_and_no_further_than_gone(kind: int, gone_m: float) -> None:
    scene = crowd(kind)
    which = np.arange(60)
    found = places(scene, which, np.full(60, gone_m))
    assert found.shape == (60, PLACES, 2)
    for axis, column in enumerate((scene.users.x_m, scene.users.y_m)):
        assert column.min() - 1e-9 <= found[..., axis].min() <= found[..., axis].max() <= column.max() + 1e-9
    far = np.hypot(found[..., 0] - scene.users.x_m[:, None], found[..., 1] - scene.users.y_m[:, None])
    if kind == WAYPOINT:
        assert far.max() <= gone_m + 1e-9
    if gone_m == 0:
        assert far.max() < 1e-9


def test_a_line_leads_to_one_place_and_begins_again() -> None:
    scene = with_users(with_cells(crowd(LINE), x_m=np.array([250.0, 750.0])), y_m=np.zeros(60))
    which = np.arange(60)
    there = places(scene, which, np.full(60, 300.0))[:, 0, 0]
    assert there == pytest.approx(np.mod(scene.users.x_m + 300.0, 1000.0))
    assert places(scene, which, np.full(60, 1300.0))[:, 0, 0] == pytest.approx(there)


@pytest.mark.parametrize("number", [0, 1])
def test_they_are_spread_as_the_simulator_spreads_its_users(number: int) -> None:
    """Grid and street, after 60 s: mean and deviation of x and y of all users, over runs.

    To a tenth of the area and a third of how far they go: streets and corners of the area are not told.
    """
    made = deployment(RECIPES["small"], "train", number)
    scene = drawn(made)
    which = np.flatnonzero(scene.users.speed_m_s)
    assert len(which) > 5
    found = places(scene, which, scene.users.speed_m_s[which] * 60.0)
    seeds = Seeds.of([made.scene_seed] * RUNS, range(RUNS))
    people, ground = _repeated(made, RUNS), made.scenario.ground()
    state = motion.begun(people, ground, seeds)
    for time_s in torch.arange(20, 61, 20):
        state = motion.advanced(state, people, ground, seeds, float(time_s))
    true = state.position_m[:, which, :2].numpy()
    for axis, column in enumerate((scene.users.x_m, scene.users.y_m)):
        assert found[..., axis].mean() == pytest.approx(true[..., axis].mean(), abs=np.ptp(column) / 10)
        ours = np.std(found[..., axis] - column[which][:, None])
        theirs = np.std(true[..., axis] - column[which])
        assert ours == pytest.approx(theirs, rel=0.35)


def test_the_map_has_the_strongest_where_its_mast_is_and_shares_that_sum_to_one() -> None:
    made = deployment(RECIPES["small"], "train", 0)
    scene = drawn(made)
    area = coverage(scene, link_budget(scene))
    assert area.serves.sum(axis=1) == pytest.approx(np.ones(len(area.serves)))
    assert area.share.sum() == pytest.approx(1.0)
    assert (area.share[~scene.cells.on] == 0).all()
    x = area.corner_m + area.step_m * np.stack(
        [np.arange(len(area.cell)) % area.counts[0], np.arange(len(area.cell)) // area.counts[0]], axis=1
    )
    assert (area.point(x) == np.arange(len(x))).all()


def test_the_map_tells_users_rsrp_better_than_their_mean_does() -> None:
    """It is fitted to them: the deviation of what it leaves is below that of RSRP itself."""
    made = deployment(RECIPES["standard"], "train", 0)
    scene = drawn(made)
    budget = link_budget(scene)
    area = coverage(scene, budget)
    at = area.point(np.stack([scene.users.x_m, scene.users.y_m], axis=1))
    ours = budget.served & ~scene.users.indoor
    assert np.std((budget.rsrp_dbm - area.rsrp_dbm[at])[ours]) < np.std(budget.rsrp_dbm[ours])


def test_cells_on_other_carriers_do_not_disturb_the_map() -> None:
    """With neighbours on carriers of their own, SINR is RSRP over noise alone, whatever their load."""
    scene = with_users(
        plain_scene([[-90.0, -95.0], [-97.0, -92.0]], offered_bit_s=8e6), x_m=np.array([50.0, 450.0])
    )
    apart = with_cells(scene, dl_frequency_hz=np.array([2e9, 3e9]))
    noise_dbm = scene.noise_dbm - 10 * np.log10(12)
    alone, shared = (coverage(each, link_budget(each)) for each in (apart, scene))
    assert alone.sinr_db == pytest.approx(alone.rsrp_dbm - noise_dbm)
    assert (shared.sinr_db < alone.sinr_db).all()
