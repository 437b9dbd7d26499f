"""`Scoreboard`: forecasts wait here for their outcomes, and are then scored alike, whoever made them.

    enter (a sealed issue) ► pending ► outcomes known ► the common points ► statistics ► sums by block
                                                                      └► pairs of contenders ► sums by block

A point is one target at one horizon of one issue. Predictors are compared on the points that all of them
forecast and that have an outcome. A contribution is scored on those of these points that it forecast: it can
neither choose the points of the others nor be credited with those that it left out; and so is a predictor that
is declared to be partial, as it has no word on some targets. How many points each left out is counted, never
hidden.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.forecast import Forecast, Tail, Target
from ranvier.dtops.outcome_book import OutcomeBook
from ranvier.dtops.scoring import counter_stream
from ranvier.dtops.scoring.metrics import COUNT, CRPS, WIDTH, ScoredPoints, statistics

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Asked:
    """The p points of some issues, as columns."""

    pair: Ints
    quantity: Ints
    horizon: Ints
    issued_step: Ints
    valid_step: Ints
    block: Ints


@dataclass(frozen=True, slots=True)
class Answer:
    """What one contender forecast at p points; all NaN along a row: nothing there."""

    values: Floats
    levels: Floats | None = None
    tail: Tail = "clamped"

    @property
    def given(self) -> Flags:
        """(p,) where there is a forecast."""
        return np.asarray(~np.isnan(self.values).any(axis=1))


class Contribution(Protocol):
    """Forecasts that were made elsewhere, and are looked up point by point."""

    @property
    def name(self) -> str:
        """The name in the table."""
        ...

    def answers(self, asked: Asked) -> Sequence[tuple[Ints, Answer]]:
        """The places of `asked` that are answered, with the answers, grouped by kind."""
        ...


@dataclass(frozen=True, slots=True)
class _Issue:
    step: int
    block: int
    pairs: Ints
    quantities: Ints
    forecasts: Mapping[str, Forecast]


@dataclass(slots=True)
class Scoreboard:
    """Waits, scores and sums. `sums[name]` is (blocks, quantities, horizons, WIDTH).

    Those of all models are on their common points; those of a contribution, and of a model that is `partial`, on
    the ones of these that it forecast.
    """

    models: tuple[str, ...]
    horizons_s: tuple[float, ...]
    step_ns: int
    tolerance_of: Mapping[str, float]
    contributions: tuple[Contribution, ...] = ()
    seed: int = 0
    quantities: list[str] = field(default_factory=list)
    book: OutcomeBook = field(default_factory=OutcomeBook)
    sums: dict[str, Floats] = field(default_factory=dict)
    asked: Ints = field(default_factory=lambda: np.zeros((0, 0), np.int64))
    answered: dict[str, Ints] = field(default_factory=dict)
    with_outcome: Ints = field(default_factory=lambda: np.zeros((0, 0), np.int64))
    late: int = 0
    scored_to_step: int = -1
    reference: str = "climatology"
    partial: tuple[str, ...] = ()
    _paired: dict[tuple[str, str], Floats] = field(default_factory=dict)
    _pairs: dict[Target, int] = field(default_factory=dict)
    _hashes: list[int] = field(default_factory=list)
    _pending: list[_Issue] = field(default_factory=list)

    @property
    def contenders(self) -> tuple[str, ...]:
        """Everyone in the table, predictors first."""
        return self.models + self.partial + tuple(each.name for each in self.contributions)

    def paired(self, model: str, other: str) -> Floats:
        """(blocks, quantities, horizons, 4): COUNT, ΣS_model, ΣS_other, ΣS_ref on the points that both forecast.

        `model` stands after `other` among the contenders.
        """
        if (model, other) in self._paired:
            return self._paired[model, other]
        scores = [self.sums[name][..., CRPS] for name in (model, other, self.reference)]
        return np.stack([self.sums[model][..., COUNT], *scores], axis=-1)

    def reference_of(self, name: str) -> Floats:
        """The reference's sums on the points of a contender; for a contribution COUNT and CRPS alone."""
        if name in self.models:
            return self.sums[self.reference]
        found, both = np.zeros_like(self.sums[name]), self.paired(name, self.reference)
        found[..., COUNT], found[..., CRPS] = both[..., 0], both[..., 2]
        return found

    @property
    def horizon_steps(self) -> Ints:
        """The horizons in steps."""
        return np.rint(np.array(self.horizons_s) * 1e9 / self.step_ns).astype(np.int64)

    def pair(self, target: Target) -> int:
        """The number of a target, a new one if it is new."""
        number = self._pairs.get(target)
        if number is None:
            number = self._pairs[target] = len(self._pairs)
            self._hashes.append(counter_stream.name_key(*target))
            if target.quantity not in self.quantities:
                self.quantities.append(target.quantity)
        return number

    def observe(self, pair: Ints, end_ns: Ints, values: Floats) -> None:
        """Outcomes, in the order in which they became known."""
        step = -(-end_ns // self.step_ns)
        self.late += int((step <= self.scored_to_step).sum())
        order = np.argsort(end_ns, kind="stable")  # a step's value is its latest measurement
        self.book.add(pair[order], step[order], values[order])

    def enter(self, forecasts: Sequence[Forecast], issued_at_ns: int, block: int) -> None:
        """Enter the sealed forecasts of one issue; all have the same targets and horizons."""
        targets = forecasts[0].targets
        pairs = np.array([self.pair(target) for target in targets], dtype=np.int64)
        row = {name: i for i, name in enumerate(self.quantities)}
        kinds = np.array([row[target.quantity] for target in targets], dtype=np.int64)
        by_name = {forecast.model: forecast for forecast in forecasts}
        self._pending.append(_Issue(issued_at_ns // self.step_ns, block, pairs, kinds, by_name))

    @property
    def waiting(self) -> int:
        """How many issues wait for outcomes."""
        return len(self._pending)

    def score(self, settled_step: int) -> None:
        """Score the issues all of whose outcomes lie at or before `settled_step`, and forget them."""
        reach = int(self.horizon_steps.max())
        ripe = [issue for issue in self._pending if issue.step + reach <= settled_step]
        if not ripe:
            return
        self._pending = [issue for issue in self._pending if issue.step + reach > settled_step]
        asked = self._asked(ripe)
        self._grow(int(asked.block.max(initial=-1)) + 1)
        outcome = self.book.look_up(asked.pair, asked.valid_step)
        answers: dict[str, Sequence[tuple[Ints, Answer]]] = {
            name: self._answers(ripe, name) for name in self.models + self.partial
        }
        answers |= {each.name: each.answers(asked) for each in self.contributions}
        self._count(asked, outcome, answers)
        common = ~np.isnan(outcome) & self._common(asked, answers)
        uniform = self._uniform(asked)
        crps = {name: np.full(len(common), np.nan) for name in answers}
        for name, parts in answers.items():
            for places, answer in parts:
                chosen = common[places] & answer.given
                mine = places[chosen]
                crps[name][mine] = self._add(name, asked, mine, answer, chosen, outcome, uniform)
        self._pair_up(asked, crps)
        oldest = min((issue.step for issue in self._pending), default=settled_step)
        self.scored_to_step = max(issue.step for issue in ripe) + 1
        self.book.forget(min(oldest, self.scored_to_step))

    def _asked(self, issues: Sequence[_Issue]) -> Asked:
        h = len(self.horizons_s)
        size = [len(issue.pairs) for issue in issues]
        step = np.repeat([issue.step for issue in issues], size)
        block = np.repeat([issue.block for issue in issues], size)
        pairs = np.concatenate([issue.pairs for issue in issues])
        kinds = np.concatenate([issue.quantities for issue in issues])
        horizon = np.tile(np.arange(h), len(pairs))
        issued = np.repeat(step, h)
        return Asked(
            np.repeat(pairs, h), np.repeat(kinds, h), horizon, issued, issued + self.horizon_steps[horizon],
            np.repeat(block, h),
        )  # fmt: skip

    def _answers(self, issues: Sequence[_Issue], name: str) -> list[tuple[Ints, Answer]]:
        """The forecasts of one model, flattened, grouped by their number of members or levels."""
        groups: dict[tuple[int, bytes, Tail], list[tuple[Ints, Forecast]]] = {}
        start = 0
        for issue in issues:
            forecast = issue.forecasts[name]
            size = len(issue.pairs) * len(self.horizons_s)
            levels = b"" if forecast.levels is None else forecast.levels.tobytes()
            kind = (forecast.values.shape[2], levels, forecast.tail)
            groups.setdefault(kind, []).append((np.arange(start, start + size), forecast))
            start += size
        found = []
        for (m, _, tail), members in groups.items():
            values = np.concatenate([forecast.values.reshape(-1, m) for _, forecast in members])
            places = np.concatenate([place for place, _ in members])
            found.append((places, Answer(values, members[0][1].levels, tail)))
        return found

    def _common(self, asked: Asked, answers: Mapping[str, Sequence[tuple[Ints, Answer]]]) -> Flags:
        """(p,) where every predictor has given a forecast."""
        common = np.ones(len(asked.pair), dtype=bool)
        for name in self.models:
            given = np.zeros(len(common), dtype=bool)
            for places, answer in answers[name]:
                given[places] |= answer.given
            common &= given
        return common

    def _count(
        self, asked: Asked, outcome: Floats, answers: Mapping[str, Sequence[tuple[Ints, Answer]]]
    ) -> None:
        cell = (asked.quantity, asked.horizon)
        np.add.at(self.asked, cell, 1)
        np.add.at(self.with_outcome, cell, (~np.isnan(outcome)).astype(np.int64))
        for name, parts in answers.items():
            for places, answer in parts:
                given = places[answer.given & ~np.isnan(outcome[places])]
                np.add.at(self.answered[name], (asked.quantity[given], asked.horizon[given]), 1)

    def _uniform(self, asked: Asked) -> Floats:
        """The draws of the randomised PIT, keyed by what is forecast and when: equal for every contender."""
        hashes = np.array(self._hashes, dtype=np.uint64)[asked.pair]
        span = asked.valid_step - asked.issued_step
        return counter_stream.uniform(counter_stream.chain(self.seed, hashes, asked.issued_step, span))

    def _add(
        self, name: str, asked: Asked, places: Ints, answer: Answer, chosen: Flags, outcome: Floats,
        uniform: Floats,
    ) -> Floats:  # fmt: skip
        """Add the chosen points to the sums; (chosen,) their CRPS."""
        if not len(places):
            return np.zeros(0)
        tolerance = np.array([self.tolerance_of.get(name, np.nan) for name in self.quantities])
        points = ScoredPoints(
            answer.values[chosen], answer.levels, answer.tail, outcome[places], uniform[places],
            tolerance[asked.quantity[places]],
        )  # fmt: skip
        cell = (asked.block[places], asked.quantity[places], asked.horizon[places])
        found = statistics(points)
        np.add.at(self.sums[name], cell, found)
        return np.asarray(found[:, CRPS])

    def _rival_pairs(self) -> list[tuple[str, str]]:
        """Each contribution, and partial model, with everyone before it. Two others have the same points."""
        names, first = self.contenders, len(self.models)
        return [(name, other) for i, name in enumerate(names) if i >= first for other in names[:i]]

    def _pair_up(self, asked: Asked, crps: Mapping[str, Floats]) -> None:
        for name, other in self._rival_pairs():
            both = np.flatnonzero(~np.isnan(crps[name]) & ~np.isnan(crps[other]))
            scores = [crps[each][both] for each in (name, other, self.reference)]
            cell = (asked.block[both], asked.quantity[both], asked.horizon[both])
            np.add.at(self._paired[name, other], cell, np.stack([np.ones(len(both)), *scores], axis=1))

    def _grow(self, blocks: int) -> None:
        shape = (len(self.quantities), len(self.horizons_s))
        self.asked = _padded(self.asked, shape)
        self.with_outcome = _padded(self.with_outcome, shape)
        for name in self.contenders:
            self.answered[name] = _padded(self.answered.get(name, np.zeros((0, 0), np.int64)), shape)
            held = self.sums.get(name, np.zeros((0, 0, 0, WIDTH)))
            rows = held.shape[0] if held.shape[0] >= blocks else max(blocks, 2 * held.shape[0])
            self.sums[name] = _padded(held, (rows, *shape, WIDTH))
        for pair in self._rival_pairs():
            held = self._paired.get(pair, np.zeros((0, 0, 0, 4)))
            self._paired[pair] = _padded(held, (len(self.sums[pair[0]]), *shape, 4))


def _padded(array: NDArray[T], shape: tuple[int, ...]) -> NDArray[T]:
    """The array with zeros behind, up to `shape`."""
    if array.shape == shape:
        return array
    return np.pad(array, [(0, new - old) for new, old in zip(shape, array.shape, strict=True)])
