"""Whole runs: reproducible bit for bit, conserving bits, sane at the extremes, and paired under interventions."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from llvmlite.binding import get_host_cpu_name

from ranvier.dtops.simulator.deployment.free_sites import FreeSites, Site
from ranvier.dtops.simulator.deployment.hexagonal_grid import HexagonalGrid
from ranvier.dtops.simulator.intervention import Intervention
from ranvier.dtops.simulator.kpis import network_kpis
from ranvier.dtops.simulator.output.run_folder import digest
from ranvier.dtops.simulator.propagation.statistical_gains import StatisticalGains
from ranvier.dtops.simulator.run_state import RunState
from ranvier.dtops.simulator.scenario import Scenario, parse
from ranvier.dtops.simulator.scenario_file import load_scenario
from ranvier.dtops.simulator.seeds import Seeds
from ranvier.dtops.simulator.simulator import Period, Simulator
from ranvier.ontology.errors import InputError
from tests.physics.simulator.far_device import FAR, FarDevice

MIX = [
    {"share": 0.4, "service": {"kind": "ftp3", "files_per_s": 2}},
    {"share": 0.2, "service": {"kind": "web", "pages_per_s": 1}},
    {"share": 0.2, "service": {"kind": "voice"}},
    {"share": 0.1, "service": {"kind": "xr", "bit_s": 4e6}},
    {"share": 0.1, "service": {"kind": "full_buffer"}},
]
SMALL = parse({
    "name": "small", "deployment": {"kind": "hexagonal_grid", "sites": 7}, "traffic": MIX,
    "users": {"per_cell": 3, "indoor_share": 0.3, "speed_kmh": 60}, "granularity_s": 0.2,
})  # fmt: skip
SLOTS = 400
GOLDEN = Path(__file__).with_name("golden_digests.json")


def finished(
    scenario: Scenario, seeds: Seeds, slots: int = SLOTS, pieces: int = 1, **how: object
) -> tuple[Period, RunState]:
    run = Simulator(scenario, seeds, **how)  # type: ignore[arg-type]
    state = run.start()
    for _ in range(pieces):
        for _ in run.blocks(state, slots // pieces):
            pass
    return run.period(state), state


def same(a: Period, b: Period, r: tuple[int, int] | None = None) -> bool:
    """Equal in every sum; with `r`, realisation r[0] of one with r[1] of the other."""
    pairs = [(a.tallies.cells, b.tallies.cells), (a.tallies.users, b.tallies.users), (a.control, b.control)]
    for x, y in pairs:
        for each in fields(x):
            left, right = getattr(x, each.name), getattr(y, each.name)
            if r is not None:
                left, right = left[r[0]], right[r[1]]
            if not torch.equal(left, right):
                return False
    return True


@pytest.fixture(scope="module")
def whole() -> tuple[Period, RunState]:
    return finished(SMALL, Seeds.of([3, 4]), threads=1)


def test_a_run_is_the_same_whatever_the_number_of_threads(whole: tuple[Period, RunState]) -> None:
    assert same(whole[0], finished(SMALL, Seeds.of([3, 4]), threads=2)[0])


def test_a_realisation_is_the_same_alone_and_in_any_batch(whole: tuple[Period, RunState]) -> None:
    alone, _ = finished(SMALL, Seeds.of([4]))
    assert same(whole[0], alone, (1, 0))
    batch, _ = finished(SMALL, Seeds.of([9, 4, 3]))
    assert same(whole[0], batch, (1, 1))
    assert same(whole[0], batch, (0, 2))


@pytest.mark.parametrize("pieces", [4, 25, 400])
def test_a_run_is_the_same_in_however_many_pieces(whole: tuple[Period, RunState], pieces: int) -> None:
    assert same(whole[0], finished(SMALL, Seeds.of([3, 4]), pieces=pieces)[0])


def test_a_state_put_away_goes_on_as_if_nothing_had_been(whole: tuple[Period, RunState]) -> None:
    run = Simulator(SMALL, Seeds.of([3, 4]))
    state = run.start()
    for _ in run.blocks(state, 150):
        pass
    state = RunState.from_bytes(state.to_bytes())
    run = Simulator(SMALL, Seeds.of([3, 4]))
    for _ in run.blocks(state, SLOTS - 150):
        pass
    assert same(whole[0], run.period(state))


def test_another_seed_is_another_run(whole: tuple[Period, RunState]) -> None:
    assert not same(whole[0], finished(SMALL, Seeds.of([5, 6]))[0])


def test_the_golden_digest(whole: tuple[Period, RunState]) -> None:
    """Guards refactors. A change of the model changes it: say so in the changelog, and write the new one down.

    Transcendental functions differ in the last bit between processors, and kernels are compiled for the one at
    hand, so there is a digest for each kind.
    """
    golden = json.loads(GOLDEN.read_text())
    processor = get_host_cpu_name()
    if processor not in golden:
        pytest.skip(f"no golden digest for {processor}: this one is {digest(whole[0], '')}")
    assert digest(whole[0], "") == golden[processor]


def test_bits_are_conserved(whole: tuple[Period, RunState]) -> None:
    """offered = delivered + lost + queued + in flight, exactly, for every user with every service and option."""
    _, state = whole
    s = state.slots
    assert torch.equal(s.offered, s.delivered + s.lost + s.waiting() + s.in_flight())
    assert int(s.delivered.sum()) > 0
    users = whole[0].tallies.users
    assert torch.equal(users.delivered_bits, s.delivered.double())


def test_a_step_leaves_the_state_it_was_given_alone() -> None:
    run = Simulator(SMALL, Seeds.of([3]))
    state = run.start()
    for _ in run.blocks(state, 80):
        pass
    before = state.to_bytes()
    after, kpis = run.step(state, [Intervention(80, "power_dbm", 30.0)], slots=40)
    assert state.to_bytes() == before
    assert after.slot == 120
    assert torch.isfinite(kpis.prb_percent).all()
    again, _ = run.step(state, [Intervention(80, "power_dbm", 30.0)], slots=40)
    assert torch.equal(again.slots.delivered, after.slots.delivered)


def test_compiled_kernels_are_refused_for_another_device_than_a_processor() -> None:
    with pytest.raises(InputError, match="choose the backend torch"):
        Simulator(SMALL, Seeds.of([1]), device="cuda")


def test_a_device_that_is_not_there_refuses_what_lies_elsewhere() -> None:
    with FarDevice():
        there = torch.ones(3, device=FAR)
        assert (there + torch.ones(3, device=FAR)).sum().item() == 6
        with pytest.raises(RuntimeError, match="on the processor"):
            there + torch.ones(3)


def test_a_run_on_another_device_has_all_it_needs_there() -> None:
    """Bit for bit what the same form gives on a processor, with every service, moves and interventions."""
    changes = (
        Intervention(10, "power_dbm", 40.0, ("site-2-1",)),
        Intervention(20, "demand", 2.0, ("site-1-2", "site-1-3")),
        Intervention(30, "on", 0.0, ("site-1-1",)),
    )

    def found(**how: str) -> Period:
        run = Simulator(SMALL.changed(energy={}), Seeds.of([3]), backend="torch", trace_users=True, **how)
        state = run.start()
        for _ in run.blocks(state, 36, changes):
            pass
        return run.period(state)

    with FarDevice():
        far = found(device=FAR)
    assert same(far, found())
    assert float(far.control.attached.sum()) > 0


def test_steps_make_the_run() -> None:
    run = Simulator(SMALL, Seeds.of([3]))
    state = run.start()
    for _ in range(4):
        state, _ = run.step(state, slots=50)
    assert torch.equal(state.slots.delivered, finished(SMALL, Seeds.of([3]), slots=200)[1].slots.delivered)


# ---------------------------------------------------------------- interventions and common random numbers
def paired(scenario: Scenario, seeds: range, interventions: tuple[Intervention, ...]) -> np.ndarray:
    run = Simulator(scenario, Seeds.of([7] * len(seeds), list(seeds)))
    state = run.start()
    for _ in run.blocks(state, 1200, interventions):
        pass
    return network_kpis(run.period(state).tallies.cells, run.carrier.slot_s)["active_users"].numpy()


def test_common_random_numbers_hold_when_an_intervention_changes_who_serves_whom() -> None:
    """The paired difference varies less than that of independent runs, by far; users change cell, draws do not."""
    cells = tuple(f"site-1-{i}" for i in (1, 2, 3))
    changes = (Intervention(200, "power_dbm", 30.0, cells),)
    scenario = load_scenario("uma-21")
    base = paired(scenario, range(12), ())
    tried = paired(scenario, range(12), changes)
    apart = paired(scenario, range(100, 112), changes)
    factor = (base.var(ddof=1) + apart.var(ddof=1)) / (tried - base).var(ddof=1)
    print(f"variance of the difference: {factor:.1f} times smaller in pairs")
    # The ratio of two sample variances of 12 and 24 draws exceeds 3.4 by chance in one of 1,000 cases (F test).
    assert factor > 3.4
    moved = Simulator(scenario, Seeds.of([7], [0]))
    states = []
    for interventions in ((), changes):
        state = moved.start()
        for _ in moved.blocks(state, 1200, interventions):
            pass
        states.append(state)
    assert not torch.equal(states[0].control.serving, states[1].control.serving)
    assert torch.equal(states[0].slots.arrived, states[1].slots.arrived)


def test_an_intervention_takes_effect_at_its_slot() -> None:
    run = Simulator(SMALL, Seeds.of([3]))

    def prbs(*interventions: Intervention) -> torch.Tensor:
        state = run.start()
        return torch.cat([each.traces.cell_prbs[0] for each in run.blocks(state, 160, interventions)], dim=1)

    base = prbs()
    busiest = int(base[:, 90:].sum(dim=1).argmax())
    off = prbs(Intervention(117, "on", 0.0, (run.layout.cells.ids[busiest],)))
    assert torch.equal(off[:, :117], base[:, :117])
    assert off[busiest, 117:].sum() == 0
    assert base[busiest, 117:].sum() > 0


# ---------------------------------------------------------------- extremes
def test_no_traffic_uses_nothing() -> None:
    period, _ = finished(SMALL.changed(traffic=()), Seeds.of([1]), slots=120)
    assert period.tallies.cells.prb_used.sum() == 0
    assert period.tallies.cells.connected_users.sum() > 0


def test_all_cells_off_serve_nobody_and_lose_nothing_unaccounted() -> None:
    off = SMALL.changed(interventions=(Intervention(0, "on", 0.0),))
    period, state = finished(off, Seeds.of([1]), slots=120)
    assert period.tallies.cells.connected_users.sum() == 0
    assert period.tallies.cells.prb_available.sum() == 0
    s = state.slots
    assert torch.equal(s.offered, s.delivered + s.lost + s.waiting() + s.in_flight())


def test_one_cell_and_one_user_near_the_mast_reach_the_highest_rate() -> None:
    """Full buffer, two layers of MCS 27 on all PRBs: the table's transport block in every slot but those lost."""
    scenario = load_scenario("one-cell").changed(
        users={"total": 1, "minimum_distance_m": 0.0},
        deployment=FreeSites((Site("mast", 0.0, 0.0, 25.0, (0.0,)),), margin_m=60.0),
        link={"fading": False},
    )
    run = Simulator(scenario, Seeds.of([1, 2]))
    state = run.start()
    for _ in run.blocks(state, 400):
        pass
    delivered = run.period(state).tallies.users.delivered_bits
    from ranvier.dtops.simulator.link.tables import link_tables

    most = int(link_tables(run.carrier.prbs).transport_bits[1, 27, run.carrier.prbs])
    # The first report comes by slot 24, the last acknowledgements take 4; the outer loop overreaches at 10 %.
    assert float(delivered.max()) > 0.8 * most * (400 - 48)
    assert float(delivered.max()) <= most * 400


