"""How good forecasts of scenes are, on deployments that were never seen: against the oracle floor, with intervals.

All figures are ratios of sums over nodes and runs; their intervals come from a bootstrap of whole deployments.

    CRPS       mean over re-runs, over the fair floor ½E|X − X′| of the same nodes. Quantiles are scored as they
               are; samples of them by the floor's own estimator beside it
    coverage   of the central 80 %, by the randomised PIT of each re-run; the oracle's own beside it: the rank of
               each re-run among the others
    areas      CRPS of sums over sites and over the scene, which see joint structure; nodes are drawn one by one
    events     Brier score with its decomposition, and its skill over climatology
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.scenes.dataset import SceneDataset
from ranvier.dtops.scenes.forecast import SceneForecast, ScenePredictor
from ranvier.dtops.scenes.link_budget import LinkBudget, link_budget
from ranvier.dtops.scenes.outcomes import KPI, KPIS, Outcomes
from ranvier.dtops.scenes.recipe import Split
from ranvier.dtops.scenes.scene import Scene
from ranvier.dtops.scoring import bootstrap, brier, counter_stream
from ranvier.dtops.scoring.area import area_sums
from ranvier.dtops.scoring.bootstrap import Interval
from ranvier.dtops.scoring.floor import (
    quantiles_against_runs,
    samples_against_runs,
    scalar_floor,
    vector_floor,
    vector_samples_against_runs,
)
from ranvier.dtops.scoring.pit import randomised_pit
from ranvier.dtops.scoring.reliability import reliability_columns
from ranvier.dtops.scoring.state import divide

Floats = NDArray[np.float64]
BAND = 0.8
MEMBERS = 40
"""Samples of each node, where samples are scored."""
AREAS = ("throughput_kbit_s", "prb_percent", "active_users")
DRAWS = bootstrap.Draws(fewest=4)
STAYING = ", users that stay"
"""After a user's KPI: of those alone whose gains are given for every horizon, as they do not move."""
EDGE_DB = 0.0
"""SINR with all neighbours loaded, below which a user is at the cell's edge."""
Key = tuple[str, ...]
Told = Callable[[int, int, str], None]


@dataclass(slots=True)
class Sums:
    """Sums by deployment, in order: key to a list of rows. Keys start with model and split."""

    scores: dict[Key, list[Floats]] = field(default_factory=lambda: defaultdict(list))
    covered: dict[Key, list[Floats]] = field(default_factory=lambda: defaultdict(list))
    areas: dict[Key, list[Floats]] = field(default_factory=lambda: defaultdict(list))
    events: dict[Key, list[Floats]] = field(default_factory=lambda: defaultdict(list))
    pit: dict[Key, list[Floats]] = field(default_factory=lambda: defaultdict(list))


def evaluated(
    dataset: SceneDataset, split: Split, models: Sequence[ScenePredictor], told: Told | None = None,
    sums: Sums | None = None,
) -> Sums:  # fmt: skip
    """Score every deployment of a split, one after the other: memory does not grow with the split.

    Keys  scores   (model, split, KPI, horizon): [1, CRPS, floor, CRPS as samples]; and of a KPI STAYING
          covered  (model, split, stratum, horizon): [runs, inside, oracle's inside], over all KPIs with quantiles;
                   (…, "kpi NAME", horizon) of one
          areas    (model, split, KPI of AREAS, area, horizon): [1, score, floor], area among site, scene, energy
          events   (model, split, event, horizon): the columns of `brier`
          pit      (model, split, KPI): the columns of `reliability`
    """
    sums = sums if sums is not None else Sums()
    names = dataset.names(split)
    edges = _load_edges(dataset, split)
    for number, name in enumerate(names):
        scene, outcomes = dataset.read(name)
        budget = link_budget(scene)
        strata = {node: _strata(scene, budget, edges, node) for node in ("cell", "ue")}
        for model in models:
            forecast = model.forecast([scene], outcomes.horizons_s)[0]
            _score(sums, (model.name, split), forecast, outcomes, strata, scene.users.speed_m_s == 0)
            _score_areas(sums, (model.name, split), forecast, scene, budget, outcomes)
        if told:
            told(number + 1, len(names), name)
    return sums


