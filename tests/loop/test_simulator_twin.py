"""The simulator as the twin's model: members follow counters that a hidden network of the same kind counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from ranvier.dtops.ensemble_filter import Drift
from ranvier.dtops.forecast import Target
from ranvier.dtops.members import Members
from ranvier.dtops.simulator.deployment.from_snapshot import from_snapshot
from ranvier.dtops.simulator.ensemble_synchroniser import EnsembleSynchroniser
from ranvier.dtops.simulator.live_cells import LiveCells
from ranvier.dtops.simulator.live_counters import QUANTITIES, observations, steps_behind
from ranvier.dtops.simulator.simulator_predictor import SimulatorPredictor
from ranvier.dtops.synchroniser import LoadBinSynchroniser
from ranvier.dtops.twin_state import TwinState
from ranvier.fabric.ports import SeriesFrame
from ranvier.fabric.snapshot import Node, Snapshot

S = 10**9
STEP = 10 * S
CELLS = tuple(
    f"SubNetwork=x,ManagedElement=gNB-{s},GNBDUFunction=1,NRCellDU={c}" for s in (1, 2) for c in (1, 2, 3)
)


def snapshot(places: bool = True) -> Snapshot:
    nodes = []
    for i, name in enumerate(CELLS):
        site = i // 3
        place = {"latitude": 31.0 + 0.006 * site, "longitude": -41.0} if places else {}
        nodes.append(
            Node(
                name, "NRCellDU", {**place, "bearing": 120.0 * (i % 3) + 30, "bSChannelBwDL": 20}, 0, None, 0
            )
        )
    return Snapshot(0, 0, tuple(nodes), ())


def frame(end_ns: int, counted: dict[str, np.ndarray]) -> SeriesFrame:
    rows = [
        (cell, name, float(value))
        for name, column in counted.items()
        for cell, value in zip(CELLS, column, strict=True)
        if np.isfinite(value)
    ]
    n = len(rows)
    return SeriesFrame(
        np.array([r[0] for r in rows], dtype=object), np.array([r[1] for r in rows], dtype=object),
        np.full(n, end_ns - STEP), np.full(n, end_ns), np.array([r[2] for r in rows]), np.full(n, end_ns),
        np.zeros(n, dtype=bool),
    )  # fmt: skip


@dataclass(frozen=True)
class Hidden:
    """A network of the same kind whose load the filter does not know."""

    model: LiveCells
    offered_bit_s: float

    def counted(self, step: int) -> dict[str, np.ndarray]:
        c = len(CELLS)
        one = Members(
            CELLS, np.full((1, c), self.offered_bit_s), np.full((1, c), 6.0), np.zeros((1, c)), np.array([99])
        )
        return {name: column[0] for name, column in self.model.counted(one, 10_000 + step).items()}


def followed(offered_bit_s: float, steps: int) -> tuple[EnsembleSynchroniser, TwinState]:
    hidden = Hidden(LiveCells(from_snapshot(snapshot()), slots=1500), offered_bit_s)
    kept = EnsembleSynchroniser(LoadBinSynchroniser(STEP, quantities=QUANTITIES), members=8, slots=400)
    graph, state = snapshot(), None
    for step in range(1, steps + 1):
        end = step * STEP
        state = kept.update(state, frame(end, hidden.counted(step)), graph, end, end)
    assert state is not None
    return kept, state


@pytest.fixture(scope="module")
def light() -> tuple[EnsembleSynchroniser, TwinState]:
    return followed(3e6, 6)


def test_members_find_the_load_that_the_cells_are_offered(
    light: tuple[EnsembleSynchroniser, TwinState],
) -> None:
    """From a guess by PRBs alone; the mean over six cells is within a factor of two of the hidden 3 Mbit/s."""
    members = light[1].members
    assert members is not None
    assert 1.5e6 < np.exp(np.log(members.offered_bit_s).mean()) < 6e6
    assert members.users.mean() == pytest.approx(6.0, rel=0.3)


def test_more_load_is_seen_as_more_load(light: tuple[EnsembleSynchroniser, TwinState]) -> None:
    heavy = followed(9e6, 6)[1].members
    assert heavy is not None
    assert light[1].members is not None
    assert np.log(heavy.offered_bit_s).mean() > np.log(light[1].members.offered_bit_s).mean() + 0.5


def test_its_forecasts_cover_what_it_counts_and_nothing_else(
    light: tuple[EnsembleSynchroniser, TwinState],
) -> None:
    kept, state = light
    model = SimulatorPredictor(kept, Drift())
    handed = state.handed_out()
    found = model.forecast(handed, (10.0, 60.0))
    assert found.values.shape == (len(handed.targets), 2, 8)
    load = [i for i, target in enumerate(handed.targets) if target.quantity == "RRU.PrbTotDl"]
    assert np.isfinite(found.values[load]).all()
    assert found.values[load].min() >= 0
    assert found.values[load].max() <= 100
    again = model.forecast(handed, (10.0, 60.0))
    assert np.array_equal(again.values, found.values, equal_nan=True)


def test_a_target_that_the_simulator_does_not_know_gets_no_forecast(
    light: tuple[EnsembleSynchroniser, TwinState],
) -> None:
    kept, state = light
    other = state.narrowed([state.targets[0]])
    strange = [Target("somebody else", "RRU.PrbTotDl")]
    named = TwinState(
        **{**{name: getattr(other, name) for name in other.__slots__}, "targets": tuple(strange)}
    )
    assert np.isnan(SimulatorPredictor(kept, Drift()).forecast(named, (10.0,)).values).all()


def test_without_places_in_the_graph_there_are_no_members_and_no_forecasts() -> None:
    kept = EnsembleSynchroniser(LoadBinSynchroniser(STEP, quantities=QUANTITIES), members=4, slots=100)
    counted = {"RRU.PrbTotDl": np.full(len(CELLS), 20.0)}
    for graph in (None, snapshot(places=False)):
        state = kept.update(None, frame(STEP, counted), graph, STEP, STEP)
        assert state.members is None
        values = SimulatorPredictor(kept, Drift()).forecast(state, (10.0,)).values
        assert np.isnan(values).all()


def late_by_a_step(counted: dict[str, np.ndarray], steps: int) -> list[TwinState]:
    """States at each step, whose counters are those of the step before."""
    kept = EnsembleSynchroniser(LoadBinSynchroniser(STEP, quantities=QUANTITIES), members=4, slots=100)
    graph, states, state = snapshot(), [], None
    for step in range(1, steps + 1):
        state = kept.update(state, frame((step - 1) * STEP, counted), graph, step * STEP, step * STEP)
        states.append(state)
    return states


def test_a_counter_that_comes_late_is_seen_once_and_as_of_its_step() -> None:
    names = from_snapshot(snapshot()).names
    first, second = late_by_a_step({"RRU.PrbTotDl": np.full(len(CELLS), 20.0)}, 2)
    quiet = LoadBinSynchroniser(STEP, quantities=QUANTITIES).update(
        second, frame(0, {}), None, 3 * STEP, 3 * STEP
    )
    assert np.isfinite(observations(first, names)["RRU.PrbTotDl"]).all()
    assert np.isfinite(observations(second, names, first)["RRU.PrbTotDl"]).all()
    assert np.isnan(observations(quiet, names, second)["RRU.PrbTotDl"]).all()
    assert [steps_behind(each, names) for each in (first, second, quiet)] == [1, 1, 2]


def test_members_follow_counters_that_come_late() -> None:
    """The users that every step counts, a step late: members that saw nothing would walk at random."""
    counted = {
        "RRU.PrbTotDl": np.full(len(CELLS), 20.0), "RRC.ConnMean": np.full(len(CELLS), 9.0),
        "DRB.UEThpDl": np.full(len(CELLS), 2e4),
    }  # fmt: skip
    members = late_by_a_step(counted, 4)[-1].members
    assert members is not None
    assert members.users.mean() == pytest.approx(9, rel=0.15)
    assert np.log(members.users).std(axis=0).max() < 0.25
