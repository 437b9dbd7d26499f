"""Scenes written by hand: of given gains, powers and loads, the rest plain. And a scene under other labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from ranvier.dtops.scenes.scene import CellColumns, LinkColumns, Scene, UserColumns
from ranvier.dtops.simulator.population import SERVICES

PRBS = 106
NOISE_DBM = -114.4


def plain_scene(
    gain_db: Sequence[Sequence[float]], power_dbm: float = 43.0, offered_bit_s: float = 1e6
) -> Scene:
    """Users × cells of gains; NaN where a user does not hear a cell. All users ask for the same, as files."""
    gain = np.array(gain_db, dtype=float)
    users, cells = gain.shape if gain.ndim == 2 else (0, 1)
    power = np.where(np.isfinite(gain), gain, -np.inf).reshape(users, cells)
    order = np.argsort(-power, axis=1, kind="stable")
    user = np.repeat(np.arange(users), cells)
    cell = order.reshape(-1)
    heard = np.isfinite(power[user, cell])
    user, cell = user[heard], cell[heard]
    return Scene(
        "plain", "plain", 1e-3, NOISE_DBM, -125.0, _cells(cells, power_dbm), _users(users, offered_bit_s),
        LinkColumns(
            user, cell, power[user, cell], np.zeros(len(user), dtype=bool), np.zeros(len(user)),
            np.full(len(user), 1e-7), np.full(len(user), 200.0),
        ),
    )  # fmt: skip


def with_users(scene: Scene, **columns: Any) -> Scene:
    """The same with other columns of users."""
    return replace(scene, users=replace(scene.users, **columns))


def with_cells(scene: Scene, **columns: Any) -> Scene:
    """The same with other columns of cells."""
    return replace(scene, cells=replace(scene.cells, **columns))


def relabelled(scene: Scene, cells: np.ndarray, users: np.ndarray) -> Scene:
    """The same network: cell i is the old `cells[i]`, user i the old `users[i]`."""
    links = scene.links
    user, cell = np.argsort(users)[links.user], np.argsort(cells)[links.cell]
    # By user, the strongest first; a user's links keep their order.
    order = np.argsort(user, kind="stable")
    columns = {each.name: getattr(links, each.name)[order] for each in fields(links)}
    columns |= {"user": user[order], "cell": cell[order]}
    return replace(
        scene, links=LinkColumns(**columns), cell_ids=tuple(scene.cell_ids[i] for i in cells if scene.cell_ids),
        cells=CellColumns(**{each.name: getattr(scene.cells, each.name)[cells] for each in fields(CellColumns)}),
        users=UserColumns(**{each.name: getattr(scene.users, each.name)[users] for each in fields(UserColumns)}),
    )  # fmt: skip


def _cells(count: int, power_dbm: float) -> CellColumns:
    same = np.ones(count)
    return CellColumns(
        np.arange(count), 500.0 * np.arange(count), 0.0 * same, 25.0 * same, 0.0 * same, 3.0 * same,
        power_dbm * same, 3.5e9 * same, 20.0 * same, np.full(count, PRBS), np.ones(count, dtype=bool), 0.0 * same,
        np.zeros(count, dtype=np.int64),
    )  # fmt: skip


def _users(count: int, offered_bit_s: float) -> UserColumns:
    same = np.ones(count)
    return UserColumns(
        100.0 * same, 100.0 * same, 1.5 * same, 0.0 * same, np.zeros(count, dtype=np.int64),
        np.zeros(count, dtype=bool), np.full(count, SERVICES.index("ftp3")), offered_bit_s * same, 4e5 * same,
        0.0 * same,
    )  # fmt: skip
