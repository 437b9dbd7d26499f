"""What becomes of a link budget as users move: nothing for who stays, and anybody's lot for who is far away."""

from __future__ import annotations

import numpy as np
import pytest

from ranvier.dtops.scenes.coverage import coverage
from ranvier.dtops.scenes.dispersal import CHANNEL_SHARE, HALF_PERIOD_S, Dispersal
from ranvier.dtops.scenes.link_budget import SUBBANDS, link_budget
from ranvier.dtops.scenes.whereabouts import places, site_spacing_m
from tests.unit.dtops.scenes.plain_scenes import plain_scene, relabelled, with_users

GAINS = [[-90.0, -95.0], [-92.0, -99.0], [-97.0, -91.0]]
HORIZONS = (1.0, 60.0, 900.0)


def moving(speed_m_s: float):  # type: ignore[no-untyped-def]
    scene = plain_scene(GAINS, offered_bit_s=2e6)
    return with_users(
        scene,
        x_m=np.array([50.0, 450.0, 250.0]),
        speed_m_s=np.full(3, speed_m_s),
        motion=np.ones(3, dtype=np.int64),
    )


def test_nothing_changes_for_those_that_stay() -> None:
    scene = moving(0.0)
    budget = link_budget(scene)
    found = Dispersal(scene, budget).at(HORIZONS)
    for i in range(3):
        assert found.load[:, i] == pytest.approx(budget.wanted)
        assert found.activity[:, i] == pytest.approx(budget.by_cell(budget.activity))
        assert found.delay_s[:, i] == pytest.approx(budget.delay_s)
        assert found.rsrp_dbm[:, i] == pytest.approx(budget.rsrp_dbm)
        assert found.sinr_db[:, i] == pytest.approx(budget.sinr_db)


def test_nothing_is_lost_on_the_way() -> None:
    """Who has not moved is served once, and far away as all are on average."""
    scene = moving(10.0)
    budget = link_budget(scene)
    found = Dispersal(scene, budget).at((0.0, 900.0))
    elsewhere_s = scene.users.burst_bits * (1 / budget.rate_bit_s).mean() + scene.slot_s / SUBBANDS
    assert found.load.sum(axis=0) == pytest.approx(
        [budget.wanted.sum(), (budget.bursts_s * elsewhere_s).sum()]
    )
    assert Dispersal(scene, budget).share.sum() == pytest.approx(1.0)


def test_a_channel_is_kept_as_far_as_its_correlation_reaches() -> None:
    """Sites are 500 m apart: of a tenth of it 1 / e is kept, and the rest is what the map says around there."""
    scene = moving(1.0)
    budget = link_budget(scene)
    at_s = CHANNEL_SHARE * 500 + HALF_PERIOD_S
    found = Dispersal(scene, budget).at((at_s,))
    area = coverage(scene, budget)
    there = (
        area.rsrp_dbm[area.point(places(scene, np.arange(3), np.full(3, 50.0)))].mean(axis=1) + area.offset_db
    )
    k = np.exp(-1.0)
    assert found.rsrp_dbm[:, 0] == pytest.approx(k * budget.rsrp_dbm + (1 - k) * there)


def test_nobody_and_nothing_is_no_trouble() -> None:
    for scene in (plain_scene([]), plain_scene([[np.nan]]), plain_scene([[-200.0]])):
        found = Dispersal(scene, link_budget(scene)).at(HORIZONS)
        assert (found.load == 0).all()
        assert (found.delay_s == 0).all()
        assert found.rsrp_dbm.shape == (len(scene.users), 3)


def test_labels_do_not_matter() -> None:
    scene = moving(5.0)
    cells, users = np.array([1, 0]), np.array([2, 0, 1])
    found = Dispersal(scene, link_budget(scene)).at(HORIZONS)
    other = relabelled(scene, cells, users)
    again = Dispersal(other, link_budget(other)).at(HORIZONS)
    assert np.allclose(again.load, found.load[cells])
    assert np.allclose(again.sinr_db, found.sinr_db[users])


def test_the_spacing_is_that_of_the_nearest_site() -> None:
    assert site_spacing_m(plain_scene(GAINS)) == pytest.approx(500.0)
    assert site_spacing_m(plain_scene([[-90.0]])) == 0.0