def test_a_user_at_the_mast_is_served() -> None:
    scenario = load_scenario("one-cell").changed(
        users={"total": 1, "minimum_distance_m": 0.0},
        deployment=FreeSites((Site("mast", 0.0, 0.0, 25.0, ()),), margin_m=0.5),
    )
    period, _ = finished(scenario, Seeds.of([1]), slots=200)
    assert period.tallies.users.delivered_bits.sum() > 0


def test_a_train_is_handed_over_along_its_line() -> None:
    """Without shadowing cells change at masts and half-way, 866 m apart; at 350 km/h 16 s are 1,556 m.

    One element only: an array's nulls near the mast would let a farther cell in between.
    """
    scenario = load_scenario("railway").changed(users={"total": 6}, antenna={"rows": 1}, granularity_s=1.0)
    seeds = Seeds.of([1])
    people, layout = scenario.population(seeds), scenario.layout()
    plain = StatisticalGains(seeds, people, layout, line_of_sight=True, shadowing=False)
    period, _ = finished(scenario, seeds, slots=16_000, population=people, source=plain)
    assert 6 * 1 <= period.control.successes.sum() <= 6 * 2
    assert period.control.link_failures.sum() == 0


# ---------------------------------------------------------------- invariances
def test_turning_the_whole_deployment_changes_nothing_but_places() -> None:
    """Turned by 60 degrees a hexagonal grid lies on itself; one site alone, turned with its users, is the same."""
    plan = replace(HexagonalGrid(sites=7), turn_deg=60.0).plan()
    base = HexagonalGrid(sites=7).plan()
    distances = np.linalg.norm(plan.position_m[:, None] - base.position_m, axis=2)
    assert np.allclose(distances.min(axis=1), 0, atol=1e-6)


