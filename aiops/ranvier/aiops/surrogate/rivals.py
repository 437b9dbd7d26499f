"""What a surrogate has to beat: simpler forecasts of the same scenes, fitted on the same train split.

    climatology   what the KPI was in all scenes, by horizon
    statistical   what it was where the closed form said much the same: a tenth of the base's range, by horizon and
                  by whether the user moves
    link budget   the closed form, with the spread of its error by horizon
The fourth is the network itself with no layers (`training.ablated`): an MLP that sees no graph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ranvier.aiops.surrogate.bases import LINKS, bases
from ranvier.dtops.scenes.dataset import Example
from ranvier.dtops.scenes.dispersal import Dispersal
from ranvier.dtops.scenes.forecast import LEVELS, SceneForecast
from ranvier.dtops.scenes.link_budget import link_budget
from ranvier.dtops.scenes.outcomes import KPI, KPIS, Outcomes
from ranvier.dtops.scenes.scene import Scene
from ranvier.dtops.scoring.sample_quantiles import HAZEN, sample_quantiles
from ranvier.ontology.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
BINS = 10
FEWEST = 40
"""Outcomes in a group, below which it takes the quantiles of all."""
Grouping = Callable[[Scene, str, Floats], Ints]
"""Scene, KPI and base (n, H) to the group (n, H) of each node."""


@dataclass(frozen=True, slots=True)
class Grouped:
    """Quantiles by group: of the KPI itself, or of its distance from the closed form on the head's scale.

    tables  KPI to (H, groups, q); `rates` event to (H, groups)
    """

    name: str
    horizons_s: tuple[float, ...]
    tables: Mapping[str, Floats]
    rates: Mapping[str, Floats]
    group: Grouping
    residual: bool
    version: str = "1"

    def forecast(self, scenes: Sequence[Scene], horizons_s: Sequence[float]) -> list[SceneForecast]:
        """See `ScenePredictor`."""
        if unknown := set(horizons_s) - set(self.horizons_s):
            raise InputError(f"horizons among {self.horizons_s}", str(sorted(unknown)), "ask for these")
        at = [self.horizons_s.index(h) for h in horizons_s]
        return [self._one(scene, at, tuple(horizons_s)) for scene in scenes]

    def loss(self, forecast: SceneForecast, outcomes: Outcomes) -> Mapping[str, Floats]:
        """See `ScenePredictor`."""
        from ranvier.aiops.surrogate.predictor import mean_scores

        return mean_scores(forecast, outcomes)

    def _one(self, scene: Scene, at: list[int], horizons_s: tuple[float, ...]) -> SceneForecast:
        found = _bases(scene, horizons_s)
        quantiles, probability = {}, {}
        for each in KPIS:
            base = found.get(each.name, np.zeros((_count(scene, each.node), len(at))))
            group = self.group(scene, each.name, base)
            if each.event:
                probability[each.name] = self.rates[each.name][at, group]
                continue
            values = self.tables[each.name][at, group]
            if self.residual:
                values = LINKS[each.name].back(torch.from_numpy(values + base[..., None])).numpy()
            quantiles[each.name] = values
        return SceneForecast(
            self.name, self.version, horizons_s, LEVELS, quantiles, probability, dict(probability)
        )


def rivals(train: Iterable[Example]) -> list[Grouped]:
    """The three, fitted on the train split."""
    examples = list(train)
    based = [_bases(each.scene, each.outcomes.horizons_s) for each in examples]
    return [
        _fitted("climatology", examples, based, _of_one_kind, False),
        _fitted("statistical", examples, based, _by_base(_edges(based)), False),
        _fitted("link budget", examples, based, _of_one_kind, True),
    ]


def _bases(scene: Scene, horizons_s: Sequence[float]) -> dict[str, Floats]:
    budget = link_budget(scene)
    return bases(scene, budget, Dispersal(scene, budget), horizons_s)


def _of_one_kind(_scene: Scene, _kpi: str, base: Floats) -> Ints:
    return np.zeros(base.shape, dtype=np.int64)


def _by_base(edges: Mapping[str, Floats]) -> Grouping:
    def group(scene: Scene, kpi: str, base: Floats) -> Ints:
        found = np.searchsorted(edges[kpi], base) if kpi in edges else np.zeros(base.shape, dtype=np.int64)
        if KPI[kpi].node == "ue":
            speed = np.digitize(scene.users.speed_m_s, [1e-9, 2.0, 15.0, 40.0])
            found = found + (BINS + 1) * speed[:, None]
        return np.asarray(found, dtype=np.int64)

    return group


def _edges(based: list[dict[str, Floats]]) -> dict[str, Floats]:
    """KPI to the nine values between tenths of its bases."""
    return {
        k: np.unique(
            np.quantile(np.concatenate([each[k].ravel() for each in based]), np.arange(1, BINS) / BINS)
        )
        for k in based[0]
    }


def _fitted(
    name: str, examples: list[Example], based: list[dict[str, Floats]], group: Grouping, residual: bool
) -> Grouped:
    horizons = examples[0].outcomes.horizons_s
    tables, rates = {}, {}
    for each in KPIS:
        values, groups = [], []
        for example, found in zip(examples, based, strict=True):
            base = found.get(each.name, np.zeros((_count(example.scene, each.node), len(horizons))))
            y = example.outcomes.values[each.name].astype(np.float64)
            if residual and not each.event:
                y = LINKS[each.name].to(torch.from_numpy(y)).numpy() - base[..., None]
            values.append(y.transpose(1, 0, 2).reshape(len(horizons), -1))
            groups.append(np.repeat(group(example.scene, each.name, base).T, y.shape[2], axis=1))
        y, of = np.concatenate(values, axis=1), np.concatenate(groups, axis=1)
        if each.event:
            rates[each.name] = np.stack([_means(*row) for row in zip(y > 0, of, strict=True)])
        else:
            tables[each.name] = np.stack([_quantiles(*row) for row in zip(y, of, strict=True)])
    return Grouped(name, horizons, tables, rates, group, residual)


def _quantiles(y: Floats, of: Ints) -> Floats:
    """(groups, q) of outcomes (N,) in groups (N,); a group with too few has the quantiles of all."""
    found = np.repeat(sample_quantiles(y, LEVELS, HAZEN)[None], MOST_GROUPS, axis=0)
    for group in np.unique(of):
        mine = y[of == group]
        if np.isfinite(mine).sum() >= FEWEST:
            found[group] = sample_quantiles(mine, LEVELS, HAZEN)
    return found


def _means(y: NDArray[np.bool_], of: Ints) -> Floats:
    found = np.full(MOST_GROUPS, y.mean())
    for group in np.unique(of):
        mine = y[of == group]
        if len(mine) >= FEWEST:
            found[group] = mine.mean()
    return found


MOST_GROUPS = (BINS + 1) * 6


def _count(scene: Scene, node: str) -> int:
    return len(scene.cells) if node == "cell" else len(scene.users)
