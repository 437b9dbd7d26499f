"""`Report`: what the referee says, as a value; `report_text` and `report_page` make text, Markdown and HTML of it.

Scoreboard sums ► Fidelity by contender, KPI and horizon ► per KPI ► over all KPIs
                ► differences between contenders, paired on the same blocks
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops import fidelity as fidelities
from ranvier.dtops.fidelity import Fidelity, Window
from ranvier.dtops.referee.scoreboard import Scoreboard
from ranvier.dtops.scoring import bootstrap, metrics
from ranvier.dtops.scoring.bootstrap import Interval

Floats = NDArray[np.float64]
REFERENCE = "climatology"
SMALL_SHARE = 0.9
"""Below this share of a comparison's points a contender is not ranked: who chooses points may choose easy ones."""
EVEN = 0.5
"""A sum over horizons is given where the share of points at each is at least this part of the largest share."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: one contender, KPI and horizon.

    asked         points that the referee asked for; with_outcome: those that have one
    answered      points with an outcome that this contender forecast
    """

    fidelity: Fidelity
    unit: str
    asked: int
    with_outcome: int
    answered: int


@dataclass(frozen=True, slots=True)
class Difference:
    """How much better `model` is than `other`: (ΣS_other − ΣS_model) / ΣS_ref on the same points and blocks."""

    model: str
    other: str
    quantity: str
    horizon_s: float
    gain: Interval

    @property
    def sure(self) -> bool:
        """Whether the interval leaves no doubt about the sign."""
        return self.gain.low > 0 or self.gain.high < 0


@dataclass(frozen=True, slots=True)
class Overall:
    """Fidelity of one contender by KPI over all horizons, and the weighted mean over the KPIs.

    NaN for a KPI where the contender left out a horizon, or most of it, and for the mean where it left out a KPI.
    `share` is the least share of a KPI and horizon's points that it forecast: 1 for the predictors.
    """

    model: str
    mean: Interval
    by_quantity: Mapping[str, Interval]
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Report:
    """The referee's report of one backtest. `caveats` say what the data cannot tell, from the data."""

    archive: str
    from_ns: int
    to_ns: int
    contenders: Mapping[str, str]
    rows: tuple[Row, ...]
    overall: tuple[Overall, ...]
    differences: tuple[Difference, ...]
    caveats: tuple[str, ...]
    figures: Mapping[str, Any]
    confidence: float = 0.9

    def to_json(self) -> str:
        """The whole report; what is undefined is null."""
        return json.dumps(_plain(dataclasses.asdict(self)), indent=1)

    def row(self, model: str, quantity: str, horizon_s: float) -> Row | None:
        """One line of the table."""
        for row in self.rows:
            f = row.fidelity
            if (f.model, f.quantity, f.horizon_s) == (model, quantity, horizon_s):
                return row
        return None

    @property
    def cells(self) -> list[tuple[str, float]]:
        """The (KPI, horizon) of the table, in order."""
        return list(dict.fromkeys((row.fidelity.quantity, row.fidelity.horizon_s) for row in self.rows))

    def leader(self, quantity: str, horizon_s: float) -> tuple[str, bool]:
        """Who has the least CRPS there, and whether it is surely better than each other contender.

        Only those with nearly all of the points are ranked, by their CRPS less the reference's on their own points.
        """
        rows = [row.fidelity for row in self.rows if row.fidelity.n]
        rows = [f for f in rows if (f.quantity, f.horizon_s) == (quantity, horizon_s)]
        ranked = [f for f in rows if f.n >= SMALL_SHARE * max(f.n for f in rows)]
        if not ranked:
            return "", False
        best = min(ranked, key=lambda f: f.crps.value - f.crps_reference).model
        names = {f.model for f in ranked}
        won = [d for d in self.differences if (d.quantity, d.horizon_s) == (quantity, horizon_s)]
        mine = [d for d in won if best in (d.model, d.other) and {d.model, d.other} <= names]
        return best, bool(mine) and all(d.gain.low > 0 if d.model == best else d.gain.high < 0 for d in mine)


