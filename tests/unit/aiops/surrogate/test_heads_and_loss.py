"""Heads and what they are trained by: quantiles that never fall, atoms of their mass, a loss least at the truth."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from ranvier.aiops.surrogate.bases import LINKS
from ranvier.aiops.surrogate.heads import Event, EventHead, Marginal, QuantileHead, quantiles
from ranvier.aiops.surrogate.loss import Units, at_atoms, level_weights, loss
from ranvier.dtops.scenes.forecast import LEVELS
from ranvier.dtops.scenes.outcomes import KPI, KPIS, Outcomes

VALUES = [each for each in KPIS if not each.event]
of_each_value = pytest.mark.parametrize("kpi", [each.name for each in VALUES])
DRAWS = 40_000


def heads_answer(kpi: str, rows: int = 300) -> Marginal:
    torch.manual_seed(3)
    head = QuantileHead(KPI[kpi], 8)
    with torch.no_grad():
        head.out.weight.mul_(6)
        return head(torch.randn(rows, 8), torch.randn(rows))


@of_each_value
def test_quantiles_never_fall_and_stay_within_the_kpi(kpi: str) -> None:
    found = quantiles(kpi, heads_answer(kpi))
    assert found.shape == (300, len(LEVELS))
    assert bool((found.diff(dim=1) >= 0).all())
    about = KPI[kpi]
    if about.lowest is not None:
        assert float(found.min()) >= about.lowest
    if about.highest is not None:
        assert float(found.max()) <= about.highest


@pytest.mark.parametrize("mass", [0.1, 0.5, 0.97])
def test_an_atom_is_equal_neighbours_of_its_mass(mass: float) -> None:
    """Levels up to the mass have the lowest value, those above it more; alike from the top for the highest."""
    logit = torch.logit(torch.tensor([mass], dtype=torch.float64))
    z = torch.linspace(0.5, 3, len(LEVELS), dtype=torch.float64)[None]
    low = quantiles("throughput_kbit_s", Marginal(z, logit, None))[0]
    assert ((low == 0).numpy() == (mass >= LEVELS)).all()
    none = torch.full_like(logit, -60.0)
    high = quantiles("prb_percent", Marginal(z, none, logit))[0]
    assert ((high == 100).numpy() == (1 - mass <= LEVELS + 1e-12)).all()


@pytest.mark.parametrize("kpi", ["throughput_kbit_s", "active_users", "prb_percent", "sinr_db"])
def test_the_quantiles_of_the_mixture_invert_its_distribution(kpi: str) -> None:
    """F(x) = p₀ 1{x ≥ lowest} + (1 − p₀ − p₁) G(x) + p₁ 1{x ≥ highest}, inverted by bisection."""
    about = KPI[kpi]
    generator = torch.Generator().manual_seed(4)
    z = torch.sort(torch.randn(1, len(LEVELS), generator=generator).double().abs() + 0.1).values
    low = 0.23 if about.lowest is not None else 0.0
    high = 0.11 if about.highest is not None else 0.0
    some = Marginal(
        z, torch.logit(torch.tensor([low]).double()) if low else None,
        torch.logit(torch.tensor([high / (1 - low)]).double()) if high else None,
    )  # fmt: skip
    inner = LINKS[kpi].back(z)[0].numpy()

    def distribution(x: float) -> float:
        at = float(LINKS[kpi].to(torch.tensor(x, dtype=torch.float64)))
        below = float(np.interp(at, z[0].numpy(), LEVELS))  # 1 % lie on each of the outermost values
        g = 0.0 if x < inner[0] else 1.0 if x >= inner[-1] else below
        atoms = low * (about.lowest is not None and x >= about.lowest)
        atoms += high * (about.highest is not None and x >= about.highest)
        return atoms + (1 - low - high) * g

    found = quantiles(kpi, some)[0].numpy()
    for level, value in zip(LEVELS, found, strict=True):
        left, right = -1.0, 101.0
        for _ in range(80):
            middle = (left + right) / 2
            left, right = (left, middle) if distribution(middle) >= level - 1e-12 else (middle, right)
        assert value == pytest.approx(right, abs=1e-6)


# ---------------------------------------------------------------- the loss
def truth(kpi: str) -> tuple[Marginal, Tensor]:
    """A marginal with atoms where the KPI has them, and draws of it: normal on the head's scale."""
    torch.manual_seed(7)
    about, centre = KPI[kpi], {"prb_percent": 0.0}.get(kpi, 3.0)
    normal = centre + 0.5 * torch.randn(DRAWS, dtype=torch.float64)
    y = LINKS[kpi].back(normal)
    u = torch.rand(DRAWS, dtype=torch.float64)
    low = 0.2 if about.lowest is not None else 0.0
    high = 0.1 if about.highest is not None else 0.0
    y = torch.where(u < low, about.lowest or 0.0, y)
    y = torch.where(u > 1 - high, about.highest or 0.0, y) if high else y
    z = centre + 0.5 * torch.special.ndtri(torch.tensor(LEVELS))[None]
    return Marginal(
        z, torch.logit(torch.tensor([low]).double()) if low else None,
        torch.logit(torch.tensor([high / (1 - low)]).double()) if high else None,
    ), y[None]  # fmt: skip