def _score(
    sums: Sums, head: Key, forecast: SceneForecast, outcomes: Outcomes,
    strata: Mapping[str, Mapping[str, NDArray[np.bool_]]], stay: NDArray[np.bool_],
) -> None:  # fmt: skip
    inside_by: dict[Key, Floats] = defaultdict(lambda: np.zeros(3))
    for each in KPIS:
        runs = outcomes.values[each.name].astype(np.float64)
        if each.event:
            happened = np.where(np.isnan(runs), np.nan, runs > 0)
            for h, horizon in enumerate(outcomes.horizons_s):
                p = np.broadcast_to(forecast.probability[each.name][:, h, None], happened[:, h].shape)
                columns = brier.brier_columns(p, happened[:, h])
                sums.events[*head, each.name, f"{horizon:g}"].append(
                    columns.reshape(-1, columns.shape[-1]).sum(axis=0)
                )
            continue
        q = forecast.quantiles[each.name]
        score = quantiles_against_runs(q, forecast.levels, runs)
        drawn = samples_against_runs(forecast.samples(each.name, MEMBERS), runs)
        columns = np.stack([np.ones_like(score), score, scalar_floor(runs), drawn], axis=-1)
        columns = np.where(np.isnan(columns).any(axis=-1, keepdims=True), 0.0, columns)
        key = counter_stream.chain(counter_stream.name_key("pit", each.name) % 2**62, np.arange(runs.size))
        u = counter_stream.uniform(key).reshape(runs.shape)
        pit = randomised_pit(np.repeat(q[:, :, None], runs.shape[2], axis=2), forecast.levels, runs, u)
        own = _ranks(runs, u)
        known = ~np.isnan(runs)
        sums.pit[*head, each.name].append(reliability_columns(pit[known]).sum(axis=0))
        counted = np.stack([known, known & _central(pit), known & _central(own)], axis=-1).sum(axis=2)
        for h, horizon in enumerate(outcomes.horizons_s):
            sums.scores[*head, each.name, f"{horizon:g}"].append(columns[:, h].sum(axis=0))
            if each.node == "ue":
                sums.scores[*head, each.name + STAYING, f"{horizon:g}"].append(columns[stay, h].sum(axis=0))
            inside_by[f"kpi {each.name}", f"{horizon:g}"] += counted[:, h].sum(axis=0)
            for stratum, mine in strata[each.node].items():
                inside_by[stratum, f"{horizon:g}"] += counted[mine, h].sum(axis=0)
    for key_, row in inside_by.items():
        sums.covered[*head, *key_].append(row)


def _score_areas(
    sums: Sums, head: Key, forecast: SceneForecast, scene: Scene, budget: LinkBudget, outcomes: Outcomes
) -> None:
    site_of_user = np.where(budget.served, scene.cells.site[budget.cell], -1)
    for name in AREAS:
        runs = outcomes.values[name].astype(np.float64)
        where = scene.cells.site if KPI[name].node == "cell" else site_of_user
        usable = (where >= 0) & ~np.isnan(runs).any(axis=(1, 2))
        if not usable.any():
            continue
        members, runs, sites = forecast.samples(name, MEMBERS)[usable], runs[usable], where[usable]
        for h, horizon in enumerate(outcomes.horizons_s):
            for area, label in (("site", sites), ("scene", np.zeros(len(sites), dtype=np.int64))):
                # A site of which no node counts has no sum.
                there = np.unique(label)
                drawn, true = (area_sums(each[:, h], label)[there] for each in (members, runs))
                score, floor = samples_against_runs(drawn, true), scalar_floor(true)
                row = np.array([len(there), score.sum(), floor.sum()])
                sums.areas[*head, name, area, f"{horizon:g}"].append(row)
            vector = [vector_samples_against_runs(members[:, h], runs[:, h]), vector_floor(runs[:, h])]
            sums.areas[*head, name, "energy", f"{horizon:g}"].append(np.array([1.0, *map(float, vector)]))


def _ranks(runs: Floats, u: Floats) -> Floats:
    """PIT of each run among the others: (their number below + u (ties + 1)) / m; NaN where it is missing."""
    ordered = np.sort(runs, axis=-1)  # NaN last
    known = (~np.isnan(runs)).sum(axis=-1, keepdims=True)
    flat, values = ordered.reshape(-1, runs.shape[-1]), runs.reshape(-1, runs.shape[-1])
    below = np.array([np.searchsorted(row, v, "left") for row, v in zip(flat, values, strict=True)])
    upto = np.array([np.searchsorted(row, v, "right") for row, v in zip(flat, values, strict=True)])
    below, upto = below.reshape(runs.shape), upto.reshape(runs.shape)
    return np.where(np.isnan(runs), np.nan, (below + u * (upto - below)) / np.maximum(known, 1))


