"""Mobility control: closed forms of filter and boundaries, hand-made events, timers, and what changes nothing."""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import pytest
import torch
from torch import Tensor

from ranvier.dtops.simulator.control.events import (
    Compared,
    a3_entering,
    a3_leaving,
    a5_entering,
    a5_leaving,
    followed,
)
from ranvier.dtops.simulator.control.measurement_filter import coefficient, filtered
from ranvier.dtops.simulator.control.moment import Moment
from ranvier.dtops.simulator.control.settings import A3, A5, ControlSettings, Neighbours, RadioLink
from ranvier.dtops.simulator.control.state import (
    IDLE,
    NOWHERE,
    CellTable,
    ControlEvents,
    ControlState,
    Measured,
    Who,
    fresh_state,
)
from ranvier.dtops.simulator.control.step import control_step
from ranvier.dtops.simulator.control.tally import ControlTally
from ranvier.dtops.simulator.seeds import Seeds

SLOT_S, PERIOD_SLOTS = 1e-3, 40
OFF = -math.inf
UNFILTERED = ControlSettings(filter_k=0)
Sinr = Callable[[ControlState, Tensor, int], Tensor]


def good_sinr(state: ControlState, rsrp_dbm: Tensor, period: int) -> Tensor:
    """20 dB wherever the serving cell is on; links in the order of cells."""
    served = rsrp_dbm.gather(-1, state.serving.clamp(min=0)[..., None])[..., 0]
    return torch.where((state.serving >= 0) & (served > OFF), 20.0, OFF)


@dataclass
class Course:
    """What happened: states and events after each period, and their sums."""

    states: list[ControlState]
    events: list[ControlEvents]
    tally: ControlTally

    def when(self, mask: str, user: int = 0) -> list[int]:
        """Periods in which a mask was true for a user of the first realisation."""
        return [n for n, each in enumerate(self.events) if bool(getattr(each, mask)[0, user])]

    def serving(self, user: int = 0) -> list[int]:
        return [int(each.serving[0, user]) for each in self.states]


def course(
    rsrp_dbm: Tensor,
    settings: ControlSettings,
    sinr: Sinr = good_sinr,
    *,
    offset_db: list[float] | None = None,
    gnb: list[int] | None = None,
    carrier: list[int] | None = None,
    seeds: list[int] | None = None,
    present: Tensor | None = None,
) -> Course:
    """Control through (N, R, U, C) powers, links in the order of cells."""
    periods, realisations, users, count = rsrp_dbm.shape
    cell = torch.arange(count).expand(realisations, users, count)
    cells = CellTable(
        torch.tensor(gnb or list(range(count))),
        torch.tensor(carrier or [0] * count),
        torch.tensor(offset_db or [0.0] * count),
    )
    who = Who(Seeds.of(seeds or list(range(realisations))), torch.arange(users))
    state = fresh_state(cell, len(settings.events))
    found = Course([], [], ControlTally.zeros(realisations, count))
    here = torch.ones((periods, realisations, users), dtype=torch.bool) if present is None else present
    for n in range(periods):
        power = rsrp_dbm[n].to(torch.float32)
        measured = Measured(cell, power, sinr(state, power, n), here[n])
        moment = Moment(n * PERIOD_SLOTS, PERIOD_SLOTS, SLOT_S)
        state, events = control_step(state, measured, cells, settings, moment, who)
        found.tally.add(events)
        found.states.append(state)
        found.events.append(events)
    return found


def powers(*cells: list[float]) -> Tensor:
    """(N, 1, 1, C) from one series a cell."""
    return torch.tensor(cells).T[:, None, None, :]


# Layer-3 filter


