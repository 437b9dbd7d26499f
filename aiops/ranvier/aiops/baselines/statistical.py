"""`Statistical`: each KPI's distribution from its recent past, its neighbourhood, and moments like this one.

Five plain distributions, mixed by the weights that had the least CRPS on the known past:

    stays     the latest value, as a point mass
    recent    the values of the window
    usual     climatology
    followed  what followed the past moments that looked most like now (atoms stay atoms)
    changed   the latest value plus the changes that followed them

Whatever it learns, it learns from `state.moments` alone, so it is a function of the state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ranvier.aiops.baselines.analogues import Analogues
from ranvier.aiops.baselines.climatology import Climatology, members_of
from ranvier.aiops.baselines.linear_pool import best_weights, pooled_members
from ranvier.aiops.baselines.persistence import last_value
from ranvier.dtops.forecast import Forecast
from ranvier.dtops.scoring.crps import crps
from ranvier.dtops.twin_state import Moments, TwinState
from ranvier.ontology.ontology import Quantity

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
PARTS = ("stays", "recent", "usual", "followed", "changed")
FEWEST_MOMENTS = 100
"""Below this many moments there is nothing to learn from."""
TRIALS, THIN = 200, 12
"""Past moments on which the weights are chosen, and the members that each part is thinned to for it."""
FEWEST_OWN = 8
"""Earlier moments of the same target from which its own climatology can be told."""
AT_ONCE = 256
"""Targets worked on at once, so that memory is bounded."""


@dataclass(frozen=True, slots=True)
class _Learned:
    analogues: Analogues
    weights: dict[int, Floats] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Statistical:
    """See the module. `quantities` tells bounds and integer quantities; `parts` is for ablations."""

    quantities: Mapping[str, Quantity] = field(default_factory=dict)
    members: int = 50
    alike: int = 60
    parts: tuple[str, ...] = PARTS
    name: str = "statistical"
    version: str = "1"
    _learned: dict[str, tuple[tuple[int, int, int], _Learned]] = field(
        default_factory=dict, repr=False, compare=False
    )

    def forecast(self, state: TwinState, horizons_s: Sequence[float]) -> Forecast:
        """Equally likely members at each horizon."""
        steps = np.rint(np.array(horizons_s) * 1e9 / state.step_ns).astype(np.int64)
        usual = Climatology(members=self.members).forecast(state, horizons_s[:1]).values[:, 0]
        values = np.full((len(state.targets), len(steps), self.members), np.nan)
        for quantity in dict.fromkeys(target.quantity for target in state.targets):
            rows = state.of_quantity(quantity)
            for start in range(0, len(rows), AT_ONCE):
                some = rows[start : start + AT_ONCE]
                values[some] = self._of_quantity(state, quantity, some, steps, usual[some])
        return Forecast(
            self.name, self.version, state.known_at_ns, state.known_at_ns, state.targets, tuple(horizons_s), values,
            step_ns=state.step_ns,
        )  # fmt: skip

    def loss(self, forecast: Forecast, outcomes: Floats) -> Floats:
        """CRPS (n, h)."""
        return crps(forecast.values, forecast.levels, outcomes, forecast.tail)

    def _of_quantity(self, state: TwinState, quantity: str, rows: Ints, steps: Ints, usual: Floats) -> Floats:
        """(n, h, members) of some targets of one quantity."""
        moments = state.moments.get(quantity)
        age = state.age_steps()[rows]
        last = last_value(state)[rows]
        if moments is None or len(moments.keys) < FEWEST_MOMENTS:
            recent = members_of(state.recent[rows], self.members)
            mixed = pooled_members([last[:, None], recent, usual], np.full(3, 1 / 3), self.members)
            return self._lawful(quantity, np.repeat(mixed[:, None], len(steps), axis=1))
        learned = self._learn(quantity, moments)
        window, lags = moments.history.shape[1], np.array(moments.lags)
        history, around = _aligned(state.recent[rows], age, window), _aligned(state.around[rows], age, window)
        far = learned.analogues.distances(learned.analogues.describe(history, around))
        recent = members_of(history, self.members)
        pair = np.repeat(np.arange(len(rows)), len(steps))
        lag = np.searchsorted(lags, (age[:, None] + steps[None, :]).ravel()).clip(max=len(lags) - 1)
        parts = self._ensembles(learned.analogues, far[pair], lag, (last[pair], recent[pair], usual[pair]))
        weights = np.stack([self._weights(learned, int(column)) for column in lag])
        values = pooled_members(parts, weights, self.members)
        return self._lawful(quantity, values.reshape(len(rows), len(steps), self.members))

    def _ensembles(
        self, analogues: Analogues, far: Floats, lag: Ints, plain: tuple[Floats, Floats, Floats]
    ) -> list[Floats]:
        """The parts for p pairs of target and horizon; `plain` holds what stays, the recent and the usual."""
        last, recent, usual = plain
        near = analogues.nearest(far, lag, self.alike)
        followed = analogues.moments.followed[near, lag[:, None]]
        changed = last[:, None] + followed - analogues.latest[near]
        made = {
            "stays": last[:, None],
            "recent": recent,
            "usual": usual,
            "followed": followed,
            "changed": changed,
        }
        return [made[part] for part in self.parts]

    def _learn(self, quantity: str, moments: Moments) -> _Learned:
        """What the moments teach; worked out once for each sample of moments."""
        held = self._learned.get(quantity)
        if held is None or held[0] != moments.fingerprint:
            held = (moments.fingerprint, _Learned(Analogues.of(moments)))
            self._learned[quantity] = held
        return held[1]

    def _weights(self, learned: _Learned, lag: int) -> Floats:
        """(parts,) chosen on past moments, each forecast without its own stretch of time."""
        if lag in learned.weights:
            return learned.weights[lag]
        moments = learned.analogues.moments
        trial = np.flatnonzero(~np.isnan(moments.followed[:, lag]))[:TRIALS]
        if len(trial) < FEWEST_MOMENTS // 2:
            return np.full(len(self.parts), 1 / len(self.parts))
        apart = np.abs(moments.when[trial, None] - moments.when[None, :]) <= max(moments.lags)
        barred = apart & (moments.who[trial, None] == moments.who[None, :])
        far = learned.analogues.distances(learned.analogues.places[trial])
        far[barred] = np.inf
        pool = np.repeat(members_of(moments.followed[None, :, lag], THIN), len(trial), axis=0)
        pool = np.where(np.isnan(own := self._own_past(moments, trial)), pool, own)
        plain = (moments.history[trial, -1], members_of(moments.history[trial], THIN), pool)
        parts = self._ensembles(learned.analogues, far, np.full(len(trial), lag), plain)
        thinned = [part if part.shape[1] <= THIN else members_of(part, THIN) for part in parts]
        learned.weights[lag] = best_weights(thinned, moments.followed[trial, lag])
        return learned.weights[lag]

    def _own_past(self, moments: Moments, trial: Ints) -> Floats:
        """(trials, THIN) what had been usual for each one's own target; NaN where too little was known of it."""
        before = moments.when[None, :] < moments.when[trial, None] - max(moments.lags)
        own = before & (moments.who[trial, None] == moments.who[None, :])
        values = members_of(np.where(own, moments.history[None, :, -1], np.nan), THIN)
        return np.where(own.sum(axis=1, keepdims=True) >= FEWEST_OWN, values, np.nan)

    def _lawful(self, quantity: str, values: Floats) -> Floats:
        """Within the quantity's bounds, and whole numbers where the source reports only those."""
        known = self.quantities.get(quantity)
        if known is None:
            return values
        if known.integer:
            values = np.rint(values)
        low = -np.inf if known.minimum is None else known.minimum
        high = np.inf if known.maximum is None else known.maximum
        return np.clip(values, low, high)


def _aligned(ring: Floats, age: Ints, window: int) -> Floats:
    """(n, window) the steps up to each target's latest value, so that it is the last column."""
    end = np.maximum(ring.shape[1] - 1 - age, window - 1)
    return np.take_along_axis(ring, end[:, None] + np.arange(1 - window, 1)[None, :], axis=1)
