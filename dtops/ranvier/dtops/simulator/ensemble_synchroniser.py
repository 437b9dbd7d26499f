"""`EnsembleSynchroniser`: the twin's state with members behind it that count what the cells counted.

    measured ► LoadBinSynchroniser ► state ─┐
    members before ► drift ► simulator ─────┴► ensemble filter ► members

Load, users and gain of each cell are seen through its counters alone (`ensemble_filter`), with the simulator
as the model: its own sampling error in a short run is part of the filter's S. Draws are named by the step.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.ensemble_filter import Drift, analysed, drifted
from ranvier.dtops.forecast import Target
from ranvier.dtops.members import Members
from ranvier.dtops.ports import Synchroniser
from ranvier.dtops.scoring import counter_stream
from ranvier.dtops.simulator.deployment.from_snapshot import from_snapshot
from ranvier.dtops.simulator.live_cells import QUANTITIES, LiveCells
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
FLOOR = {
    "RRU.PrbTotDl": 0.5, "DRB.UEThpDl": 100.0, "DRB.MeanActiveUeDl": 0.02, "RRC.ConnMean": 0.2,
    "DRB.RlcSduDelayDl": 5.0,
}  # fmt: skip
"""Below which values are not told apart: added before the logarithm."""
FILTERED = ("RRU.PrbTotDl", "DRB.UEThpDl", "RRC.ConnMean")
"""What the filter is told; the others follow, and are only kept in ratio."""
BIT_S_PER_PERCENT = 0.6e6
"""Of offered load for each per cent of PRBs, before anything was compared: 1.6 bit/s/Hz on 40 MHz."""
RATIO_MEMORY = 0.85
"""What a step keeps of the ratio of counted to modelled."""


@dataclass(slots=True)
class EnsembleSynchroniser:
    """See the module.

    inner    keeps everything else of the state
    members  E
    slots    that each member is simulated in a step
    """

    inner: Synchroniser
    members: int = 12
    slots: int = 800
    threads: int = 1
    drift: Drift = field(default_factory=Drift)
    _model: tuple[object, LiveCells] | None = field(default=None, repr=False)

    def update(
        self, state: TwinState | None, measured: SeriesFrame, snapshot: Snapshot | None,
        as_of_ns: int, known_at_ns: int,
    ) -> TwinState:  # fmt: skip
        """See `Synchroniser`; without a graph that has places, the state has no members."""
        after = self.inner.update(state, measured, snapshot, as_of_ns, known_at_ns)
        model = self.model_of(snapshot)
        if model is None:
            return after
        before = state.members if state is not None else None
        return replace(after, members=self._members(before, after, model))

    def model_of(self, snapshot: Snapshot | None) -> LiveCells | None:
        """The model of the cells in a snapshot; None where none has a place. Kept while the graph stays."""
        if snapshot is None:
            return None
        if self._model is None or self._model[0] is not snapshot.nodes:
            try:
                self._model = (snapshot.nodes, LiveCells(from_snapshot(snapshot), self.slots, self.threads))
            except InputError:
                return None
        return self._model[1]

    def _members(self, before: Members | None, state: TwinState, model: LiveCells) -> Members:
        step = state.as_of_ns // state.step_ns
        observed = observations(state, model)
        if before is None or before.cells != model.cells or len(before) != self.members:
            return self._prior(observed, model, step)
        x = drifted(
            _stacked(before), self.drift, standard_normals("drift", step, (self.members, len(model.cells), 3))
        )
        guess = _unstacked(x, before)
        y = {name: logged(name, values) for name, values in model.counted(guess, step).items()}
        known = np.stack([observed[name] for name in FILTERED], axis=1)
        found = analysed(
            x, np.stack([y[name] for name in FILTERED], axis=2), known,
            np.array([ERROR[name] for name in FILTERED]),
            standard_normals("counters", step, (self.members, len(model.cells), len(FILTERED))),
        )  # fmt: skip
        return replace(_unstacked(_bounded(found), before), log_ratio=_ratios(before, y, observed))

    def _prior(self, observed: dict[str, Floats], model: LiveCells, step: int) -> Members:
        """Members around what the counters say by themselves."""
        cells = len(model.cells)
        draws = standard_normals("prior", step, (self.members, cells, 3))
        load = np.exp(np.nan_to_num(observed["RRU.PrbTotDl"], nan=np.log(10.0)))
        users = np.exp(np.nan_to_num(observed["RRC.ConnMean"], nan=np.log(5.0)))
        return Members(
            model.cells, BIT_S_PER_PERCENT * load * np.exp(0.5 * draws[..., 0]),
            users * np.exp(0.2 * draws[..., 1]),
            self.drift.rest_gain_db * draws[..., 2], np.arange(self.members) + 1,
            {name: np.zeros(cells) for name in QUANTITIES},
        )  # fmt: skip


def observations(state: TwinState, model: LiveCells) -> dict[str, Floats]:
    """Quantity to (c,): the logarithm of each cell's newest counter; NaN where there is none in this step."""
    place = {target: i for i, target in enumerate(state.targets)}
    names = model.network.names
    found = {}
    for quantity in QUANTITIES:
        ids = names.cu if quantity == "RRC.ConnMean" else names.du
        rows = [place.get(Target(name, quantity), -1) for name in ids]
        values = np.array([state.recent[row, -1] if row >= 0 else np.nan for row in rows])
        found[quantity] = logged(quantity, values)
    return found


def logged(quantity: str, values: Floats) -> Floats:
    """ln(value + floor)."""
    return np.asarray(np.log(np.maximum(values, 0.0) + FLOOR[quantity]))


def unlogged(quantity: str, values: Floats) -> Floats:
    """The inverse of `logged`, at least 0."""
    return np.asarray(np.maximum(np.exp(values) - FLOOR[quantity], 0.0))


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
    return np.clip(x, low, np.array([np.log(1e9), np.log(200.0), 15.0]))


def standard_normals(purpose: str, step: int, shape: tuple[int, ...]) -> Floats:
    """Draws that are named by what they are for and the step."""
    key = counter_stream.name_key("ensemble", purpose)
    keys = counter_stream.chain(key, step, np.arange(int(np.prod(shape))))
    u, v = (counter_stream.uniform(counter_stream.chain(keys, i)) for i in range(2))
    return np.asarray(np.sqrt(-2 * np.log1p(-u)) * np.cos(2 * np.pi * v)).reshape(shape)
