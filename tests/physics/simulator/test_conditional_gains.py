"""What a scene tells is kept where users stand; beyond, gains follow the conditional law of their fields."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from ranvier.dtops.simulator.link_gains import LinkGains
from ranvier.dtops.simulator.population import Population
from ranvier.dtops.simulator.propagation.conditional_gains import ConditionalGains
from ranvier.dtops.simulator.propagation.statistical_gains import StatisticalGains
from ranvier.dtops.simulator.scenario import Scenario, parse
from ranvier.dtops.simulator.seeds import Seeds

RUNS = 400
D_CORR_M, SIGMA_DB = 50.0, 6.0
"""Of shadowing without line of sight in UMa (TR 38.901 tables 7.5-6 and 7.4.1-1)."""
GRID = parse({
    "deployment": {"kind": "hexagonal_grid", "sites": 7},
    "users": {"per_cell": 1, "indoor_share": 0.0, "floors": False},
})  # fmt: skip
CARS = GRID.changed(users={"car_share": 1.0})
CAR_DB, CAR_SIGMA_DB = 9.0, 5.0
"""Of a car without metallised windows (TR 38.901 7.4.3.2)."""
MIXED = GRID.changed(users={"indoor_share": 0.5, "per_cell": 3})


def pair(
    scenario: Scenario, seeds: Seeds, **how: bool
) -> tuple[StatisticalGains, ConditionalGains, Population]:
    people, layout = scenario.population(seeds), scenario.layout()
    return (
        StatisticalGains(seeds, people, layout, **how),  # type: ignore[arg-type]
        ConditionalGains(seeds, people, layout, **how),  # type: ignore[arg-type]
        people,
    )


def equal(a: LinkGains, b: LinkGains) -> bool:
    return all(torch.equal(getattr(a, name), getattr(b, name)) for name in LinkGains.__slots__)


@pytest.mark.parametrize("site_correlation", [0.0, 0.5])
def test_where_users_stand_gains_are_the_scene_s_bit_for_bit(site_correlation: float) -> None:
    seeds = Seeds.of([1, 1, 2], [5, 6, 7])
    people, layout = MIXED.population(seeds), MIXED.layout()
    scene = StatisticalGains(seeds, people, layout, site_correlation)
    run = ConditionalGains(seeds, people, layout, site_correlation)
    assert equal(run.gains(layout, people.position_m), scene.gains(layout, people.position_m))


def test_it_is_a_pure_function_of_place_and_of_the_run() -> None:
    seeds = Seeds.of([1, 1], [5, 6])
    _, both, people = pair(MIXED, seeds)
    moved = people.position_m + torch.tensor([40.0, -25.0, 0.0])
    found = both.gains(both.layout, moved)
    assert equal(found, both.gains(both.layout, moved))
    _, alone, few = pair(MIXED, Seeds.of([1], [6]))
    assert torch.equal(alone.gains(alone.layout, few.position_m + torch.tensor([40.0, -25.0, 0.0])).gain_db[0],
                       found.gain_db[1])  # fmt: skip
    some = both.gains(both.layout, moved, torch.tensor([[1, 9]]))
    assert torch.equal(some.gain_db[0, 0], found.gain_db[1, 9])
    assert not torch.equal(found.gain_db[0], found.gain_db[1])


@pytest.mark.parametrize("distance_m", [10.0, 40.0, 400.0])
def test_shadowing_keeps_to_what_is_told_as_far_as_it_reaches(distance_m: float) -> None:
    """Over runs of one scene: mean c a and variance σ²(1 − c²), with c = exp(−d / d_corr), at 21 users' own links.

    Links of one site share its field: no better than n = 7 sites × 400 runs independent values are assumed.
    Standard errors: of the slope √((1 − c²) / n), of a standard deviation σ / √(2 n), with the fields' kurtosis.
    """
    seeds = Seeds.of([3] * RUNS, range(RUNS))
    scene, run, people = pair(GRID, seeds, line_of_sight=False)
    bare = StatisticalGains(seeds, people, scene.layout, line_of_sight=False, shadowing=False)
    moved = people.position_m.clone()
    moved[..., 0] += distance_m
    told = shadow(scene, bare, people.position_m)[:1]
    there = shadow(run, bare, moved)
    c = math.exp(-distance_m / D_CORR_M)
    apart = (there - c * told).ravel()
    n = 7 * RUNS
    assert apart.mean() == pytest.approx(0.0, abs=4 * SIGMA_DB * math.sqrt((1 - c * c) / n))
    assert apart.std() == pytest.approx(SIGMA_DB * math.sqrt(1 - c * c), rel=4 / math.sqrt(2 * n) + 0.01)
    slope = (there.mean(axis=0) * told[0]).sum() / (told[0] ** 2).sum()
    assert slope == pytest.approx(c, abs=4 * math.sqrt((1 - c * c) / RUNS))


def shadow(source: StatisticalGains, bare: StatisticalGains, place_m: torch.Tensor) -> np.ndarray:
    """(R, U) dB of each user's site: that around which it was dropped."""
    own = (torch.arange(place_m.shape[1]) % 7 * 3)[None, :, None].expand(len(place_m), -1, 1)
    each = [s.gains(s.layout, place_m) for s in (source, bare)]
    apart = each[0].gain_db[..., 0] - each[1].gain_db[..., 0]
    at = torch.argsort(each[0].cell, dim=2).gather(2, own)
    return apart.gather(2, at)[..., 0].double().numpy()


