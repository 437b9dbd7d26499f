"""What rung v0 is trained by: proper scores, each over that of climatology, so that all count as skill.

    quantiles  Σ_k w_k 2 (1{y ≤ q_k} − τ_k)(q_k − y), an approximation of the CRPS, of what lies between the atoms:
               half on the KPI's own scale, by which it is judged, half on its head's, where small values count
    atoms      −ln p of at an atom or not, in nats
    events     −ln p of at least one or none, and Poisson's −ln p of the count

The sum over KPIs is their mean: a KPI that is hard or whose unit is small gets no less than its share.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ranvier.aiops.surrogate.bases import LINKS
from ranvier.aiops.surrogate.heads import AT_ATOM, Event, Marginal
from ranvier.dtops.scenes.forecast import LEVELS
from ranvier.dtops.scenes.outcomes import KPI, KPIS, Outcomes

COUNT_SHARE = 0.2
"""Of an event's loss, that of its count."""


def level_weights() -> Tensor:
    """(q,) how much of (0, 1) each level stands for."""
    levels = torch.tensor(LEVELS)
    edges = torch.cat([torch.zeros(1), (levels[1:] + levels[:-1]) / 2, torch.ones(1)])
    return edges.diff().to(torch.float32)


@dataclass(frozen=True, slots=True)
class Units:
    """KPI to what climatology scores: on its own scale, on its head's, and of its atoms or events in nats."""

    own: dict[str, float]
    head: dict[str, float]
    nats: dict[str, float]

    @classmethod
    def of(cls, many: Iterable[Outcomes], most: int = 20_000) -> Units:
        """From outcomes of the train split; a sample of each KPI suffices."""
        drawn: dict[str, list[Tensor]] = {each.name: [] for each in KPIS}
        for outcomes in many:
            for name, runs in outcomes.values.items():
                flat = torch.from_numpy(runs).reshape(-1)
                flat = flat[torch.isfinite(flat)]
                drawn[name].append(flat[:: max(1, len(flat) // 500)])
        own, head, nats = {}, {}, {}
        for name, parts in drawn.items():
            values = torch.cat(parts)[:: max(1, sum(map(len, parts)) // most)].double()
            atom = at_atoms(name, values)
            nats[name] = max(
                _entropy(float(((values > 0) if KPI[name].event else atom).double().mean())), 0.02
            )
            if not KPI[name].event:
                between = values[~atom]
                own[name] = max(_spread(between), 1e-6)
                head[name] = max(_spread(LINKS[name].to(between)), 1e-6)
        return cls(own, head, nats)


def loss(
    found: Mapping[str, Marginal | Event], outcomes: Mapping[str, Tensor], units: Units
) -> dict[str, Tensor]:
    """KPI to its loss, a scalar; `outcomes` (r, m), NaN where there is none. 0 where none is known."""
    weights = level_weights()
    answer = {}
    for name, each in found.items():
        y = outcomes[name]
        rows = torch.isfinite(y).any(dim=1)
        y = y[rows]
        if isinstance(each, Event):
            answer[name] = _of_event(Event(*(part[rows] for part in each)), y, units.nats[name])
        else:
            parts = [part[rows] if part is not None else None for part in each]
            answer[name] = _of_marginal(name, Marginal(*parts), y, units, weights)  # type: ignore[arg-type]
    return answer


def _of_marginal(name: str, found: Marginal, y: Tensor, units: Units, weights: Tensor) -> Tensor:
    known = torch.isfinite(y)
    about = KPI[name]
    total = found.z.sum() * 0.0
    between = known.clone()
    left = known  # what earlier atoms have not taken
    for logit, value in ((found.lowest, about.lowest), (found.highest, about.highest)):
        if logit is None or value is None:
            continue
        at = known & ((y - value).abs() <= AT_ATOM)
        nats = functional.binary_cross_entropy_with_logits(
            logit[:, None].expand_as(y), at.to(y.dtype), reduction="none"
        )
        total = total + _mean(nats, left) / units.nats[name]
        between, left = between & ~at, left & ~at
    clean = torch.where(between, y, 0.0)
    link = LINKS[name]
    own = _pinball(link.back(found.z), clean, weights)
    head = _pinball(found.z, link.to(clean), weights)
    return total + _mean(own, between) / units.own[name] / 2 + _mean(head, between) / units.head[name] / 2


def _of_event(found: Event, y: Tensor, nats: float) -> Tensor:
    known = torch.isfinite(y)
    clean = torch.where(known, y, 0.0)
    once = functional.binary_cross_entropy_with_logits(
        found.logit[:, None].expand_as(y), (clean > 0).to(y.dtype), reduction="none"
    )
    count = functional.poisson_nll_loss(
        found.log_mean[:, None].expand_as(y), clean, log_input=True, reduction="none"
    )
    return _mean((1 - COUNT_SHARE) * once + COUNT_SHARE * count, known) / nats


def _pinball(q: Tensor, y: Tensor, weights: Tensor) -> Tensor:
    """(r, m): Σ_k w_k 2 (1{y ≤ q_k} − τ_k)(q_k − y) = Σ_k 2 w_k max(q_k − y, 0) − Σ_k 2 w_k τ_k (q_k − y)."""
    twice = 2 * weights.to(q)
    levels = twice * torch.as_tensor(LEVELS, dtype=q.dtype, device=q.device)
    above = torch.relu(q[:, None, :] - y[:, :, None]) @ twice
    return above - (q @ levels)[:, None] + levels.sum() * y


def at_atoms(name: str, values: Tensor) -> Tensor:
    """Whether values are at an atom of the KPI."""
    about = KPI[name]
    found = torch.zeros_like(values, dtype=torch.bool)
    for value in (about.lowest, about.highest):
        if value is not None:
            found |= (values - value).abs() <= AT_ATOM
    return found


def _mean(values: Tensor, where: Tensor) -> Tensor:
    return torch.where(where, values, 0.0).sum() / where.sum().clamp(min=1)


def _spread(values: Tensor) -> float:
    """½ E|X − X′|: the CRPS of a climatology of these values."""
    n = len(values)
    if n < 2:
        return 1.0
    rank = torch.arange(1 - n, n, 2, dtype=values.dtype)
    return float((values.sort().values @ rank) / (n * (n - 1)))


def _entropy(p: float) -> float:
    if p <= 0 or p >= 1:
        return 0.0
    t = torch.tensor([p, 1 - p])
    return float(-(t * t.log()).sum())