def _plain(value: Any) -> Any:
    """NaN and infinity to null, so that any JSON reader takes it."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


@dataclass(frozen=True, slots=True)
class Frame:
    """What the lines of a report share."""

    from_ns: int
    to_ns: int
    unit_of: Mapping[str, str]
    confidence: float = 0.9
    seed: int = 0


def rows_of(board: Scoreboard, frame: Frame) -> tuple[Row, ...]:
    """The table, ordered by KPI, horizon and contender."""
    return tuple(
        _row(board, frame, name, q, h)
        for q in range(len(board.quantities))
        for h in range(len(board.horizons_s))
        for name in board.contenders
    )


def _row(board: Scoreboard, frame: Frame, name: str, q: int, h: int) -> Row:
    quantity = board.quantities[q]
    window = Window(
        name, quantity, board.horizons_s[h], frame.from_ns, frame.to_ns, None, frame.confidence, frame.seed
    )
    found = fidelities.fidelity_of(window, board.sums[name][:, q, h], board.reference_of(name)[:, q, h])
    unit, asked = frame.unit_of.get(quantity, ""), int(board.asked[q, h])
    return Row(found, unit, asked, int(board.with_outcome[q, h]), int(board.answered[name][q, h]))


def differences_of(board: Scoreboard, frame: Frame) -> tuple[Difference, ...]:
    """Every pair of contenders, by KPI and horizon, on the points that both forecast; none where there are none."""
    found = []
    names = board.contenders
    pairs = [(a, b) for i, b in enumerate(names) for a in names[i + 1 :]]
    sums = {pair: board.paired(*pair) for pair in pairs}
    for q, quantity in enumerate(board.quantities):
        for h, horizon in enumerate(board.horizons_s):
            for a, b in pairs:
                both = sums[a, b][:, q, h]
                _, mine, other, reference = both[both[:, 0] > 0].T
                if len(mine):
                    gain = _gain(mine, other, reference, frame)
                    found.append(Difference(a, b, quantity, horizon, gain))
    return tuple(found)


def _gain(mine: Floats, other: Floats, reference: Floats, frame: Frame) -> Interval:
    """(ΣS_other − ΣS_mine) / ΣS_ref, with the interval of the paired block bootstrap."""
    if reference.sum() <= 0:
        return Interval(float("nan"))
    join = fidelities.independent_blocks(mine - other + reference, reference)
    mine, other, reference = (fidelities.joined(each, join) for each in (mine, other, reference))
    value = float((other - mine).sum() / reference.sum())
    if len(reference) < bootstrap.FEWEST_BLOCKS:
        return Interval(value)
    weights = bootstrap.block_weights(len(reference), frame.seed)
    drawn = 1 - fidelities.fidelity_of_sums(weights @ (other - mine), weights @ reference)
    return bootstrap.interval(value, drawn, frame.confidence)


def overall_of(
    board: Scoreboard, frame: Frame, weights: Mapping[str, float] | None = None
) -> tuple[Overall, ...]:
    """Per KPI: sums over all horizons before the ratio; then the weighted mean over the KPIs."""
    return tuple(_overall(board, frame, name, weights) for name in board.contenders)


def _overall(board: Scoreboard, frame: Frame, name: str, weights: Mapping[str, float] | None) -> Overall:
    share = _shares(board, name)
    whole = np.array([_even(each) for each in share], dtype=bool)
    mine = board.sums[name][..., metrics.CRPS].sum(axis=2)
    reference = board.reference_of(name)[..., metrics.CRPS].sum(axis=2)
    used = reference.sum(axis=1) > 0
    mine, reference = mine[used], reference[used]
    join = max(
        (fidelities.independent_blocks(mine[:, q], reference[:, q]) for q in range(mine.shape[1])), default=1
    )
    mine, reference = fidelities.joined(mine, join), fidelities.joined(reference, join)
    value = fidelities.fidelity_of_sums(mine.sum(axis=0), reference.sum(axis=0))
    value[~whole] = np.nan
    drawn = np.zeros((0, len(value)))
    if len(mine) >= bootstrap.FEWEST_BLOCKS:
        draws = bootstrap.block_weights(len(mine), frame.seed)
        drawn = fidelities.fidelity_of_sums(draws @ mine, draws @ reference)
    by_quantity = {
        quantity: bootstrap.interval(float(value[q]), drawn[:, q], frame.confidence)
        for q, quantity in enumerate(board.quantities)
    }
    mean = fidelities.weighted_mean(dict(zip(board.quantities, value.tolist(), strict=True)), weights)
    weight = np.array([1.0 if weights is None else weights.get(name, 0.0) for name in board.quantities])
    defined = ~np.isnan(value)
    many = drawn[:, defined] @ weight[defined] / max(weight[defined].sum(), 1e-300)
    least = float(np.nanmin(share, initial=1.0))
    if not whole.all():
        return Overall(name, Interval(float("nan")), by_quantity, least)
    return Overall(name, bootstrap.interval(mean, many, frame.confidence), by_quantity, least)


def _shares(board: Scoreboard, name: str) -> Floats:
    """(quantities, horizons) the share of the predictors' points that a contender forecast; NaN: no points."""
    mine, all_of_them = (board.sums[each][..., metrics.COUNT].sum(axis=0) for each in (name, REFERENCE))
    return np.asarray(np.divide(mine, all_of_them, out=np.full(mine.shape, np.nan), where=all_of_them > 0))


def _even(share: Floats) -> bool:
    """Whether a KPI's horizons all have their part, so that none stands for the others. (horizons,)"""
    share = share[~np.isnan(share)]
    return not len(share) or bool(share.min() > 0 and share.min() >= EVEN * share.max())