@pytest.mark.parametrize("k", [0, 1, 4, 8, 13, 19])
@pytest.mark.parametrize("period_ms", [40, 100, 200])
def test_a_step_is_followed_alike_at_every_sample_rate(k: int, period_ms: int) -> None:
    """F(t) = M₁ + (M₀ − M₁)·(1 − a)^(t/200 ms), with a = 1/2^(k/4), whatever the period; here after 2 s."""
    a = coefficient(k, period_ms * 1e-3)
    value = torch.tensor([-100.0], dtype=torch.float64)
    for _ in range(2000 // period_ms):
        value = filtered(value, torch.tensor([-80.0], dtype=torch.float64), a)
    closed = -80 - 20 * (1 - 2 ** (-k / 4)) ** 10
    assert float(value) == pytest.approx(closed, abs=1e-11)  # 50 additions at 100 dB: 50 · 100 · 2^-53


def test_the_coefficient_is_the_standards_at_200_ms() -> None:
    assert coefficient(4, 0.2) == pytest.approx(0.5, rel=1e-15)


def test_the_first_sample_starts_the_filter_and_a_cell_that_goes_off_ends_it() -> None:
    found = course(powers([-90, OFF, -70, -80], [-95, -95, -95, -95]), ControlSettings())
    a = coefficient(4, 0.04)
    told = [float(state.filtered_dbm[0, 0, 0]) for state in found.states]
    assert told[:3] == [-90, OFF, -70]
    assert told[3] == pytest.approx(-70 - 10 * a, abs=1e-5)  # float32 at 100 dB: 2^-17


def test_a_ramp_is_followed_late_by_one_minus_a_over_a_periods() -> None:
    """Of a ramp the filter lags by (1 − a')/a' periods; here 0.05 dB a period, entering at 3 dB."""
    slope, settings = 0.05, ControlSettings(events=(A3(2, 1, 0),), preparation_ms=0)
    ramp = torch.arange(400, dtype=torch.float64) * slope
    found = course(powers([-80.0] * 400, (-90 + ramp).tolist()), settings)
    a = coefficient(4, 0.04)
    crossing = 13 / slope + (1 - a) / a
    assert found.when("executing") == [math.floor(crossing) + 1]


# Events


def seen(serving: float, neighbour: float) -> Compared:
    mp, mn = torch.full((1, 1, 1), serving), torch.full((1, 1, 1), neighbour)
    return Compared(mp, mp, mn)


@pytest.mark.parametrize(
    ("above_db", "enters", "leaves"),
    [(0.99, False, True), (1.01, False, False), (2.99, False, False), (3.01, True, False)],
)
def test_a3_enters_above_offset_plus_hysteresis_and_leaves_below_offset_minus_hysteresis(
    above_db: float, enters: bool, leaves: bool
) -> None:
    m, event = seen(-90, -90 + above_db), A3(2, 1, 0)
    assert (bool(a3_entering(m, event)), bool(a3_leaving(m, event))) == (enters, leaves)


@pytest.mark.parametrize(
    ("serving", "neighbour", "enters", "leaves"),
    [
        (-111.5, -104.5, True, False), (-110.5, -104.5, False, False), (-108.5, -104.5, False, True),
        (-111.5, -105.5, False, False), (-111.5, -107.5, False, True),
    ],
)  # fmt: skip
def test_a5_needs_both_thresholds_to_enter_and_either_to_leave(
    serving: float, neighbour: float, enters: bool, leaves: bool
) -> None:
    m, event = seen(serving, neighbour), A5(-110, -106, 1, 0)
    assert (bool(a5_entering(m, event)), bool(a5_leaving(m, event))) == (enters, leaves)


def lists(above_db: list[float], time_to_trigger_ms: float) -> list[bool]:
    """Whether the neighbour is in cellsTriggeredList after each sample."""
    event, moment = A3(2, 1, time_to_trigger_ms), Moment(0, PERIOD_SLOTS, SLOT_S)
    run = torch.zeros((1, 1, 1), dtype=torch.int16)
    triggered = torch.zeros((1, 1, 1), dtype=torch.bool)
    told = []
    for above in above_db:
        run, triggered = followed(run, triggered, seen(-90, -90 + above), torch.tensor(True), event, moment)
        told.append(bool(triggered))
    return told


def test_time_to_trigger_counts_whole_periods_after_the_first_sample() -> None:
    assert lists([4] * 6, 0) == [True] * 6
    assert lists([4] * 6, 40) == [False] + [True] * 5
    assert lists([4] * 6, 160) == lists([4] * 6, 130) == [False] * 4 + [True] * 2


def test_a_sample_without_the_condition_starts_the_time_anew() -> None:
    assert lists([4, 4, 2, 4, 4, 4], 80) == [False] * 5 + [True]


def test_a_cell_stays_in_the_list_between_the_thresholds_and_leaves_after_the_time_to_trigger() -> None:
    assert lists([4, 4, 2, 2, 0, 0, 2, 2], 40) == [False, True, True, True, True, False, False, False]
    assert lists([4, 4, 0, 2, 0, 4], 40) == [False] + [True] * 5


def test_either_of_two_events_hands_over() -> None:
    both = replace(UNFILTERED, events=(A3(15, 0, 0), A5(-100, -99, 0, 0)), preparation_ms=0)
    found = course(powers([-90, -101, -101], [-98, -98, -98]), both)
    assert found.when("executing") == [1]


@pytest.mark.parametrize(("neighbours", "expected"), [("same", 1), ("other", 2), ("any", 2)])
def test_events_keep_to_their_carriers(neighbours: Neighbours, expected: int) -> None:
    settings = replace(UNFILTERED, events=(A3(2, 1, 0, neighbours),), preparation_ms=0)
    own, weaker, stronger = [-80.0] * 4, [-90.0] + [-75.0] * 3, [-90.0] + [-70.0] * 3
    found = course(powers(own, weaker, stronger), settings, carrier=[0, 0, 1])
    assert found.serving()[1] == expected


# Handover


def track(metres: Tensor, masts_m: list[float], exponent: float = 3.5, beside_m: float = 50.0) -> Tensor:
    """(N, 1, U, C) powers of masts on a line, at places (N, U) on it: −30 − 10·n·log10(d) dBm."""
    away = torch.hypot(
        metres[..., None] - torch.tensor(masts_m, dtype=torch.float64), torch.tensor(beside_m).double()
    )
    return (-30 - 10 * exponent * torch.log10(away))[:, None]


def crossing(
    masts_m: tuple[float, float], above_db: float, exponent: float = 3.5, beside_m: float = 50.0
) -> float:
    """Where the second of two masts is `above_db` stronger: d₁²/d₂² = 10^(2·above/(10·n)), a quadratic in x."""
    first, second = masts_m
    q = 10 ** (2 * above_db / (10 * exponent))
    a, b = 1 - q, -2 * first + 2 * q * second
    c = first**2 + beside_m**2 - q * (second**2 + beside_m**2)
    if a == 0:
        return -c / b
    root = math.sqrt(b * b - 4 * a * c)
    return next(x for x in ((-b + root) / (2 * a), (-b - root) / (2 * a)) if first < x < second)


def test_a_train_that_passes_three_cells_is_handed_over_once_at_each_derived_place() -> None:
    """Entering at the first period beyond the crossing, 4 periods of time to trigger, 1 of preparation."""
    speed, masts = 83.0, [0.0, 1000.0, 2000.0]
    start, period_s = 100.0, PERIOD_SLOTS * SLOT_S
    periods = round(1800 / speed / period_s)
    places = start + speed * period_s * torch.arange(periods, dtype=torch.float64)[:, None]
    found = course(track(places, masts), UNFILTERED)
    expected = []
    for pair in ((0.0, 1000.0), (1000.0, 2000.0)):
        entering = math.ceil((crossing(pair, 3.0) - start) / (speed * period_s))
        expected.append(entering + 4 + 1)
    assert found.when("executing") == expected
    assert found.tally.successes[0].tolist() == [[0, 1, 0], [0, 0, 1], [0, 0, 0]]
    assert found.tally.failures.sum() == 0
    assert found.tally.ping_pongs.sum() == 0


@pytest.mark.parametrize("more_db", [-6.0, 0.0, 1.5, 6.0])
def test_an_individual_offset_shifts_the_boundary_by_the_derived_distance(more_db: float) -> None:
    """Users 1 m apart between two masts: d₁/d₂ = 10^((Off + Hys − ΔOcn)/(10·n)) divides them."""
    ratio = 10 ** ((3.0 - more_db) / 35)
    boundary = 1000 * ratio / (1 + ratio)
    places = torch.arange(1, 1000, dtype=torch.float64).expand(12, 999)
    power = track(places, [0.0, 1000.0], beside_m=0.0)
    power[0, ..., 1] = OFF  # so that all start in the first cell
    found = course(power, replace(UNFILTERED, minimum_rsrp_dbm=-150.0), offset_db=[0.0, more_db])
    handed = found.states[-1].serving[0] == 1
    assert places[0][handed].tolist() == [x for x in range(1, 1000) if x > boundary]


def test_a_user_cannot_be_scheduled_during_the_interruption() -> None:
    settings = replace(UNFILTERED, events=(A3(2, 1, 0),), preparation_ms=0, interruption_ms=55)
    found = course(powers([-80] * 6, [OFF] * 2 + [-70] * 4), settings)
    assert found.when("executing") == [2]
    assert int(found.states[2].ready_slot) == 80 + 55
    assert found.when("succeeded") == [4]  # the first period that begins after slot 135


def test_handovers_are_counted_within_and_between_base_stations() -> None:
    settings = replace(UNFILTERED, events=(A3(2, 1, 0),))
    away = [-90.0] * 5
    found = course(
        powers([-70.0] * 5 + away * 3, away + [-70.0] * 5 + away * 2, away * 2 + [-70.0] * 10),
        settings, gnb=[0, 0, 1],
    )  # fmt: skip
    within, between = found.tally.split(found.tally.successes, torch.tensor([0, 0, 1]))
    assert within.tolist() == [[1, 0, 0]]
    assert between.tolist() == [[0, 1, 0]]


@pytest.mark.parametrize(("dwell", "count"), [(15, 1), (60, 0)])
def test_a_handover_back_within_a_second_is_a_ping_pong(dwell: int, count: int) -> None:
    one, other = [-70.0] * 10 + [-80.0] * dwell + [-70.0] * 20, [-80.0] * 10 + [-70.0] * dwell + [-80.0] * 20
    found = course(powers(one, other), UNFILTERED)
    assert found.tally.successes[0].tolist() == [[0, 1], [1, 0]]
    assert found.tally.ping_pongs[0].tolist() == [0, count]


def failing(cells: set[int]) -> Sinr:
    """−20 dB in these cells, 20 dB in others."""

    def sinr(state: ControlState, rsrp_dbm: Tensor, period: int) -> Tensor:
        bad = torch.zeros_like(state.serving, dtype=torch.bool)
        for cell in cells:
            bad |= state.serving == cell
        return torch.where(bad, -20.0, good_sinr(state, rsrp_dbm, period))

    return sinr


SWIFT = replace(UNFILTERED, events=(A3(2, 1, 0),), preparation_ms=0)


def test_a_target_too_weak_to_reach_fails_with_t304_and_back_in_the_source_it_was_too_early() -> None:
    third = [-100.0] * 40
    found = course(powers([-75.0] * 6 + [-65.0] * 34, [OFF] * 5 + [-70.0] * 35, third), SWIFT, failing({1}))
    assert found.when("executing") == [5]
    assert found.when("failed") == [5 + math.ceil(500 / 40)]
    assert found.when("too_early") == found.when("failed") == found.when("reestablishing")
    assert found.tally.too_early[0].tolist() == [1, 0, 0]
    assert found.tally.failures[0, 0, 1] == 1
    assert found.tally.reestablishments[0].tolist() == [1, 0, 0]
    assert found.states[-1].serving.item() == 0


def test_after_a_failed_handover_a_third_cell_means_to_the_wrong_cell() -> None:
    rises = [OFF] * 6 + [-60.0] * 34
    found = course(powers([-75.0] * 40, [OFF] * 5 + [-70.0] * 35, rises), SWIFT, failing({1}))
    assert found.tally.to_wrong_cell[0].tolist() == [1, 0, 0]
    assert found.states[-1].serving.item() == 2


def test_a_link_that_fails_long_after_its_handover_means_too_late_if_another_cell_takes_the_user() -> None:
    slow = replace(SWIFT, events=(A3(2, 1, 5120),))
    found = course(powers([-75.0] * 40, [-76.0] * 2 + [-60.0] * 38), slow, failing({0}))
    assert found.tally.too_late[0].tolist() == [1, 0]
    assert found.tally.link_failures[0].tolist() == [1, 0]
    assert found.states[-1].serving.item() == 1


@pytest.mark.parametrize(("soon_ms", "early"), [(3000, 1), (500, 0)])
def test_a_link_that_fails_soon_after_its_handover_and_is_taken_back_means_too_early(
    soon_ms: float, early: int
) -> None:
    """Otherwise the cell was kept too long. The link fails T310 after the SINR dropped in the new cell."""

    def sinr(state: ControlState, rsrp_dbm: Tensor, period: int) -> Tensor:
        return failing({1} if period > 6 else set())(state, rsrp_dbm, period)

    power = powers([-75.0] * 8 + [-60.0] * 40, [OFF] * 4 + [-70.0] * 44)
    found = course(power, replace(SWIFT, soon_ms=soon_ms), sinr)
    assert found.when("succeeded")[0] == 5
    assert found.when("link_failed") == [7 + 25]
    assert found.tally.too_early[0].tolist() == [early, 0]
    assert found.tally.too_late[0].tolist() == [0, 1 - early]


def test_no_report_passes_a_link_below_q_out() -> None:
    found = course(powers([-75.0] * 10, [-76.0] + [-60.0] * 9), SWIFT, failing({0}))
    assert found.tally.preparations.sum() == 0


def test_a_target_that_goes_off_during_preparation_ends_it() -> None:
    settings = replace(SWIFT, preparation_ms=80)
    found = course(powers([-75.0] * 10, [OFF] * 2 + [-60.0] * 2 + [OFF] * 6), settings)
    assert found.when("preparing") == [2]
    assert found.when("executing") == []
    assert found.states[-1].serving.item() == 0


# Radio links


def dipping(series: list[float]) -> Sinr:
    def sinr(state: ControlState, rsrp_dbm: Tensor, period: int) -> Tensor:
        value = torch.full_like(rsrp_dbm[..., 0], series[min(period, len(series) - 1)])
        return torch.where(state.serving >= 0, value, OFF)

    return sinr


def test_a_link_fails_when_t310_expires() -> None:
    found = course(powers([-80.0] * 60), UNFILTERED, dipping([0.0] * 10 + [-9.0] * 50))
    assert found.when("link_failed")[0] == 10 + 1000 // 40
    assert found.when("reestablishing")[0] == 10 + 1000 // 40


def test_n310_delays_the_start_of_t310_by_whole_periods() -> None:
    settings = replace(UNFILTERED, radio_link=RadioLink(n310=6))  # 6 indications of 20 ms: 3 periods
    found = course(powers([-80.0] * 60), settings, dipping([0.0] * 10 + [-9.0] * 50))
    assert found.when("link_failed")[0] == 12 + 25


def test_recovery_above_q_in_stops_t310_and_in_between_does_not() -> None:
    saved = course(powers([-80.0] * 60), UNFILTERED, dipping([0.0] * 10 + [-9.0] * 20 + [-5.0] + [-7.0] * 29))
    lost = course(powers([-80.0] * 60), UNFILTERED, dipping([0.0] * 10 + [-9.0] * 20 + [-7.0] * 30))
    assert saved.when("link_failed") == []
    assert lost.when("link_failed") == [35]


def test_n311_needs_in_sync_indications_in_succession() -> None:
    settings = replace(UNFILTERED, radio_link=RadioLink(n311=4))  # 2 periods
    broken = [0.0] * 5 + [-9.0] * 10 + [-5.0, -9.0] * 8 + [-9.0] * 5
    found = course(powers([-80.0] * 36), settings, dipping(broken))
    assert found.when("link_failed") == [30]


def test_a_user_out_of_coverage_goes_idle_after_t311_and_attaches_when_a_cell_is_suitable_again() -> None:
    gone = [-80.0] * 5 + [OFF] * 110 + [-80.0] * 5
    found = course(powers(gone), UNFILTERED)
    failed, idle = 5 + 25, 5 + 25 + 75
    assert found.when("link_failed") == [failed]
    assert found.when("detached") == [idle]
    assert found.when("attached") == [0, 115]
    assert found.tally.detached.tolist() == [[1.0]]


def test_a_refused_reestablishment_leaves_the_user_idle_when_t301_expires() -> None:
    found = course(powers([-80.0] * 90), UNFILTERED, dipping([0.0] * 5 + [-20.0] * 85))
    assert found.when("reestablishing")[0] == 30
    assert found.when("detached")[0] == 30 + 25
    assert found.tally.reestablished.sum() == 0


def test_when_all_cells_go_off_everyone_is_detached_and_nothing_is_undefined() -> None:
    torch.manual_seed(1)
    power = -90 + 10 * torch.randn(130, 2, 40, 7)
    power[10:] = OFF
    found = course(power, ControlSettings())
    assert bool((found.states[-1].serving == NOWHERE).all())
    assert bool((found.states[-1].phase == IDLE).all())
    assert not bool(torch.isnan(found.states[-1].filtered_dbm).any())
    assert found.tally.detached.sum() == 80


def test_nobody_attaches_below_the_minimum() -> None:
    found = course(powers([-120.0, -119.9]), UNFILTERED)
    assert found.serving() == [NOWHERE, 0]


def test_who_leaves_during_a_handover_is_forgotten_and_comes_back_as_somebody_else() -> None:
    here = torch.tensor([True] * 4 + [False] * 3 + [True] * 5)[:, None, None]
    one, other = [-75.0] * 7 + [-100.0] * 5, [OFF] * 2 + [-70.0] * 5 + [-80.0] * 5
    settings = replace(SWIFT, filter_k=8, preparation_ms=200)
    found = course(powers(one, other), settings, present=here)
    assert found.when("preparing") == [2]
    assert (found.when("left"), found.when("arrived")) == ([4], [0, 7])
    assert found.serving() == [0] * 4 + [NOWHERE] * 3 + [1] * 5
    assert found.tally.left[0].tolist() == [1, 0]
    assert found.tally.attached[0].tolist() == [1, 1]
    assert found.tally.executions.sum() == 0
    assert found.states[7].filtered_dbm[0, 0].tolist() == [-100, -80]


# What changes nothing


def wandering(realisations: int = 3, users: int = 60, count: int = 9, periods: int = 80) -> Tensor:
    torch.manual_seed(5)
    walk = torch.cumsum(1.5 * torch.randn(periods, realisations, users, count), dim=0)
    return torch.round((-95 + 8 * torch.randn(realisations, users, count) + walk) * 2) / 2  # ties are many


def rough(state: ControlState, rsrp_dbm: Tensor, period: int) -> Tensor:
    """The serving power over that of the strongest other cell: often below Q_out."""
    own = rsrp_dbm.gather(-1, state.serving.clamp(min=0)[..., None])
    other = rsrp_dbm.scatter(-1, state.serving.clamp(min=0)[..., None], OFF).amax(dim=-1)
    return torch.where(state.serving >= 0, own[..., 0] - other, OFF)


NOISY = ControlSettings(measurement_error_db=1.0, events=(A3(), A5(-95, -92)))


def same(one: ControlState, other: ControlState, but: tuple[str, ...] = ()) -> list[str]:
    return [
        each.name
        for each in fields(ControlState)
        if each.name not in but and not torch.equal(getattr(one, each.name), getattr(other, each.name))
    ]


def test_the_world_of_these_tests_is_eventful() -> None:
    tally = course(wandering(), NOISY, rough).tally
    for name in ("successes", "link_failures", "reestablished", "too_late", "ping_pongs"):
        assert getattr(tally, name).sum() > 0, name


def test_realisations_do_not_depend_on_the_batch() -> None:
    together = course(wandering(), NOISY, rough).states[-1]
    for r in range(3):
        alone = course(wandering()[:, r : r + 1], NOISY, rough, seeds=[r]).states[-1]
        part = ControlState(
            **{each.name: getattr(together, each.name)[r : r + 1] for each in fields(ControlState)}
        )
        assert same(alone, part) == []


def test_the_order_of_links_changes_nothing_even_where_cells_are_equally_strong() -> None:
    """Each period every user's links come in another order, at times without the weakest cell."""
    power = wandering()
    ordered = course(power, NOISY, rough)
    periods, realisations, users, count = power.shape
    cells = CellTable(torch.arange(count), torch.zeros(count, dtype=torch.int64), torch.zeros(count))
    who = Who(Seeds.of([0, 1, 2]), torch.arange(users))
    state = fresh_state(torch.arange(count).expand(realisations, users, count), 2)
    torch.manual_seed(9)
    for n in range(periods):
        cell = torch.rand(realisations, users, count).argsort(dim=-1)
        measured = Measured(
            cell,
            power[n].gather(-1, cell),
            rough(state, power[n], n),
            torch.ones(realisations, users, dtype=torch.bool),
        )
        state, _ = control_step(state, measured, cells, NOISY, Moment(n * 40, 40, SLOT_S), who)
    assert same(state, ordered.states[-1], but=("cell", "filtered_dbm", "run", "triggered")) == []
    back = state.cell.long().argsort(dim=-1)
    assert torch.equal(state.filtered_dbm.gather(-1, back), ordered.states[-1].filtered_dbm)
    assert torch.equal(state.run[:, 0].gather(-1, back), ordered.states[-1].run[:, 0])


def test_a_cell_that_leaves_the_list_is_forgotten_and_others_are_kept() -> None:
    cells = CellTable(torch.arange(3), torch.zeros(3, dtype=torch.int64), torch.zeros(3))
    who, present = Who(Seeds.of([1]), torch.arange(1)), torch.ones(1, 1, dtype=torch.bool)
    state = fresh_state(torch.tensor([[[0, 1]]]), 1)
    lists_ = [([0, 1], [-80, -90]), ([2, 0], [-95, -70]), ([1, 0], [-60, -70]), ([-1, 0], [OFF, -70])]
    told = []
    for n, (cell, rsrp) in enumerate(lists_):
        measured = Measured(
            torch.tensor([[cell]]), torch.tensor([[rsrp]]).float(), torch.full((1, 1), 20.0), present
        )
        state, _ = control_step(state, measured, cells, ControlSettings(), Moment(n * 40, 40, SLOT_S), who)
        told.append(state.filtered_dbm[0, 0].tolist())
    a = coefficient(4, 0.04)
    kept = -80 + 10 * a
    assert told[1] == pytest.approx([-95, kept], abs=1e-4)
    assert told[2] == pytest.approx([-60, kept + (-70 - kept) * a], abs=1e-4)
    assert told[3][0] == OFF


def test_a_step_alters_none_of_its_arguments_and_keeps_none_of_them() -> None:
    power = wandering(1, 10, 5, 1)
    cell = torch.arange(5).expand(1, 10, 5).clone()
    cells = CellTable(torch.arange(5), torch.zeros(5, dtype=torch.int64), torch.zeros(5))
    who = Who(Seeds.of([0]), torch.arange(10))
    state = fresh_state(cell, 1)
    before = ControlState(**{each.name: getattr(state, each.name).clone() for each in fields(ControlState)})
    measured = Measured(cell, power[0].clone(), torch.full((1, 10), OFF), torch.ones(1, 10, dtype=torch.bool))
    after, _ = control_step(state, measured, cells, ControlSettings(), Moment(0, 40, SLOT_S), who)
    assert same(state, before) == []
    copy = ControlState(**{each.name: getattr(after, each.name).clone() for each in fields(ControlState)})
    cell.fill_(-1)
    measured.present.fill_(False)
    measured.rsrp_dbm.fill_(0)
    assert same(after, copy) == []


def test_the_error_of_measurements_has_its_spread_and_is_drawn_for_each_cell_and_period() -> None:
    """5,760 draws: the standard error of a standard deviation is σ/√(2n) = 0.93 %; within four of them."""
    settings = replace(UNFILTERED, measurement_error_db=2.0, events=())
    found = course(torch.full((8, 2, 40, 9), -80.0), settings)
    drawn = torch.stack([each.filtered_dbm for each in found.states]).double() + 80
    assert len(drawn.unique()) > 5_700
    assert float(drawn.std()) == pytest.approx(2.0, rel=4 / math.sqrt(2 * drawn.numel()))
