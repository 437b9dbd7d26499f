"""The first Synchroniser, "UE bins by load": rings of the recent past, samples of the whole past, load bins.

    measured ► grid ─┬─► recent, around  (ring of the last steps, and of the neighbours' mean)
                     ├─► climate, pooled (what is usual)
                     ├─► moments         (what followed what)
                     └─► bins            (where the users may be)

`update` is pure: the state before is never altered. All of it is bounded by the number of targets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops import climate as climates
from ranvier.dtops import load_bins
from ranvier.dtops.adjacency import Adjacency, adjacency, mean_around
from ranvier.dtops.forecast import Target
from ranvier.dtops.scoring import counter_stream
from ranvier.dtops.twin_state import Climate, Moments, TwinState
from ranvier.fabric.ports import SeriesFrame
from ranvier.fabric.snapshot import Snapshot
from ranvier.ontology.errors import InputError, LeakError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
DEFAULT_LAGS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 45, 60, 90)


@dataclass(frozen=True, slots=True)
class _Fresh:
    """Moments that wait to be merged; `count` counts also those that could not have entered."""

    count: int = 0
    parts: tuple[Moments, ...] = ()

    def more(self, count: int, part: Moments) -> _Fresh:
        return _Fresh(self.count + count, (*self.parts, part) if len(part.keys) else self.parts)


@dataclass(frozen=True, slots=True)
class _Memory:
    """What goes on from update to update beside the state proper."""

    index: Mapping[Target, int]
    hashes: NDArray[np.uint64]
    rows_of: Ints
    last_heard: Ints
    adjacency: Adjacency | None
    fresh: Mapping[str, _Fresh]


@dataclass(frozen=True, slots=True)
class _Gridded:
    """Measurements on the grid: the latest of each target and step."""

    rows: Ints
    steps: Ints
    values: Floats


@dataclass(frozen=True, slots=True)
class LoadBinSynchroniser:
    """Keeps a TwinState in step; see the module.

    step_ns        the grid
    lags           steps after a moment whose values are kept with it; the longest bounds what can be learned
    window         steps of history kept with each moment
    slack          steps by which values may be late and still be part of a moment
    stride         steps between two updates up to which no moment is passed over
    climate_size   values kept for each target, and for each quantity four times as many
    moments_size   moments kept for each quantity
    forget_steps   a target not heard of for as many steps is forgotten with its past
    quantities     those that are followed; None: all
    """

    step_ns: int
    lags: tuple[int, ...] = DEFAULT_LAGS
    window: int = 60
    slack: int = 4
    stride: int = 30
    climate_size: int = 128
    moments_size: int = 2_000
    forget_steps: int = 7 * 86_400
    quantities: tuple[str, ...] | None = None
    max_targets: int = field(default=100_000)

    @property
    def width(self) -> int:
        """Steps in the ring."""
        return self.window + max(self.lags) + self.slack + self.stride

    def update(
        self, state: TwinState | None, measured: SeriesFrame, snapshot: Snapshot | None,
        as_of_ns: int, known_at_ns: int,
    ) -> TwinState:  # fmt: skip
        """The state at `as_of_ns` from the state before it and what became known since; pure.

        Raises LeakError where `measured` holds what was not known at `known_at_ns`, and InputError where
        `as_of_ns` is not on the grid or lies before the state.
        """
        self._check(state, measured, as_of_ns, known_at_ns)
        before = state or self._blank()
        step = as_of_ns // self.step_ns
        before = self._forget(before, step)
        before, gridded = self._grid(before, measured, step)
        shift = step - before.as_of_ns // self.step_ns
        memory: _Memory = before.memory
        links = self._links(before, snapshot)
        recent = _shifted(before.recent, shift)
        column = gridded.steps - step + self.width - 1
        inside = (column >= 0) & (column < self.width)
        unheard = np.ones(len(column), dtype=bool)
        unheard[inside] = np.isnan(recent[gridded.rows[inside], column[inside]])
        recent[gridded.rows[inside], column[inside]] = gridded.values[inside]
        around = mean_around(links, recent) if links is not None else np.full_like(recent, np.nan)
        heard = memory.last_heard.copy()
        np.maximum.at(heard, gridded.rows, gridded.steps)
        moments, fresh = self._moments(before, recent, around, step, min(shift, self.width))
        own, pooled = self._climates(before, gridded, unheard)
        return TwinState(
            as_of_ns=as_of_ns, known_at_ns=known_at_ns, step_ns=self.step_ns, targets=before.targets,
            recent=recent, climate=own, quantities=before.quantities, pooled=pooled, around=around,
            moments=moments, snapshot=snapshot, bins=load_bins.estimated(before.targets, recent, step),
            memory=_Memory(memory.index, memory.hashes, memory.rows_of, heard, links, fresh),
        )  # fmt: skip

    def _check(self, state: TwinState | None, measured: SeriesFrame, as_of_ns: int, known_at_ns: int) -> None:
        if as_of_ns % self.step_ns:
            raise InputError(
                f"as_of_ns on the grid of {self.step_ns} ns", str(as_of_ns), "round it down to the grid"
            )
        if state is not None and (as_of_ns < state.as_of_ns or state.step_ns != self.step_ns):
            raise InputError(
                f"a time from {state.as_of_ns} on, and the state's grid of {state.step_ns} ns",
                f"{as_of_ns} and {self.step_ns} ns", "start from an earlier state",
            )  # fmt: skip
        if len(measured) and int(measured.recorded_at_ns.max()) > known_at_ns:
            raise LeakError(
                f"Measurements recorded by {known_at_ns}",
                f"one recorded at {int(measured.recorded_at_ns.max())}",
                "read the series with known_at_ns",
            )

    def _blank(self) -> TwinState:
        none = np.zeros(0, dtype=np.int64)
        return TwinState(
            0, 0, self.step_ns, (), np.zeros((0, self.width)), climates.empty(0, self.climate_size), (),
            climates.empty(0, 4 * self.climate_size), np.zeros((0, self.width)),
            memory=_Memory({}, none.astype(np.uint64), none, none, None, {}),
        )  # fmt: skip

    def _forget(self, state: TwinState, step: int) -> TwinState:
        """Drop the targets that have been silent for too long, so that memory is bounded."""
        memory: _Memory = state.memory
        stays = memory.last_heard >= step - self.forget_steps
        if stays.all():
            return state
        kept = np.flatnonzero(stays)
        targets = tuple(state.targets[i] for i in kept)
        return TwinState(
            state.as_of_ns, state.known_at_ns, state.step_ns, targets, state.recent[kept],
            climates.taken(state.climate, kept), state.quantities, state.pooled, state.around[kept],
            state.moments, state.snapshot, None,
            _Memory(
                {target: i for i, target in enumerate(targets)}, memory.hashes[kept], memory.rows_of[kept],
                memory.last_heard[kept], None, memory.fresh,
            ),
        )  # fmt: skip

    def _grid(self, state: TwinState, measured: SeriesFrame, now: int) -> tuple[TwinState, _Gridded]:
        """The latest Measurement of each target and step, with rows for the targets that are new."""
        keep = measured.end_ns <= now * self.step_ns
        if self.quantities is not None:
            keep = keep & np.isin(measured.quantities.astype(str), self.quantities)
        places = np.flatnonzero(keep)
        names = [Target(measured.object_ids[i], measured.quantities[i]) for i in places]
        state = self._with_targets(state, [name for name in names if name not in state.memory.index])
        index = state.memory.index
        rows = np.fromiter((index.get(name, -1) for name in names), dtype=np.int64, count=len(names))
        steps = -(-measured.end_ns[places] // self.step_ns)
        order = np.lexsort((measured.end_ns[places], steps, rows))
        order = order[rows[order] >= 0]
        rows, steps, values = rows[order], steps[order], measured.values[places][order]
        last = np.ones(len(rows), dtype=bool)
        last[:-1] = (rows[1:] != rows[:-1]) | (steps[1:] != steps[:-1])
        return state, _Gridded(rows[last], steps[last], values[last])

    def _with_targets(self, state: TwinState, names: list[Target]) -> TwinState:
        new = list(dict.fromkeys(names))[: self.max_targets - len(state.targets)]
        if not new:
            return state
        memory: _Memory = state.memory
        targets = state.targets + tuple(new)
        quantities = tuple(dict.fromkeys([*state.quantities, *(target.quantity for target in new)]))
        row_of = {name: i for i, name in enumerate(quantities)}
        hashes = np.array([counter_stream.name_key(*target) for target in new], dtype=np.uint64)
        blank = np.full((len(new), self.width), np.nan)
        return TwinState(
            state.as_of_ns, state.known_at_ns, state.step_ns, targets,
            np.concatenate([state.recent, blank]), climates.grown(state.climate, len(targets)),
            quantities, climates.grown(state.pooled, len(quantities)),
            np.concatenate([state.around, blank]), state.moments, state.snapshot, state.bins,
            _Memory(
                memory.index | {t: len(state.targets) + i for i, t in enumerate(new)},  # type: ignore[operator]
                np.concatenate([memory.hashes, hashes]),
                np.concatenate([memory.rows_of, [row_of[target.quantity] for target in new]]).astype(np.int64),
                np.concatenate([memory.last_heard, np.full(len(new), -1, np.int64)]), None, memory.fresh,
            ),
        )  # fmt: skip

    def _links(self, state: TwinState, snapshot: Snapshot | None) -> Adjacency | None:
        """The targets that the graph joins; worked out again only where graph or targets changed."""
        if snapshot is None:
            return None
        known: Adjacency | None = state.memory.adjacency
        if known is not None and snapshot.relations is known.relations:
            return known
        return adjacency(state.targets, snapshot)

    def _climates(
        self, state: TwinState, gridded: _Gridded, new: NDArray[np.bool_]
    ) -> tuple[Climate, Climate]:
        memory: _Memory = state.memory
        keys = climates.value_keys(memory.hashes[gridded.rows], gridded.steps)
        own = climates.added(state.climate, gridded.rows, keys, gridded.values, new)
        rows = memory.rows_of[gridded.rows]
        bar = state.pooled.keys.max(axis=1, initial=0)[rows] if len(rows) else np.zeros(0, np.uint64)
        may = keys <= bar  # most values of a long past cannot enter any more: leave them out early
        pooled = climates.added(state.pooled, rows[may], keys[may], gridded.values[may], new[may])
        count = state.pooled.count.copy()
        np.add.at(count, rows, new)
        return own, Climate(pooled.sample, count, pooled.keys)

    def _moments(
        self, state: TwinState, recent: Floats, around: Floats, step: int, passed: int
    ) -> tuple[Mapping[str, Moments], Mapping[str, _Fresh]]:
        """Collect the moments all of whose followers are known now; renew the samples that grew enough."""
        memory: _Memory = state.memory
        reach = max(self.lags) + self.slack
        columns = self.width - 1 - reach - np.arange(min(passed, self.stride))
        row, back = np.nonzero(~np.isnan(recent[:, columns]))
        keys = climates.moment_keys(memory.hashes[row], step - reach - back)
        renewed, fresh = dict(state.moments), dict(memory.fresh)
        for q in np.unique(memory.rows_of[row]):
            quantity = state.quantities[q]
            of = np.flatnonzero(memory.rows_of[row] == q)
            best = of[self._may_enter(keys[of], renewed.get(quantity))]
            place = (row[best], columns[back[best]])
            part = self._part(memory, (recent, around), place, step - reach - back[best], keys[best])
            fresh[quantity] = fresh.get(quantity, _Fresh()).more(len(of), part)
            held = renewed.get(quantity)
            if fresh[quantity].count >= max(128, (held.count if held else 0) // 2):
                parts = [*([held] if held else []), *fresh[quantity].parts]
                total = fresh[quantity].count + (held.count if held else 0)
                renewed[quantity] = climates.merged(parts, self.moments_size, total)
                fresh[quantity] = _Fresh()
        return renewed, fresh

    def _may_enter(self, keys: NDArray[np.uint64], held: Moments | None) -> Ints:
        """The places of the keys that can be among the smallest: most of a long past cannot enter any more."""
        if held is not None and len(held.keys) >= self.moments_size:
            return np.flatnonzero(keys < held.keys[-1])
        return np.argsort(keys)[: self.moments_size]

    def _part(
        self, memory: _Memory, rings: tuple[Floats, Floats], place: tuple[Ints, Ints], when: Ints,
        keys: NDArray[np.uint64],
    ) -> Moments:  # fmt: skip
        row, column = place[0][:, None], place[1][:, None]
        span = column + np.arange(1 - self.window, 1)
        return Moments(
            self.lags, rings[0][row, span], rings[1][row, span],
            rings[0][row, column + np.array(self.lags)], memory.hashes[place[0]], when, len(keys), keys,
        )  # fmt: skip


def _shifted(ring: Floats, steps: int) -> Floats:
    """The ring moved on by `steps`: a new array whose last columns are unknown."""
    moved = np.full_like(ring, np.nan)
    width = ring.shape[1]
    if 0 <= steps < width:
        moved[:, : width - steps] = ring[:, steps:]
    return moved