def losses(
    scenario: Scenario, site_correlation: float = 0.0, sites: int = 7
) -> tuple[np.ndarray, np.ndarray]:
    """(RUNS · U) dB of users' cars: in their scenes, and in a run of each as the mean gain 400 m on shows it.

    There each link has shadowing of its own, of which σ² (1 / 7 + ρ 6 / 7) remains in the mean over 7 sites.
    """
    seeds = Seeds.of(range(RUNS), range(RUNS, 2 * RUNS))
    people, layout = scenario.population(seeds), scenario.layout()
    told = (torch.arange(7) < sites).expand(people.position_m.shape[1], -1)
    how = {"site_correlation": site_correlation, "line_of_sight": False}
    run = ConditionalGains(
        seeds, people, layout, told_sites=told, car_share=scenario.users.car_share,
        **how,  # type: ignore[arg-type]
    )  # fmt: skip
    afoot = replace(people, in_car=torch.zeros_like(people.in_car))
    bare, without = (
        StatisticalGains(seeds, each, layout, shadowing=False, **how)  # type: ignore[arg-type]
        for each in (people, afoot)
    )
    moved = people.position_m + torch.tensor([400.0, 0.0, 0.0])
    mean = [each.gains(layout, moved).gain_db[..., 0].mean(dim=-1).double() for each in (without, bare, run)]
    return (mean[0] - mean[1]).ravel().numpy(), (mean[0] - mean[2]).ravel().numpy()


@pytest.mark.parametrize(("site_correlation", "sites"), [(0.0, 7), (0.5, 7), (0.5, 1)])
def test_the_loss_of_a_car_is_drawn_from_what_the_gains_leave_open(
    site_correlation: float, sites: int
) -> None:
    """All are in cars: a run's loss is N(9, 5²), with covariance 5² (1 − 1 / precision) with the scene's.

    precision = 1 + (σ_car / σ_SF)² (R⁻¹)_SF,SF 1ᵀ C⁻¹ 1, where delay spread (ρ = −0.4) tells of shadowing too.
    """
    scene, seen = losses(CARS, site_correlation, sites)
    alike = sites / (1 + (sites - 1) * site_correlation)
    precision = 1 + (CAR_SIGMA_DB / SIGMA_DB) ** 2 / (1 - 0.4**2) * alike
    variance = CAR_SIGMA_DB**2 + SIGMA_DB**2 * (1 / 7 + site_correlation * 6 / 7)
    n = 7 * RUNS
    assert seen.mean() == pytest.approx(CAR_DB, abs=4 * math.sqrt(variance / n))
    assert seen.var() == pytest.approx(variance, rel=4 * math.sqrt(2 / n) + 0.02)
    covariance = np.cov(seen, scene)[0, 1]
    spread = CAR_SIGMA_DB * math.sqrt(variance / n)
    assert covariance == pytest.approx(CAR_SIGMA_DB**2 * (1 - 1 / precision), abs=4 * spread)


