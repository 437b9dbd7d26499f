"""From forecasts of scenes to answers: which nodes, which levels, and the summary over them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.scenes.outcomes import KPI, KPIS
from ranvier.gateway.api.problem import Refused
from ranvier.gateway.api.quantiles import DEFAULT_LEVELS
from ranvier.gateway.api.scene_models import MAX_NUMBERS, KpiForecast, KpiSummary, SceneAsk, SceneBatchAsk
from ranvier.ontology.errors import InputError

if TYPE_CHECKING:
    from ranvier.dtops.scenes.forecast import SceneForecast
    from ranvier.dtops.scenes.scene import Scene

Floats = NDArray[np.float64]
DECIMALS = 5


@dataclass(frozen=True, slots=True)
class Chosen:
    """What of a forecast is asked for. `places`: of cells and of users, in their columns."""

    kpis: tuple[str, ...]
    names: dict[str, list[str]]
    places: dict[str, NDArray[np.int64]]
    levels: Floats

    def numbers(self, horizons: int, more: int = 0) -> int:
        """How many numbers an answer has: of each node and horizon the levels and `more`."""
        nodes = sum(len(self.places[KPI[name].node]) for name in self.kpis)
        return nodes * horizons * (len(self.levels) + more)


def chosen(scene: Scene, ask: SceneAsk | SceneBatchAsk) -> Chosen:
    """What is asked for of this scene. Raises InputError for nodes that it does not have."""
    every = {
        "cell": scene.cell_ids or tuple(map(str, range(len(scene.cells)))),
        "ue": scene.user_ids or tuple(map(str, range(len(scene.users)))),
    }
    wanted = None if ask.nodes is None else set(ask.nodes)
    if wanted is not None and (unknown := sorted(wanted.difference(*every.values()))):
        raise InputError("cells and users of the scene", ", ".join(unknown[:3]), "name what it has")
    places = {
        node: np.array(
            [i for i, name in enumerate(names) if wanted is None or name in wanted], dtype=np.int64
        )
        for node, names in every.items()
    }
    kpis: tuple[str, ...] = tuple(dict.fromkeys(ask.kpis or tuple(each.name for each in KPIS)))
    names = {node: [every[node][i] for i in places[node]] for node in every}
    return Chosen(kpis, names, places, np.unique(np.asarray(ask.levels or DEFAULT_LEVELS, dtype=np.float64)))


def bounded(numbers: int) -> None:
    """Raises Refused (422) where an answer would hold too much."""
    if numbers > MAX_NUMBERS:
        reason = InputError(
            f"an answer of at most {MAX_NUMBERS} numbers", str(numbers),
            "ask for fewer nodes, KPIs, horizons, levels, samples or what-ifs",
        )  # fmt: skip
        raise Refused(422, reason)


def kpi_forecasts(forecast: SceneForecast, of: Chosen, samples: int = 0, seed: int = 0) -> list[KpiForecast]:
    """Each KPI that was asked for and that the model has."""
    found = []
    for name in of.kpis:
        kpi, quantiles = KPI[name], None
        if name not in (forecast.probability if kpi.event else forecast.quantiles):
            continue
        draws = _of(forecast.samples(name, samples, seed), name, of) if samples else None
        count = forecast.mean_count.get(name) if kpi.event else None
        if not kpi.event:
            quantiles = _whole(_between(_of(forecast.quantiles[name], name, of), forecast, of))
        found.append(KpiForecast(
            kpi=kpi.name, unit=kpi.unit, node=kpi.node, nodes=of.names[kpi.node],
            quantiles=quantiles,
            probability=_listed(_of(forecast.probability[name], name, of)) if kpi.event else None,
            mean_count=None if count is None else _listed(_of(count, name, of)),
            samples=None if draws is None else _whole(draws),
        ))  # fmt: skip
    return found


def summary(forecast: SceneForecast, base: Mapping[str, Floats], of: Chosen) -> list[KpiSummary]:
    """Each KPI over the nodes asked for, and how it differs from `base`, the expectations without a change."""
    found = []
    for name in of.kpis:
        if name not in base:
            continue
        kpi, expected = KPI[name], _expected(forecast, name, of)
        # Linear both: the mean over nodes at the model's levels, then between them.
        quantiles = (
            None
            if kpi.event
            else _whole(_between(_mean(_of(forecast.quantiles[name], name, of)), forecast, of))
        )
        found.append(KpiSummary(
            kpi=kpi.name, unit=kpi.unit, node=kpi.node, counted=np.isfinite(expected).sum(axis=0).tolist(),
            # The change is over the nodes that both have: a cell that was switched off is no change of the others.
            mean=_listed(_mean(expected)), change=_listed(_mean(expected - base[name])), quantiles=quantiles,
        ))  # fmt: skip
    return found


def expectations(forecast: SceneForecast, of: Chosen) -> dict[str, Floats]:
    """(nodes, h) of each KPI that was asked for and that the model has: what is expected of each node."""
    known = {*forecast.probability, *forecast.quantiles}
    return {name: _expected(forecast, name, of) for name in of.kpis if name in known}


def _expected(forecast: SceneForecast, name: str, of: Chosen) -> Floats:
    """(nodes, h) ∫ q(u) du by the trapezoidal rule, the tails at the outermost values.

    Of an event: how many, else the probability of one.
    """
    if KPI[name].event:
        return _of(forecast.mean_count.get(name, forecast.probability[name]), name, of)
    u = np.concatenate([[0.0], forecast.levels, [1.0]])
    weight = (u[2:] - u[:-2]) / 2
    weight[0], weight[-1] = (u[1] + u[2]) / 2, 1 - (u[-2] + u[-3]) / 2
    return np.asarray(_of(forecast.quantiles[name], name, of) @ weight)


def _of(values: Floats, name: str, of: Chosen) -> Floats:
    """The nodes asked for."""
    places = of.places[KPI[name].node]
    return values if len(places) == len(values) else values[places]


def _between(q: Floats, forecast: SceneForecast, of: Chosen) -> Floats:
    """(…, levels) quantiles at the levels asked for: linear between the model's own, clamped beyond."""
    u = forecast.levels
    at = np.clip(of.levels, u[0], u[-1])
    low = np.clip(np.searchsorted(u, at, side="right") - 1, 0, len(u) - 2)
    share = (at - u[low]) / (u[low + 1] - u[low])
    return np.asarray(q[..., low] + share * (q[..., low + 1] - q[..., low]))


def _mean(values: Floats) -> Floats:
    """Over nodes that have a value; NaN where none has."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, values, 0.0).sum(axis=0) / known.sum(axis=0))


def _listed(values: Floats) -> Any:
    """As lists; what is not finite is null."""
    found = np.round(values, DECIMALS).astype(object)
    found[~np.isfinite(values)] = None
    return found.tolist()


def _whole(values: Floats) -> Any:
    """As lists, the last axis whole, or null where anything in it is not finite."""
    flat = np.round(values, DECIMALS).reshape(-1, values.shape[-1])
    known = np.asarray(np.isfinite(flat).all(axis=1)).tolist()
    rows = iter([row if whole else None for row, whole in zip(flat.tolist(), known, strict=True)])
    return _shaped(rows, values.shape[:-1])


def _shaped(rows: Iterator[Any], shape: tuple[int, ...]) -> Any:
    if not shape:
        return next(rows)
    return [_shaped(rows, shape[1:]) for _ in range(shape[0])]