def test_renaming_cells_changes_nothing_but_names() -> None:
    sites = tuple(Site(f"s{i}", 400.0 * i, 0.0) for i in range(3))
    scenario = SMALL.changed(deployment=FreeSites(sites), users={"total": 20})
    run = Simulator(scenario, Seeds.of([3]))
    renamed = replace(run.layout, cells=replace(run.layout.cells, ids=tuple(f"x{i}" for i in range(9))))
    again = Simulator(scenario, Seeds.of([3]), layout=renamed)
    periods = []
    for each in (run, again):
        state = each.start()
        for _ in each.blocks(state, 200):
            pass
        periods.append(each.period(state))
    assert same(*periods)


def test_users_fare_the_same_whoever_else_is_listed_before_them() -> None:
    scenario = SMALL.changed(
        deployment=FreeSites((Site("a", 0.0, 0.0), Site("b", 500.0, 0.0))), users={"total": 12}
    )
    seeds = Seeds.of([3])
    people = scenario.population(seeds)
    turned = torch.arange(len(people) - 1, -1, -1)
    other = type(people)(
        **{
            name: getattr(people, name)[turned]
            if getattr(people, name).dim() == 1
            else getattr(people, name)[:, turned]
            for name in type(people).__slots__
        }
    )
    one, _ = finished(scenario, seeds, slots=240, population=people)
    two, _ = finished(scenario, seeds, slots=240, population=other)
    assert torch.equal(one.tallies.users.delivered_bits, two.tallies.users.delivered_bits[:, turned])
    assert torch.equal(one.tallies.cells.prb_used, two.tallies.cells.prb_used)
