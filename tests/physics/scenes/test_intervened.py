"""A scene under interventions is the scene that is drawn of an intervened layout."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ranvier.dtops.scenes.drawn import MOST_LINKS, Deployment, drawn
from ranvier.dtops.scenes.intervened import intervened
from ranvier.dtops.scenes.recipe import RECIPES, deployment
from ranvier.dtops.scenes.scene import Scene
from ranvier.dtops.simulator.intervention import Intervention, applied
from ranvier.ontology.errors import InputError

ROUNDING_DB = 2 * 2.0**-24 * 256
"""Gains are float32, above −256 dB; each of the two that are compared is rounded once."""


@pytest.fixture(scope="module")
def made() -> Deployment:
    return deployment(RECIPES["small"], "train", 0)


@pytest.fixture(scope="module")
def scene(made: Deployment) -> Scene:
    return drawn(made)


def as_drawn(made: Deployment, *interventions: Intervention) -> Scene:
    return drawn(replace(made, layout=applied(made.layout, interventions)))


@pytest.mark.parametrize(
    ("knob", "value"), [("power_dbm", 30.0), ("on", 0.0), ("offset_db", 6.0), ("scheduler", 2.0)]
)
def test_columns_of_cells_are_exact_and_links_in_order(
    made: Deployment, scene: Scene, knob: str, value: float
) -> None:
    """With cells of which none is left out, every column is the same."""
    assert len(scene.cells) <= MOST_LINKS
    change = Intervention(0, knob, value, scene.cell_ids[2:5])  # type: ignore[arg-type]
    found, wanted = intervened(scene, [change]), as_drawn(made, change)
    for name, column in wanted.columns().items():
        assert np.array_equal(found.columns()[name], column, equal_nan=True), name
        assert found.columns()[name].dtype == column.dtype


@pytest.mark.parametrize(("split", "number"), [("train", 0), ("train", 4), ("unseen", 0), ("unseen", 1)])
@pytest.mark.parametrize(("knob", "value"), [("tilt_deg", 9.0), ("azimuth_deg", 77.0)])
def test_tilt_and_bearing_change_every_gain_as_the_simulator_does(
    split: str, number: int, knob: str, value: float
) -> None:
    """In nulls of the pattern too, which half a metre moves by up to 30 dB in a hall; on repeating planes too."""
    made = deployment(RECIPES["standard"], split, number)  # type: ignore[arg-type]
    change = Intervention(0, knob, value, made.layout.cells.ids[::2])  # type: ignore[arg-type]
    found, wanted = intervened(drawn(made), [change]).links, as_drawn(made, change).links
    cells = len(made.layout.cells)
    # What is left out of the weakest links of a user is chosen before the change here, and after it there.
    _, a, b = np.intersect1d(
        found.user * cells + found.cell, wanted.user * cells + wanted.cell, return_indices=True
    )
    assert len(a) > 0.75 * len(wanted)
    assert np.abs(found.gain_db[a] - wanted.gain_db[b]).max() <= ROUNDING_DB


def test_demand_is_that_of_the_users_served(scene: Scene) -> None:
    chosen = scene.cell_ids[:3]
    found = intervened(scene, [Intervention(0, "demand", 2.0, chosen)])
    link = scene.serving()
    served = (link >= 0) & np.isin(scene.links.cell[link], [0, 1, 2])
    assert np.array_equal(found.users.offered_bit_s, scene.users.offered_bit_s * np.where(served, 2.0, 1.0))


def test_interventions_take_effect_in_their_order_and_none_is_the_scene(scene: Scene) -> None:
    changes = [Intervention(0, "power_dbm", p, scene.cell_ids[:1]) for p in (10.0, 33.0)]
    assert intervened(scene, changes).cells.tx_power_dbm[0] == 33.0
    for name, column in intervened(scene, []).columns().items():
        assert np.array_equal(column, scene.columns()[name], equal_nan=True)


def test_a_turn_and_back_is_the_scene(scene: Scene) -> None:
    tilt = float(scene.cells.tilt_deg[0])
    there = intervened(scene, [Intervention(0, "tilt_deg", tilt + 5, scene.cell_ids[:1])])
    back = intervened(there, [Intervention(0, "tilt_deg", tilt, scene.cell_ids[:1])])
    assert np.allclose(back.links.gain_db, scene.links.gain_db, atol=1e-9)


def test_cells_that_are_not_there_are_refused(scene: Scene) -> None:
    with pytest.raises(InputError, match="cells of the scene"):
        intervened(scene, [Intervention(0, "on", 0.0, ("nowhere",))])