def _central(pit: Floats) -> NDArray[np.bool_]:
    return np.asarray((pit >= (1 - BAND) / 2) & (pit < (1 + BAND) / 2))


def _load_edges(dataset: SceneDataset, split: Split) -> Floats:
    """(9,) the values between tenths of the cells' loads, by the closed form."""
    loads = [link_budget(example.scene).load for example in dataset.of(split)]
    return np.unique(np.quantile(np.concatenate(loads), np.arange(1, 10) / 10))


def _strata(scene: Scene, budget: LinkBudget, edges: Floats, node: str) -> dict[str, NDArray[np.bool_]]:
    """Stratum to which nodes belong to it, (n,)."""
    count = len(scene.cells) if node == "cell" else len(scene.users)
    every = np.ones(count, dtype=bool)
    found = {"all": every, f"kind {scene.kind}": every}
    if node == "cell":
        load = budget.load
    else:
        load = budget.load[budget.cell]
        los = budget.of_link(scene.links.los)
        found |= {"line of sight": los == 1, "no line of sight": los == 0}
        found["cell edge"] = budget.served & (np.nan_to_num(budget.full_db, nan=np.inf) < EDGE_DB)
    tenth = np.searchsorted(edges, load, side="right")
    return found | {f"load decile {i + 1}": tenth == i for i in range(10)}


# ------------------------------------------------------------ read from the sums
def crps_ratio(sums: Sums, model: str, split: str, kpi: str, horizon: str, column: int = 1) -> Interval:
    """CRPS over the floor; column 3: as samples."""
    return bootstrap.estimate(
        np.array(sums.scores[model, split, kpi, horizon]), lambda s: divide(s[..., column], s[..., 2]), DRAWS
    )


def mean_ratio(sums: Sums, model: str, split: str, kpi: str) -> Interval:
    """CRPS over the floor, all horizons together."""
    parts = [np.array(rows) for key, rows in sums.scores.items() if key[:3] == (model, split, kpi)]
    return bootstrap.estimate(sum(parts[1:], parts[0]), lambda s: divide(s[..., 1], s[..., 2]), DRAWS)


def coverage(
    sums: Sums, model: str, split: str, stratum: str, horizon: str | None = None, column: int = 1
) -> Interval:
    """Share of runs in the central 80 %; column 2: the oracle's own. All horizons together unless one is named."""
    parts = [
        np.array(rows) for key, rows in sums.covered.items()
        if key[:3] == (model, split, stratum) and horizon in (None, key[3])
    ]  # fmt: skip
    return bootstrap.estimate(sum(parts[1:], parts[0]), lambda s: divide(s[..., column], s[..., 0]), DRAWS)


def area_ratio(sums: Sums, model: str, split: str, kpi: str, area: str, horizon: str) -> Interval:
    """Score of sums over an area over its floor; "energy": the energy score of all nodes."""
    return bootstrap.estimate(
        np.array(sums.areas[model, split, kpi, area, horizon]), lambda s: divide(s[..., 1], s[..., 2]), DRAWS
    )


def strata(sums: Sums, model: str, split: str) -> list[str]:
    """The strata that a split has, without single KPIs."""
    found = {key[2] for key in sums.covered if key[:2] == (model, split) and not key[2].startswith("kpi ")}
    return sorted(found, key=lambda name: (name != "all", name))


def event_sums(sums: Sums, model: str, split: str, event: str, horizon: str) -> Floats:
    """Columns of `brier`, over all deployments."""
    return np.asarray(np.sum(sums.events[model, split, event, horizon], axis=0))


def brier_skill(
    sums: Sums, model: str, split: str, event: str, horizon: str, reference: str = "climatology"
) -> Interval:
    """1 − Brier score over that of another model, with a paired interval."""
    a, b = (np.array(sums.events[name, split, event, horizon]) for name in (model, reference))
    found = bootstrap.ratio(a, b, brier.mean_brier, DRAWS)
    flip = [None if v is None else 1 - v for v in (found.value, found.high, found.low)]
    return Interval(*flip)
