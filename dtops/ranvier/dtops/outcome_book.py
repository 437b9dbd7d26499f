"""`OutcomeBook`: the outcomes that forecasts wait for, by object, quantity and step."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_STEP_BITS = 43


@dataclass(slots=True)
class OutcomeBook:
    """The latest value of each pair (object, quantity) and step, until nobody waits for it any more."""

    keys: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    values: Floats = field(default_factory=lambda: np.zeros(0))
    _fresh: list[tuple[Ints, Floats]] = field(default_factory=list)

    def add(self, pair: Ints, step: Ints, values: Floats) -> None:
        """Take down values in the order in which they are to win: a later one replaces an earlier one."""
        self._fresh.append((_key(pair, step), values))

    def look_up(self, pair: Ints, step: Ints) -> Floats:
        """(p,) the values; NaN where there is none."""
        self._merge()
        if not len(self.keys):
            return np.full(len(pair), np.nan)
        key = _key(pair, step)
        place = np.minimum(np.searchsorted(self.keys, key), len(self.keys) - 1)
        return np.where(self.keys[place] == key, self.values[place], np.nan)

    def merged_keys(self) -> Ints:
        """The keys held, with `values` in the same order."""
        self._merge()
        return self.keys

    def forget(self, before_step: int) -> None:
        """Drop what lies before a step."""
        self._merge()
        keep = (self.keys & ((1 << _STEP_BITS) - 1)) >= before_step
        self.keys, self.values = self.keys[keep], self.values[keep]

    def _merge(self) -> None:
        if not self._fresh:
            return
        keys = np.concatenate([self.keys, *(k for k, _ in self._fresh)])
        values = np.concatenate([self.values, *(v for _, v in self._fresh)])
        order = np.argsort(keys, kind="stable")
        keys, values = keys[order], values[order]
        last = np.append(keys[1:] != keys[:-1], True) if len(keys) else np.zeros(0, bool)
        self.keys, self.values, self._fresh = keys[last], values[last], []


def _key(pair: Ints, step: Ints) -> Ints:
    return np.asarray((pair << _STEP_BITS) | step)