def one_loss(kpi: str, found: Marginal | Event, y: Tensor) -> float:
    units = Units({kpi: 1.0}, {kpi: 1.0}, {kpi: 1.0})
    wide = {kpi: found}
    return float(loss(wide, {kpi: y.float()}, units)[kpi])


def float32(found: Marginal) -> Marginal:
    return Marginal(*(None if part is None else part.float() for part in found))  # type: ignore[arg-type]


@of_each_value
def test_the_loss_is_least_at_the_true_distribution(kpi: str) -> None:
    """By Monte Carlo, on the same draws. Off by a fifth of σ the score of a normal rises by about 2 %, and its
    difference has an error of some 0.2 σ / √40,000, a tenth of that."""
    found, y = truth(kpi)
    best = one_loss(kpi, float32(found), y)
    others = [found._replace(z=found.z + shift) for shift in (-0.1, 0.1)]
    others += [found._replace(z=found.z.mean() + wide * (found.z - found.z.mean())) for wide in (0.7, 1.4)]
    if found.lowest is not None:
        others += [found._replace(lowest=found.lowest + by) for by in (-0.2, 0.2)]
    if found.highest is not None:
        others += [found._replace(highest=found.highest + by) for by in (-0.3, 0.3)]
    for other in others:
        assert one_loss(kpi, float32(other), y) > best


def test_the_loss_of_an_event_is_least_at_its_probability_and_mean() -> None:
    torch.manual_seed(7)
    y = torch.poisson(torch.full((1, DRAWS), 0.3))
    logit, mean = torch.logit((y > 0).float().mean())[None], y.mean().log()[None]
    best = one_loss("handovers", Event(logit, mean), y)
    for by in (-0.2, 0.2):
        assert one_loss("handovers", Event(logit + by, mean), y) > best
        assert one_loss("handovers", Event(logit, mean + by), y) > best


def test_runs_without_a_value_do_not_count() -> None:
    found, y = truth("sinr_db")
    gaps = torch.cat([y, torch.full_like(y, torch.nan)], dim=1)
    whole = one_loss("sinr_db", float32(found), y)
    assert one_loss("sinr_db", float32(found), gaps) == pytest.approx(whole, rel=1e-6)
    assert one_loss("sinr_db", float32(found), torch.full_like(y, torch.nan)) == 0.0


def test_weights_of_levels_make_up_the_whole() -> None:
    assert float(level_weights().sum()) == pytest.approx(1.0, abs=1e-6)


def test_units_are_the_scores_of_climatology() -> None:
    """½ E|X − X′| of a normal is σ / √π; the entropy of an event of probability ½ is ln 2. 4.4 standard errors."""
    rng = np.random.default_rng(1)
    runs = {each.name: np.abs(rng.normal(50, 2.0, (500, 1, 8))).astype(np.float32) for each in KPIS}
    runs["handovers"] = (rng.random((500, 1, 8)) < 0.5).astype(np.float32)
    units = Units.of([Outcomes((1.0,), runs)])
    # A Gini mean difference of n draws has a relative error below 0.8 / √n, and 500 are taken.
    assert units.own["sinr_db"] == pytest.approx(2 / np.sqrt(np.pi), rel=4.4 * 0.8 / np.sqrt(500))
    assert units.nats["handovers"] == pytest.approx(np.log(2), abs=0.02)


def test_atoms_are_known_by_their_values() -> None:
    values = torch.tensor([0.0, 1e-4, 0.5, 99.9999, 100.0])
    assert at_atoms("prb_percent", values).tolist() == [True, True, False, True, True]
    assert not at_atoms("sinr_db", values).any()


def test_an_event_head_has_bounded_counts() -> None:
    with torch.no_grad():
        found = EventHead(4)(1e6 * torch.randn(50, 4))
    assert float(found.log_mean.min()) >= -12
    assert float(found.log_mean.max()) <= 6
