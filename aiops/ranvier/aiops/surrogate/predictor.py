"""`SurrogatePredictor`: a trained rung as a `ScenePredictor`."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ranvier.aiops.surrogate import model_folder
from ranvier.aiops.surrogate.graph import batched, graph
from ranvier.aiops.surrogate.heads import Event, quantiles
from ranvier.aiops.surrogate.network import Network
from ranvier.aiops.surrogate.scaling import Scaling
from ranvier.dtops.scenes.forecast import LEVELS, SceneForecast
from ranvier.dtops.scenes.outcomes import KPI, Outcomes
from ranvier.dtops.scenes.scene import Scene
from ranvier.dtops.scoring.crps import crps_quantiles
from ranvier.ontology.errors import InputError

Floats = NDArray[np.float64]
MOST_NODES = 20_000
"""Cells and users in one pass of the network; more scenes go in several."""


class SurrogatePredictor:
    """Forecasts of scenes by a network. Any thread may use it."""

    def __init__(self, network: Network, scaling: Scaling, version: str, name: str = "surrogate") -> None:
        self._network, self._scaling = network.eval(), scaling
        self.name, self.version = name, version
        self._lock = threading.Lock()

    @property
    def horizons_s(self) -> tuple[float, ...]:
        """That it was trained at."""
        return self._network.shape.horizons_s

    def forecast(self, scenes: Sequence[Scene], horizons_s: Sequence[float]) -> list[SceneForecast]:
        """One forecast for each scene; scenes pass the network together, up to MOST_NODES nodes."""
        known = {h: i for i, h in enumerate(self.horizons_s)}
        if unknown := [h for h in horizons_s if h not in known]:
            raise InputError(
                f"horizons among {', '.join(f'{h:g}' for h in known)} s", f"{unknown[0]:g} s",
                "ask for these, or train at others",
            )  # fmt: skip
        chosen = [known[h] for h in horizons_s]
        answers: list[SceneForecast] = []
        begin = 0
        while begin < len(scenes):
            end, nodes = begin + 1, _nodes(scenes[begin])
            while end < len(scenes) and nodes + _nodes(scenes[end]) <= MOST_NODES:
                nodes += _nodes(scenes[end])
                end += 1
            answers += self._pass(scenes[begin:end], chosen, tuple(horizons_s))
            begin = end
        return answers

    def loss(self, forecast: SceneForecast, outcomes: Outcomes) -> Mapping[str, Floats]:
        """CRPS of quantiles, Brier score of events: KPI to (n, h), mean over runs; NaN where none is known."""
        return mean_scores(forecast, outcomes)

    def _pass(
        self, scenes: Sequence[Scene], chosen: list[int], horizons_s: tuple[float, ...]
    ) -> list[SceneForecast]:
        made = [graph(scene, self._scaling, self.horizons_s) for scene in scenes]
        with self._lock, torch.inference_mode():
            found = self._network(made[0] if len(made) == 1 else batched(made), chosen)
            q: dict[str, Any] = {}
            for name, each in found.items():
                q[name] = each if isinstance(each, Event) else quantiles(name, each).double().numpy()
        answers = []
        begin = {"cell": 0, "ue": 0}
        for scene in scenes:
            size = {"cell": len(scene.cells), "ue": len(scene.users)}
            rows = {k: slice(begin[k] * len(chosen), (begin[k] + size[k]) * len(chosen)) for k in size}
            answers.append(self._answer(q, rows, size, horizons_s))
            begin = {k: begin[k] + size[k] for k in size}
        return answers

    def _answer(
        self,
        found: dict[str, Any],
        rows: dict[str, slice],
        size: dict[str, int],
        horizons_s: tuple[float, ...],
    ) -> SceneForecast:
        many = len(horizons_s)
        values, probability, count = {}, {}, {}
        for name, each in found.items():
            node = KPI[name].node
            if isinstance(each, Event):
                shape = (size[node], many)
                probability[name] = torch.sigmoid(each.logit[rows[node]]).double().numpy().reshape(shape)
                count[name] = torch.exp(each.log_mean[rows[node]]).double().numpy().reshape(shape)
            else:
                values[name] = each[rows[node]].reshape(size[node], many, len(LEVELS))
        return SceneForecast(self.name, self.version, horizons_s, LEVELS, values, probability, count)


def load_predictor(folder: Path) -> SurrogatePredictor:
    """The surrogate of a folder. Raises InputError where there is none."""
    network, scaling, about = model_folder.load(folder)
    return SurrogatePredictor(network, scaling, about["version"], about.get("name", "surrogate"))


def _nodes(scene: Scene) -> int:
    return len(scene.cells) + len(scene.users)


def mean_scores(forecast: SceneForecast, outcomes: Outcomes) -> dict[str, Floats]:
    """CRPS of quantiles, Brier score of events: KPI to (n, h), mean over runs; NaN where none is known."""
    at = [outcomes.horizons_s.index(h) for h in forecast.horizons_s]
    found = {}
    for name, values in outcomes.values.items():
        y = values[:, at].astype(np.float64)
        if KPI[name].event:
            scores = (forecast.probability[name][..., None] - (y > 0)) ** 2
        else:
            q = forecast.quantiles[name][:, :, None]
            scores = crps_quantiles(np.broadcast_to(q, (*y.shape, q.shape[-1])), forecast.levels, y)
        known = np.isfinite(y)
        count = known.sum(axis=2)
        total = np.where(known, scores, 0.0).sum(axis=2)
        found[name] = np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)
    return found