def test_who_is_in_a_car_is_drawn_from_what_the_gains_leave_open() -> None:
    """Three of ten are: the law of the loss is that mixture in scenes and in runs, and the two are exchangeable."""
    share = 0.3
    scene, seen = losses(GRID.changed(users={"car_share": share}))
    n, noise = 7 * RUNS, SIGMA_DB**2 / 7
    mean, variance = share * CAR_DB, share * (CAR_SIGMA_DB**2 + (1 - share) * CAR_DB**2)
    assert scene[scene != 0].mean() == pytest.approx(CAR_DB, abs=4 * CAR_SIGMA_DB / math.sqrt(share * n))
    assert scene[scene != 0].std() == pytest.approx(CAR_SIGMA_DB, rel=4 / math.sqrt(2 * share * n))
    assert seen.mean() == pytest.approx(mean, abs=4 * math.sqrt((variance + noise) / n))
    # The fourth moment of such a mixture is about four times its variance squared: relative error √(3 / n).
    assert seen.var() == pytest.approx(variance + noise, rel=4 * math.sqrt(3 / n) + 0.02)
    odd = scene**2 * seen - scene * (seen**2 - noise)
    assert odd.mean() == pytest.approx(0.0, abs=4 * odd.std() / math.sqrt(n))
    assert 0.3 * variance < np.cov(seen, scene)[0, 1] < 0.95 * variance


def test_next_to_where_a_user_is_its_gains_are_nearly_what_was_told() -> None:
    """Car and shadowing change together: one metre on, only σ √(1 − c²) is new."""
    seeds = Seeds.of([3] * RUNS, range(RUNS))
    people, layout = CARS.population(seeds), CARS.layout()
    scene = StatisticalGains(seeds, people, layout, line_of_sight=False)
    run = ConditionalGains(seeds, people, layout, line_of_sight=False, car_share=1.0)
    bare = StatisticalGains(seeds, people, layout, line_of_sight=False, shadowing=False)
    here = [each.gains(layout, people.position_m).gain_db for each in (run, scene)]
    torch.testing.assert_close(here[0], here[1], rtol=0, atol=1e-4)
    c = math.exp(-1 / D_CORR_M)
    moved = people.position_m + torch.tensor([1.0, 0.0, 0.0])
    apart = shadow(run, bare, moved) - c * shadow(scene, bare, people.position_m)
    # Of what the run's car takes less or more, 1 − c = 2 % is not made up for by shadowing.
    new = SIGMA_DB * math.sqrt(1 - c * c)
    assert apart.std() == pytest.approx(new, rel=4 / math.sqrt(2 * 7 * RUNS) + 0.02)


def test_line_of_sight_lasts_on_the_way_and_is_anybody_s_far_away() -> None:
    """Far away the share of links in sight is that of scenes drawn anew; near by, nearly what was told."""
    seeds = Seeds.of([3] * RUNS, range(RUNS))
    scene, run, people = pair(GRID, seeds)
    told = scene.gains(scene.layout, people.position_m).los[:1]
    near, far = (
        run.gains(run.layout, people.position_m + torch.tensor([d, 0.0, 0.0])).los for d in (2.0, 400.0)
    )
    # Of a standard normal field with correlation c near 1, the state changes with probability of about
    # arccos(c) / π where both states are as likely; other likelihoods make it rarer.
    changed = (near != told).double().mean().item()
    assert 0 < changed < math.acos(math.exp(-3.0 / 50.0)) / math.pi
    anew = Seeds.of(range(1000, 1000 + RUNS))
    others = StatisticalGains(anew, people, scene.layout)
    share = others.gains(others.layout, people.position_m + torch.tensor([400.0, 0.0, 0.0])).los.double()
    spread = math.sqrt(2 * share.mean().item() * (1 - share.mean().item()) / (RUNS * 7))
    assert far.double().mean().item() == pytest.approx(share.mean().item(), abs=4 * spread)
