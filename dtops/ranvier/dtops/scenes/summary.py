"""What a dataset of scenes holds, in figures: sizes of its splits, means of its KPIs, and the oracle floor.

A *situation* is a node of a deployment at a horizon; its runs are the re-runs of it. Means are over all situations
and runs that have a value, floors over all situations with `FEWEST_RUNS` of them. Events are scored as 0 or 1, so
their floor is that of the Brier score: ½ E|Z − Z′| = p (1 − p).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.scenes.dataset import Example, SceneDataset
from ranvier.dtops.scenes.outcomes import KPI, KPIS
from ranvier.dtops.scenes.recipe import SPLITS, Split
from ranvier.dtops.scoring.floor import FEWEST_RUNS, scalar_floor

Floats = NDArray[np.float64]
Key = tuple[str, int]
"""A KPI, and the place of a horizon."""


@dataclass(slots=True)
class Mean:
    """A sum of `known` values, and how many there could be."""

    total: float = 0.0
    known: int = 0
    all: int = 0

    def add(self, values: Floats) -> None:
        """Values of any shape; NaN where there is none."""
        known = np.isfinite(values)
        self.total += float(np.where(known, values, 0.0).sum())
        self.known += int(known.sum())
        self.all += values.size

    @property
    def value(self) -> float | None:
        """The mean; None of nothing."""
        return self.total / self.known if self.known else None

    @property
    def missing(self) -> float | None:
        """Which part has no value."""
        return 1 - self.known / self.all if self.all else None


@dataclass(slots=True)
class SplitSummary:
    """One split.

    deployments   that are there; `of` that the recipe has
    cells, users  of all its deployments; `fewest_cells` to `most_cells` of one
    kinds         of its deployments, in order
    horizons_s    of its outcomes
    runs          of each deployment
    means, floors (KPI, place of the horizon) to the mean of outcomes, and of situations' floors
    """

    split: Split
    of: int
    deployments: int = 0
    cells: int = 0
    users: int = 0
    fewest_cells: int = 0
    most_cells: int = 0
    runs: int = 0
    kinds: list[str] = field(default_factory=list)
    horizons_s: tuple[float, ...] = ()
    means: dict[Key, Mean] = field(default_factory=dict)
    floors: dict[Key, Mean] = field(default_factory=dict)

    def add(self, example: Example) -> None:
        """Take one deployment in."""
        scene, outcomes = example
        cells = len(scene.cells)
        self.fewest_cells = min(self.fewest_cells, cells) if self.deployments else cells
        self.most_cells = max(self.most_cells, cells)
        self.deployments, self.runs = self.deployments + 1, outcomes.runs
        self.cells, self.users = self.cells + cells, self.users + len(scene.users)
        self.kinds += [] if scene.kind in self.kinds else [scene.kind]
        self.horizons_s = outcomes.horizons_s
        for name, values in outcomes.values.items():
            for h in range(len(outcomes.horizons_s)):
                runs = values[:, h].astype(np.float64)
                self.means.setdefault((name, h), Mean()).add(runs)
                self.floors.setdefault((name, h), Mean()).add(floor_of(name, runs))


def summary(dataset: SceneDataset) -> Iterator[SplitSummary]:
    """Each split of a dataset, as far as it is built. Raises InputError where a deployment is damaged."""
    wanted = dataset.manifest["recipe"]["deployments"]
    for split in SPLITS:
        found = SplitSummary(split, wanted.get(split, 0))
        for example in dataset.of(split):
            found.add(example)
        yield found


def floor_of(kpi: str, runs: Floats) -> Floats:
    """The oracle floor of each situation (n,) of runs (n, m), in the KPI's unit; NaN where the runs are too few."""
    if runs.shape[1] < FEWEST_RUNS:
        return np.full(len(runs), np.nan)
    if KPI[kpi].event:
        runs = np.where(np.isfinite(runs), runs > 0, np.nan)
    return scalar_floor(runs)


def keys(found: SplitSummary) -> Iterator[tuple[str, int]]:
    """(KPI, place of the horizon) in the order in which tables have them."""
    return ((each.name, h) for each in KPIS for h in range(len(found.horizons_s)))
