"""A scene: to bytes and back, in range or refused, and what it says by itself."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from ranvier.dtops.scenes.scene import Scene
from ranvier.dtops.simulator.layout import Antenna
from ranvier.ontology.errors import InputError
from tests.unit.dtops.scenes.plain_scenes import PRBS, plain_scene, with_cells, with_users

TWO = [[-90.0, -100.0], [-110.0, -95.0], [-150.0, -160.0]]


def test_a_scene_comes_back_from_its_bytes() -> None:
    scene = replace(
        plain_scene(TWO), cell_ids=("a", "é"), user_ids=("1", "2", "3"), antenna=Antenna(rows=4, beams=2),
        wraparound=np.array([[0.0, 0.0], [1e3, -2e3]]),
    )  # fmt: skip
    again = Scene.from_bytes(scene.to_bytes())
    for each in fields(Scene):
        if each.name not in {"cells", "users", "links", "wraparound"}:
            assert getattr(again, each.name) == getattr(scene, each.name)
    assert np.array_equal(again.wraparound, scene.wraparound)
    for name, column in scene.columns().items():
        found = again.columns()[name]
        assert np.array_equal(found, column, equal_nan=True)
        assert found.dtype == column.dtype


def test_a_scene_of_nobody_comes_back_too() -> None:
    assert len(Scene.from_bytes(plain_scene([]).to_bytes()).users) == 0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda s: with_users(s, x_m=np.zeros(2)), "columns of one length"),
        (lambda s: replace(s, links=replace(s.links, user=s.links.user + 1)), "links to users 0 to 2"),
        (lambda s: replace(s, links=replace(s.links, cell=s.links.cell - 1)), "links to cells 0 to 1"),
        (lambda s: with_cells(s, scheduler=np.array([0, 4])), "cells.scheduler of 0 to 3"),
        (lambda s: with_users(s, service=np.array([0, 7, 1])), "users.service of 0 to 6"),
        (lambda s: with_users(s, motion=np.array([0, -1, 1])), "users.motion of 0 to 3"),
        (lambda s: with_cells(s, tx_power_dbm=np.array([np.nan, 40.0])), "finite cells.tx_power_dbm"),
        (lambda s: with_users(s, offered_bit_s=np.array([1.0, np.inf, 1.0])), "finite users.offered_bit_s"),
        (lambda s: with_users(s, x_m=np.array([1.0, np.nan, 1.0])), "finite users.x_m"),
        (lambda s: with_users(s, speed_m_s=np.array([1.0, 1e9, 1.0])), "users.speed_m_s of 10000 at most"),
        (lambda s: with_cells(s, y_m=np.array([1e30, 40.0])), "cells.y_m of 2e\\+07 at most"),
        (lambda s: replace(s, links=replace(s.links, gain_db=s.links.gain_db - np.inf)), "finite links.gain_db"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(change: object, told: str) -> None:
    with pytest.raises(InputError, match=told):
        change(plain_scene(TWO))  # type: ignore[operator]


def test_rsrp_is_the_power_of_a_resource_element_and_nothing_of_a_cell_that_is_off() -> None:
    scene = with_cells(plain_scene(TWO), on=np.array([True, False]))
    first, second = scene.rsrp_dbm()[:2]
    assert first == pytest.approx(43 - 10 * np.log10(12 * PRBS) - 90)
    assert second == -np.inf


def test_users_are_served_by_their_strongest_cell_in_reach() -> None:
    scene = plain_scene(TWO)
    link = scene.serving()
    assert scene.links.cell[link[:2]].tolist() == [0, 1]
    assert link[2] == -1
    off = with_cells(scene, on=np.array([False, True])).serving()
    assert scene.links.cell[off[:2]].tolist() == [1, 1]


def test_the_way_to_a_user_is_the_shortest_where_the_plane_repeats() -> None:
    scene = with_users(plain_scene([[-90.0]]), x_m=np.array([900.4]), y_m=np.array([0.2]))
    assert scene.way_m()[0].tolist() == [900.4, 0.2, 1.5 - 25.0]
    around = replace(scene, wraparound=np.array([[0.0, 0.0], [-1000.0, 0.0]]))
    assert around.way_m()[0] == pytest.approx([-99.6, 0.2, -23.5])
    assert around.way_m(grid_m=1.0)[0] == pytest.approx([-99.5, 0.5, -23.5])
