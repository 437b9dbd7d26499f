"""`EnsembleSynchroniser`: the twin's state with members behind it that count what the cells counted.

    measured ► LoadBinSynchroniser ► state ─┐
    members before ► drift ► model ─────────┴► ensemble filter ► members

Load, users and gain of each cell are seen through its counters alone (`ensemble_filter`), with the simulator
as the model, or another `CellModel`: its own sampling error is part of the filter's S. Draws are named by the
step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.ensemble_filter import Drift, analysed, drifted
from ranvier.dtops.members import Members
from ranvier.dtops.ports import Synchroniser
from ranvier.dtops.simulator.deployment.from_snapshot import LiveNetwork, from_snapshot
from ranvier.dtops.simulator.live_cells import CellModel, LiveCells
from ranvier.dtops.simulator.live_counters import logged, observations
from ranvier.dtops.simulator.member_draws import MOST_USERS, prior, standard_normals
from ranvier.dtops.twin_state import TwinState
from ranvier.fabric.ports import SeriesFrame
from ranvier.fabric.snapshot import Snapshot
from ranvier.ontology.errors import InputError

Floats = NDArray[np.float64]
ERROR = {
    "RRU.PrbTotDl": 0.08, "DRB.UEThpDl": 0.15, "DRB.MeanActiveUeDl": 0.15, "RRC.ConnMean": 0.05,
    "DRB.RlcSduDelayDl": 0.4,
}  # fmt: skip
"""Of the logarithm of what a cell counts: rounding, and what a period's mean says of its end."""
FILTERED = ("RRU.PrbTotDl", "DRB.UEThpDl", "RRC.ConnMean")
"""What the filter is told; the others follow, and are only kept in ratio."""
RATIO_MEMORY = 0.85
"""What a step keeps of the ratio of counted to modelled."""


@dataclass(slots=True)
class EnsembleSynchroniser:
    """See the module.

    inner    keeps everything else of the state
    members  E
    slots    that each member is simulated in a step
    make     the model of the cells of a network; None: the simulator
    """

    inner: Synchroniser
    members: int = 12
    slots: int = 800
    threads: int = 1
    drift: Drift = field(default_factory=Drift)
    make: Callable[[LiveNetwork], CellModel] | None = None
    _model: tuple[object, CellModel | None] | None = field(default=None, repr=False)

    def update(
        self, state: TwinState | None, measured: SeriesFrame, snapshot: Snapshot | None,
        as_of_ns: int, known_at_ns: int,
    ) -> TwinState:  # fmt: skip
        """See `Synchroniser`; without a graph that has places, the state has no members."""
        after = self.inner.update(state, measured, snapshot, as_of_ns, known_at_ns)
        model = self.model_of(snapshot)
        if model is None:
            return after
        return replace(after, members=self._members(state, after, model))

    def model_of(self, snapshot: Snapshot | None) -> CellModel | None:
        """The model of the cells in a snapshot; None where none has a place. Kept while the graph stays."""
        if snapshot is None:
            return None
        if self._model is None or self._model[0] is not snapshot.nodes:
            make = self.make or (lambda network: LiveCells(network, self.slots, self.threads))
            try:
                self._model = (snapshot.nodes, make(from_snapshot(snapshot)))
            except InputError:
                self._model = (snapshot.nodes, None)
        return self._model[1]

    def _members(self, earlier: TwinState | None, state: TwinState, model: CellModel) -> Members:
        step, names = state.as_of_ns // state.step_ns, model.network.names
        cells, before = names.du, earlier.members if earlier is not None else None
        if before is None or before.cells != cells or len(before) != self.members:
            return prior(observations(state, names), cells, self.members, step, self.drift)
        observed = observations(state, names, earlier)
        x = drifted(
            _stacked(before), self.drift, standard_normals("drift", step, (self.members, len(cells), 3))
        )
        guess = _unstacked(x, before)
        y = {name: logged(name, values) for name, values in model.counted(guess, step).items()}
        known = np.stack([observed[name] for name in FILTERED], axis=1)
        found = analysed(
            x, np.stack([y[name] for name in FILTERED], axis=2), known,
            np.array([ERROR[name] for name in FILTERED]),
            standard_normals("counters", step, (self.members, len(cells), len(FILTERED))),
        )  # fmt: skip
        return replace(_unstacked(_bounded(found), before), log_ratio=_ratios(before, y, observed))


def _ratios(before: Members, y: dict[str, Floats], observed: dict[str, Floats]) -> dict[str, Floats]:
    found = {}
    for name, values in y.items():
        with np.errstate(invalid="ignore"):
            apart = observed[name] - np.where(np.isnan(values).all(axis=0), np.nan, _mean(values))
        old = before.log_ratio.get(name, np.zeros(values.shape[1]))
        fresh = RATIO_MEMORY * old + (1 - RATIO_MEMORY) * np.clip(apart, -3, 3)
        found[name] = np.where(np.isnan(apart), old, fresh)
    return found


def _mean(values: Floats) -> Floats:
    known = ~np.isnan(values)
    return np.asarray(np.where(known, values, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1))


def _stacked(members: Members) -> Floats:
    columns = np.log(members.offered_bit_s), np.log(members.users), members.gain_db
    return np.stack(columns, axis=2)


def _unstacked(x: Floats, like: Members) -> Members:
    return replace(like, offered_bit_s=np.exp(x[..., 0]), users=np.exp(x[..., 1]), gain_db=x[..., 2])


def _bounded(x: Floats) -> Floats:
    """States that a simulation can start from: load up to 1 Gbit/s, a hundredth to 200 users, ±15 dB."""
    low = np.array([np.log(1e3), np.log(0.01), -15.0])
    return np.clip(x, low, np.array([np.log(1e9), np.log(MOST_USERS), 15.0]))
