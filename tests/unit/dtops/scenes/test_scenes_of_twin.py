"""Scenes of a live graph: cells where the graph has them, users that it knows, and the rest assumed and counted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra `simulator` is not installed")

from ranvier.dtops.scenes.of_twin import (
    DRAWN,
    SceneMaker,
    mean_member,
    network_of,
    scene_of,
    scenes_of,
    twin_scenes,
)
from ranvier.dtops.scenes.scene import Scene
from ranvier.dtops.simulator.live_users import FILE_BITS
from ranvier.dtops.synchroniser import LoadBinSynchroniser
from ranvier.dtops.twin_state import TwinState
from ranvier.fabric.ports import SeriesFrame
from ranvier.fabric.snapshot import Node, Relation, Snapshot
from ranvier.ontology.errors import InputError

STEP = 10 * 10**9
CELLS = tuple(f"ManagedElement=gNB-{s},GNBDUFunction=1,NRCellDU={c}" for s in (1, 2) for c in (1, 2, 3))
HERE = {"latitude": 31.002, "longitude": -41.0}


def graph(places: bool = True, *more: Node | Relation) -> Snapshot:
    nodes = []
    for i, name in enumerate(CELLS):
        place = {"latitude": 31.0 + 0.006 * (i // 3), "longitude": -41.0} if places else {}
        set_up = {"bearing": 120.0 * (i % 3), "bSChannelBwDL": 20, "tx_power_dbm": 43.0, "tilt_deg": 8.0}
        nodes.append(Node(name, "NRCellDU", {**place, **set_up}, 0, None, 0))
    return Snapshot(
        0, 0, (*nodes, *(each for each in more if isinstance(each, Node))),
        tuple(each for each in more if isinstance(each, Relation)),
    )  # fmt: skip


def user(name: str = "UE=a", kind: str = "UE", **properties: Any) -> Node:
    return Node(name, kind, properties, 0, None, 0)


def serves(cell: str, name: str = "UE=a") -> Relation:
    return Relation("serves", cell, name, {}, 0, None, 0)


def state(snapshot: Snapshot, **values: float) -> TwinState:
    """Counters of every cell, `users` and `load`; and what UE=a measured, by quantity."""
    rows = [(cell, "RRC.ConnMean", values["users"]) for cell in CELLS if "users" in values]
    rows += [(cell, "RRU.PrbTotDl", values["load"]) for cell in CELLS if "load" in values]
    rows += [(cell, "DRB.PdcpSduVolumeDL", values["volume"]) for cell in CELLS if "volume" in values]
    names = {"rsrp": "MDT.M1.RSRP", "lat": "UE.Latitude", "lon": "UE.Longitude", "speed": "UE.Speed"}
    rows += [("UE=a", names[key], value) for key, value in values.items() if key in names]
    n = len(rows)
    frame = SeriesFrame(
        np.array([r[0] for r in rows], dtype=object), np.array([r[1] for r in rows], dtype=object),
        np.zeros(n, dtype=np.int64), np.full(n, STEP), np.array([r[2] for r in rows], dtype=float),
        np.full(n, STEP), np.zeros(n, dtype=bool),
    )  # fmt: skip
    return LoadBinSynchroniser(STEP).update(None, frame, snapshot, STEP, STEP)


def serving_rsrp(scene: Scene, name: str) -> tuple[str, float]:
    u = scene.user_ids.index(name)
    link = scene.serving()[u]
    return scene.cell_ids[scene.links.cell[link]], float(scene.rsrp_dbm()[link])


def test_cells_stand_where_the_graph_has_them_with_what_it_says_of_them() -> None:
    g = graph()
    scene = scene_of(g, state(g, users=4, load=20))
    assert scene.cell_ids == CELLS
    assert scene.cells.site.tolist() == [0, 0, 0, 1, 1, 1]
    assert np.hypot(np.ptp(scene.cells.x_m), np.ptp(scene.cells.y_m)) == pytest.approx(667, abs=1)
    assert (scene.cells.tx_power_dbm == 43).all()
    assert (scene.cells.tilt_deg == 8).all()


def test_as_many_users_are_drawn_as_the_counters_tell_and_offered_what_they_tell() -> None:
    g = graph()
    made = twin_scenes(g, state(g, users=4, volume=30), many=4)
    for e, scene in enumerate(made.scenes):
        link = np.unique(scene.links.user, return_index=True)[
            1
        ]  # the strongest, though it may be out of reach
        count = np.bincount(scene.links.cell[link], minlength=6)
        offered = np.bincount(scene.links.cell[link], scene.users.offered_bit_s, 6)
        assert len(link) == len(scene.users)
        assert (count <= np.maximum(np.round(made.members.users[e]), 1)).all()
        assert np.allclose(offered[count > 0], made.members.offered_bit_s[e][count > 0])
    assert np.allclose(np.exp(np.log(made.members.offered_bit_s).mean(axis=0)), 3e6)
    assert (made.scenes[0].users.burst_bits == FILE_BITS).all()


def test_what_no_counter_tells_is_assumed_and_counted() -> None:
    g = graph()
    told = twin_scenes(g, state(g, users=4, load=20), many=4).assumed
    assert (told.cells_without_load, told.cells_without_users) == (0, 0)
    assert told.attributes == {"height_m": 6, "arfcnDL": 6, "subcarrier_spacing_khz": 6}
    silent = twin_scenes(g, state(g, rsrp=-90), many=4).assumed
    assert (silent.cells_without_load, silent.cells_without_users) == (6, 6)
    assert silent.users_drawn > 0


def test_a_known_user_stands_in_for_one_that_is_drawn() -> None:
    g = graph(True, user(**HERE))
    made = twin_scenes(g, state(g, users=4, load=20), many=4)
    alone = twin_scenes(graph(), state(graph(), users=4, load=20), many=4)
    assert made.assumed.users_known == 1
    for with_it, without in zip(made.scenes, alone.scenes, strict=True):
        assert with_it.user_ids[-1] == "UE=a"
        assert all(name.startswith(DRAWN) for name in with_it.user_ids[:-1])
        assert len(with_it.users) == len(without.users)
        assert with_it.users.offered_bit_s.sum() == pytest.approx(without.users.offered_bit_s.sum())


def test_the_measured_gain_wins_over_the_modelled_one() -> None:
    g = graph(True, user(**HERE), serves(CELLS[2]))
    made = twin_scenes(g, state(g, users=4, load=20, rsrp=-87), many=4)
    assert made.assumed.gains_measured == 1
    for scene in made.scenes:
        cell, rsrp = serving_rsrp(scene, "UE=a")
        assert cell == CELLS[2]
        assert rsrp == pytest.approx(-87, abs=1e-3)


def test_the_cell_that_serves_is_heard_best_though_its_power_was_not_measured() -> None:
    g = graph(True, user(**HERE), serves(CELLS[4]))
    made = twin_scenes(g, state(g, users=4, load=20), many=4)
    assert made.assumed.gains_measured == 0
    assert {serving_rsrp(scene, "UE=a")[0] for scene in made.scenes} == {CELLS[4]}


def test_a_place_may_be_measured_and_a_bin_is_a_user_too() -> None:
    g = graph(True, user(), user("UEBin=7", "UEBin", **HERE))
    made = twin_scenes(g, state(g, users=4, load=20, lat=31.002, lon=-41.0, speed=36), many=4)
    scene = made.scenes[0]
    assert scene.user_ids[-2:] == ("UE=a", "UEBin=7")
    assert scene.users.speed_m_s[-2:].tolist() == [10, 0]
    assert scene.users.x_m[-2] == scene.users.x_m[-1]


def test_users_without_a_place_and_users_of_other_networks_are_counted_not_placed() -> None:
    g = graph(
        True, user("UE=lost"), user("UE=far", latitude=40.0, longitude=-41.0), user("UE=lte", **HERE),
        serves("EUtranCell=9", "UE=lte"),
    )  # fmt: skip
    assumed = twin_scenes(g, state(g, users=4, load=20), many=4).assumed
    assert (assumed.users_known, assumed.users_placeless, assumed.users_elsewhere) == (0, 1, 2)


@pytest.mark.parametrize("snapshot", [None, graph(places=False)], ids=["no graph", "no places"])
def test_without_places_of_cells_there_is_no_scene(snapshot: Snapshot | None) -> None:
    g = graph()
    with pytest.raises(InputError, match="latitude"):
        scenes_of(snapshot, state(g, users=4))
    with pytest.raises(InputError, match="latitude"):
        scene_of(snapshot, state(g, users=4))


def test_the_members_of_the_state_are_used_where_it_has_them() -> None:
    g = graph()
    plain = state(g, users=4, load=20)
    own = replace(twin_scenes(g, plain, many=3).members, users=np.full((3, 6), 2.0))
    with_members = replace(plain, members=own)
    made = twin_scenes(g, with_members, many=8)
    assert len(made.scenes) == 3
    assert all(len(scene.users) <= 12 for scene in made.scenes)
    loud = replace(with_members, members=replace(own, gain_db=own.gain_db + 7))
    for before, after in zip(made.scenes, scenes_of(g, loud), strict=True):
        assert np.allclose(after.links.gain_db - before.links.gain_db, 7, atol=1e-4)


def test_the_same_state_gives_the_same_scenes_and_one_scene_is_of_the_middle() -> None:
    g = graph(True, user(**HERE))
    now = state(g, users=4, load=20)
    first, again = scenes_of(g, now), scenes_of(g, now)
    assert [a.to_bytes() for a in first] == [b.to_bytes() for b in again]
    members = SceneMaker(network_of(g)).members(now, 8)[0]
    middle = mean_member(members)
    assert scene_of(g, now).users.offered_bit_s.sum() == pytest.approx(middle.offered_bit_s.sum(), rel=0.35)
