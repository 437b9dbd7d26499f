"""A scene as it would be with other settings or load: what a what-if asks a `ScenePredictor` about.

Power, on/off, offsets, schedulers and load are columns of the scene. Tilt and bearing change the gain of each
link by the difference of the antenna's pattern along the straight line to the user (TR 38.901 7.3). The line ends
in the middle of the user's square metre, as that of the simulator's gains does: half a metre is some dB in a null.
Links are then put in order again. A cell that was not among the strongest of a user does not come in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.scenes.scene import CellColumns, LinkColumns, Scene, pattern_db
from ranvier.dtops.simulator.intervention import Intervention
from ranvier.dtops.simulator.propagation.statistical_gains import GRID_M
from ranvier.ontology.errors import InputError

COLUMN = {
    "power_dbm": "tx_power_dbm", "tilt_deg": "tilt_deg", "azimuth_deg": "bearing", "on": "on",
    "offset_db": "offset_db", "scheduler": "scheduler",
}  # fmt: skip


def intervened(scene: Scene, interventions: Sequence[Intervention]) -> Scene:
    """The scene with all of them in effect, in their order. Raises InputError for cells that it does not have."""
    names = scene.cell_ids or tuple(str(i) for i in range(len(scene.cells)))
    place = {name: i for i, name in enumerate(names)}
    for each in interventions:
        if unknown := [name for name in each.cells if name not in place]:
            raise InputError("cells of the scene", ", ".join(unknown[:3]), "name cells that it has")
        chosen = np.array([place[name] for name in each.cells] or range(len(names)), dtype=np.int64)
        if each.knob == "demand":
            scene = _loaded(scene, chosen, each.value)
        else:
            column = getattr(scene.cells, COLUMN[each.knob]).copy()
            column[chosen] = each.value
            cells = replace(scene.cells, **{COLUMN[each.knob]: column})
            scene = replace(
                _turned(scene, cells) if each.knob in {"tilt_deg", "azimuth_deg"} else scene, cells=cells
            )
    return _in_order(scene)


def _loaded(scene: Scene, cells: NDArray[np.int64], factor: float) -> Scene:
    """The users of these cells ask for `factor` times as much."""
    link = scene.serving()
    served = (link >= 0) & np.isin(scene.links.cell[link], cells)
    offered = np.where(served, scene.users.offered_bit_s * factor, scene.users.offered_bit_s)
    return replace(scene, users=replace(scene.users, offered_bit_s=offered))


def _turned(scene: Scene, cells: CellColumns) -> Scene:
    gain = scene.links.gain_db + _pattern_db(scene, cells) - _pattern_db(scene, scene.cells)
    return replace(scene, links=replace(scene.links, gain_db=gain))


def _pattern_db(scene: Scene, cells: CellColumns) -> NDArray[np.float64]:
    """(E,) the antenna's gain towards each user, strongest beam."""
    cell = scene.links.cell
    return pattern_db(scene.antenna, cells.bearing[cell], cells.tilt_deg[cell], scene.way_m(GRID_M))


def _in_order(scene: Scene) -> Scene:
    """Links by user, the strongest first, also of cells that are off: as `LinkColumns` are."""
    links = scene.links
    power = scene.cells.tx_power_dbm[links.cell] + links.gain_db
    order = np.lexsort((-power, links.user))
    columns = {each.name: getattr(links, each.name)[order] for each in fields(links)}
    return replace(scene, links=LinkColumns(**columns))
