"""What becomes of a link budget as users move: nothing for who stays, and anybody's lot for who is far away."""

from __future__ import annotations

import numpy as np
import pytest

from ranvier.dtops.scenes.dispersal import CHANNEL_M, dispersal, site_spacing_m
from ranvier.dtops.scenes.link_budget import SUBBANDS, link_budget
from tests.unit.dtops.scenes.plain_scenes import plain_scene, relabelled, with_users

GAINS = [[-90.0, -95.0], [-92.0, -99.0], [-97.0, -91.0]]
HORIZONS = (1.0, 60.0, 900.0)


def moving(speed_m_s: float):  # type: ignore[no-untyped-def]
    scene = plain_scene(GAINS, offered_bit_s=2e6)
    return with_users(scene, speed_m_s=np.full(3, speed_m_s), motion=np.ones(3, dtype=np.int64))


def test_nothing_changes_for_those_that_stay() -> None:
    scene = moving(0.0)
    budget = link_budget(scene)
    found = dispersal(scene, budget, HORIZONS)
    for i in range(3):
        assert found.load[:, i] == pytest.approx(budget.wanted)
        assert found.activity[:, i] == pytest.approx(budget.by_cell(budget.activity))
        assert found.delay_s[:, i] == pytest.approx(budget.delay_s)
        assert found.rsrp_dbm[:, i] == pytest.approx(budget.rsrp_dbm)
        assert found.sinr_db[:, i] == pytest.approx(budget.sinr_db)


def test_activity_of_all_cells_is_kept_near_by() -> None:
    """With k + (w − k w) + (1 − w)(1 − k) = 1, who does not change how it is served is somewhere exactly once."""
    scene = moving(10.0)
    found = dispersal(scene, link_budget(scene), (0.0,))
    assert found.load.sum() == pytest.approx(link_budget(scene).wanted.sum())
    assert found.share.sum() == pytest.approx(1.0)


def test_far_away_everybody_is_anybody() -> None:
    scene = moving(30.0)
    budget = link_budget(scene)
    found = dispersal(scene, budget, (900.0,))
    assert found.rsrp_dbm[:, 0] == pytest.approx(np.full(3, budget.rsrp_dbm.mean()))
    elsewhere_s = scene.users.burst_bits * (1 / budget.rate_bit_s).mean() + scene.slot_s / SUBBANDS
    assert found.load[:, 0] == pytest.approx(found.share * (budget.bursts_s * elsewhere_s).sum())


def test_a_channel_is_kept_as_far_as_its_correlation_reaches() -> None:
    scene = moving(1.0)
    budget = link_budget(scene)
    found = dispersal(scene, budget, (CHANNEL_M,))
    k = np.exp(-1.0)
    assert found.sinr_db[:, 0] == pytest.approx(k * budget.sinr_db + (1 - k) * budget.sinr_db.mean())


def test_nobody_and_nothing_is_no_trouble() -> None:
    for scene in (plain_scene([]), plain_scene([[np.nan]]), plain_scene([[-200.0]])):
        found = dispersal(scene, link_budget(scene), HORIZONS)
        assert (found.load == 0).all()
        assert (found.delay_s == 0).all()
        assert found.rsrp_dbm.shape == (len(scene.users), 3)


def test_labels_do_not_matter() -> None:
    scene = moving(5.0)
    cells, users = np.array([1, 0]), np.array([2, 0, 1])
    found = dispersal(scene, link_budget(scene), HORIZONS)
    other = relabelled(scene, cells, users)
    again = dispersal(other, link_budget(other), HORIZONS)
    assert np.allclose(again.load, found.load[cells])
    assert np.allclose(again.sinr_db, found.sinr_db[users])


def test_the_spacing_is_that_of_the_nearest_site() -> None:
    assert site_spacing_m(plain_scene(GAINS)) == pytest.approx(500.0)
    assert site_spacing_m(plain_scene([[-90.0]])) == 0.0
