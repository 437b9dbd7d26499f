"""Sessions: Poisson arrivals, the mean of an Engset system, and draws that are each user's own."""

import math

import pytest
import torch

from ranvier.dtops.simulator.control.moment import Moment
from ranvier.dtops.simulator.control.sessions import (
    SessionEvents,
    SessionState,
    expected,
    fresh_sessions,
    session_step,
)
from ranvier.dtops.simulator.control.settings import Sessions
from ranvier.dtops.simulator.control.state import NEVER, Who
from ranvier.dtops.simulator.seeds import Seeds

PERIOD_SLOTS, SLOT_S = 40, 1e-3
PERIOD_S = PERIOD_SLOTS * SLOT_S


def moment(period: int) -> Moment:
    return Moment(period * PERIOD_SLOTS, PERIOD_SLOTS, SLOT_S)


def run(
    settings: Sessions, seeds: list[int], keys: torch.Tensor, periods: int, present: bool = False
) -> tuple[list[SessionState], list[SessionEvents]]:
    who = Who(Seeds.of(seeds), keys)
    state = fresh_sessions(torch.full((len(seeds), len(keys)), present), settings, moment(0), who)
    states, events = [], []
    for n in range(periods):
        state, happened = session_step(state, settings, moment(n), who)
        states.append(state)
        events.append(happened)
    return states, events


def test_arrivals_are_poisson_while_few_places_are_taken() -> None:
    """Counts of 60 s at 20/s, lost where a place is taken (ρ/(1+ρ) = 0.5 %): mean and index of dispersion.

    Within four standard errors: √1200 of the sum; √(2/59) of the variance over the mean of 60 seconds.
    """
    settings = Sessions(arrivals_per_s=20.0, holding_s=0.5)
    _, events = run(settings, [3], torch.arange(2000), 1500)
    counts = torch.stack([each.arrived.sum() for each in events]).view(60, 25).sum(dim=1).double()
    rho = 20 * 0.5 / 2000
    assert float(counts.sum()) == pytest.approx(1200 / (1 + rho), abs=4 * math.sqrt(1200))
    assert float(counts.var() / counts.mean()) == pytest.approx(1.0, abs=4 * math.sqrt(2 / 59))


@pytest.mark.parametrize("load", [0.25, 1.0, 3.0])
def test_the_mean_number_of_users_is_that_of_an_engset_system(load: float) -> None:
    """p = on/(on + off), where times end with a period: on = T/(1 − e^(−T/h)), off = T/(1 − e^(−Tλ/U)).

    A place's presence has the correlation time 1/(1/h + λ/U), so that over t seconds and n places the
    variance of the mean is 2·p·(1 − p)/((1/h + λ/U)·t·n); within four standard errors, after 10 h.
    """
    holding_s, places, seeds, periods = 1.0, 400, 5, 1500
    each = load / holding_s
    states, _ = run(Sessions(each * places, holding_s), list(range(seeds)), torch.arange(places), periods)
    counted = torch.stack([state.present.double().mean() for state in states[250:]])
    on = PERIOD_S / -math.expm1(-PERIOD_S / holding_s)
    off = PERIOD_S / -math.expm1(-PERIOD_S * each)
    mean = on / (on + off)
    variance = 2 * mean * (1 - mean) / ((1 / holding_s + each) * (periods - 250) * PERIOD_S * places * seeds)
    assert float(counted.mean()) == pytest.approx(mean, abs=4 * math.sqrt(variance))
    assert mean == pytest.approx(load / (1 + load), abs=0.01)  # the same in continuous time


def test_sessions_have_no_memory_of_when_they_began() -> None:
    """Of 2,000 users who are there at the start e^(−t/h) remain after t: at t = h, within four s.e."""
    settings = Sessions(arrivals_per_s=0.0, holding_s=2.0)
    states, _ = run(settings, [1], torch.arange(2000), 51, present=True)
    left = float(states[50].present.double().mean())
    assert left == pytest.approx(math.exp(-1), abs=4 * math.sqrt(math.exp(-1) * (1 - math.exp(-1)) / 2000))


def test_the_draws_of_a_user_depend_on_nobody_else() -> None:
    settings = Sessions(arrivals_per_s=60.0, holding_s=1.0)
    keys = torch.arange(60) * 7919
    states, _ = run(settings, [1, 2, 3], keys, 200)
    alone, _ = run(settings, [2], keys, 200)
    order = torch.randperm(60, generator=torch.Generator().manual_seed(1))
    shuffled, _ = run(settings, [1, 2, 3], keys[order], 200)
    fewer, _ = run(Sessions(20.0, 1.0), [1, 2, 3], keys[:20], 200)  # λ/U as before
    last = states[-1]
    assert int(last.number.max()) > 2
    for name in ("present", "number", "leaves", "arrives"):
        whole = getattr(last, name)
        assert torch.equal(getattr(alone[-1], name)[0], whole[1])
        assert torch.equal(getattr(shuffled[-1], name), whole[:, order])
        assert torch.equal(getattr(fewer[-1], name), whole[:, :20])


def test_nobody_leaves_and_arrives_at_once_and_each_arrival_has_a_number_of_its_own() -> None:
    states, events = run(Sessions(500.0, 0.05), [1], torch.arange(50), 100)
    arrivals = torch.stack([each.arrived for each in events]).sum(dim=0)
    assert torch.equal(states[-1].number, arrivals)
    assert not any(bool((each.arrived & each.left).any()) for each in events)


def test_expected_arrivals_are_the_integral_of_the_hourly_factors_over_midnight() -> None:
    hourly = tuple(float(hour % 5) for hour in range(24))
    settings = Sessions(arrivals_per_s=10.0, holding_s=1.0, hourly=hourly, start_hour=21.25)
    steps = torch.arange(30 * 3600) / 3600 + 21.25 + 0.5 / 3600
    summed = torch.tensor(hourly, dtype=torch.float64)[(steps % 24).long()].sum()
    assert expected(settings, 30 * 3600.0, 100) == pytest.approx(float(summed) * 10 / 100, rel=1e-9)


def test_no_arrivals_in_an_hour_whose_factor_is_zero() -> None:
    hourly = (0.0,) * 12 + (1.0,) * 12
    _, events = run(Sessions(50.0, 1.0, hourly, start_hour=12 - 2 / 3600), [1], torch.arange(100), 100)
    counts = [int(each.arrived.sum()) for each in events]
    assert sum(counts[:50]) == 0
    assert sum(counts[51:]) > 0  # 98 expected: none has a probability of e^-98


def test_without_sessions_who_is_here_stays() -> None:
    who, present = Who(Seeds.of([1]), torch.arange(4)), torch.tensor([[True, False, True, False]])
    state = fresh_sessions(present, None, moment(0), who)
    state, events = session_step(state, None, moment(10**6), who)
    assert torch.equal(state.present, present)
    assert not bool((events.arrived | events.left).any())
    assert bool((state.leaves == NEVER).all())
