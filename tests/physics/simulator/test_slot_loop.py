"""The slot loop: schedulers' shares, queues' limits, HARQ and the outer loop, interference, and its two forms."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from ranvier.dtops.scoring.equivalence import tost
from ranvier.dtops.simulator.carrier import Carrier
from ranvier.dtops.simulator.kpis import network_kpis
from ranvier.dtops.simulator.layout import SCHEDULERS
from ranvier.dtops.simulator.link.noise import prb_noise_mw
from ranvier.dtops.simulator.link.tables import link_tables
from ranvier.dtops.simulator.scenario_file import load_scenario
from ranvier.dtops.simulator.seeds import Seeds
from ranvier.dtops.simulator.simulator import Simulator
from ranvier.dtops.simulator.slots.backend import slot_loop
from ranvier.dtops.simulator.slots.serving_change import detached, handed_over
from ranvier.dtops.simulator.slots.state import (
    BlockInputs,
    BlockTraces,
    Radio,
    SlotSettings,
    SlotState,
    Tallies,
    fresh_state,
)
from ranvier.dtops.simulator.tally import CellTally, UserTally

CARRIER = Carrier()
NOISE_MW = prb_noise_mw(CARRIER)
BLOCK = 40


class Bench:
    """Cells whose users hear their own cell at given SNRs in dB, and all others at `others_db`."""

    def __init__(
        self, snr_db: list[list[float]], settings: SlotSettings, *, scheduler: str = "proportional_fair",
        others_db: float = -60.0, full_buffer: bool = True, seeds: tuple[int, ...] = (1,),
    ) -> None:  # fmt: skip
        self.settings = settings
        cell = [c for c, users in enumerate(snr_db) for _ in users]
        snr = torch.tensor([each for users in snr_db for each in users])
        self.cells, self.users, self.seeds = len(snr_db), len(cell), seeds
        r = len(seeds)
        serving = torch.tensor(cell).expand(r, -1).contiguous()
        links = torch.arange(self.cells).expand(r, self.users, -1).contiguous()
        others = NOISE_MW * 10 ** (others_db / 10)
        mean = torch.full((r, self.users, self.cells, 1), others)
        mean = torch.where((links == serving[..., None])[..., None], 0.0, mean)
        k = settings.interferers
        self.radio = Radio(
            serving, (NOISE_MW * 10 ** (snr / 10)).expand(r, -1).contiguous(), torch.zeros_like(serving), mean,
            links, torch.zeros(r, self.users, k, 1), torch.full((r, self.users, k), -1),
            torch.full((r, self.users, k + 1), 3e-7), torch.full((r, self.users, k + 1), -math.inf), 0,
            torch.zeros(r, self.users, dtype=torch.float64),
            torch.full((r, self.users), 3 / 3.6 * 1e-3 / CARRIER.wavelength_m, dtype=torch.float64), NOISE_MW,
        )  # fmt: skip
        self.inputs = BlockInputs(
            0, torch.zeros(r, self.users, BLOCK, dtype=torch.int64), torch.arange(self.users) + 1,
            torch.arange(self.users), torch.tensor(seeds), torch.zeros(r, self.users, dtype=torch.int64),
            torch.zeros(self.users, dtype=torch.int64), torch.zeros(self.users, dtype=torch.bool),
            torch.full((self.users,), full_buffer), torch.full((self.cells,), SCHEDULERS.index(scheduler)),  # type: ignore[arg-type]
            torch.ones(self.cells, dtype=torch.bool), self.radio,
        )  # fmt: skip
        self.state = fresh_state(r, self.users, CARRIER.subbands, settings)
        self.tallies = Tallies(CellTally.zeros(r, self.cells), UserTally.zeros(r, self.users))
        self.loop = slot_loop("compiled", CARRIER, settings)
        self.slot = 0

    def run(self, slots: int, arrivals: torch.Tensor | None = None, **changes: object) -> BlockTraces:
        """Go on; `arrivals` (R, U, slots)."""
        self.inputs = replace(self.inputs, **changes)  # type: ignore[arg-type]
        for first in range(0, slots, BLOCK):
            count = min(BLOCK, slots - first)
            shape = (len(self.seeds), self.users, count)
            bits = (
                torch.zeros(shape, dtype=torch.int64)
                if arrivals is None
                else arrivals[..., first : first + count]
            )
            traces = BlockTraces.empty((shape[0], self.cells, self.users), count)
            block = replace(self.inputs, first_slot=self.slot, arrivals=bits.contiguous())
            self.loop.run(self.state, block, self.tallies, traces)
            self.slot += count
        return traces

    def conserved(self) -> bool:
        s: SlotState = self.state
        return bool((s.offered == s.delivered + s.lost + s.waiting() + s.in_flight()).all())


FLAT = SlotSettings(fading=False, interferers=1)
FADING = SlotSettings(interferers=1)


# ---------------------------------------------------------------- schedulers
def test_proportional_fair_gives_symmetric_users_equal_shares() -> None:
    """Eight users at one SNR with fading of their own: means over eight runs differ by sampling alone (4 s.e.)."""
    bench = Bench([[15.0] * 8], FADING, seeds=tuple(range(8)))
    bench.run(4000)
    rate = bench.tallies.users.delivered_bits.numpy()
    share = rate / rate.sum(axis=1, keepdims=True)
    error = share.std(axis=0, ddof=1) / math.sqrt(8)
    assert np.abs(share.mean(axis=0) - 1 / 8).max() < 4 * error.max() + 1e-3


def test_proportional_fair_gives_users_of_unequal_channels_equal_time() -> None:
    """Without fading r/r̄ is equal for all in equilibrium: shares of time, not of rate."""
    bench = Bench([[25.0, 10.0, 5.0]], FLAT)
    bench.run(4000)
    slots = bench.tallies.users.scheduled_slots[0]
    assert float(slots.max() / slots.min()) < 1.25
    rate = bench.tallies.users.delivered_bits[0]
    assert rate[0] > rate[1] > rate[2]


def test_round_robin_gives_equal_time_whatever_the_channel() -> None:
    bench = Bench([[25.0, 10.0, 0.0]], FLAT, scheduler="round_robin")
    bench.run(3000)
    slots = bench.tallies.users.scheduled_slots[0]
    assert float(slots.max() - slots.min()) <= 0.15 * float(slots.mean())


def test_max_ci_starves_the_weak() -> None:
    bench = Bench([[25.0, 15.0]], FLAT, scheduler="max_ci")
    bench.run(2000)
    rate = bench.tallies.users.delivered_bits[0]
    assert rate[1] < 0.1 * rate[0]


def test_multi_user_diversity_is_worth_something() -> None:
    """Proportional fair on fading channels delivers more than round robin; 8 paired runs, each of them."""
    totals = []
    for scheduler in ("proportional_fair", "round_robin"):
        bench = Bench([[12.0] * 8], FADING, scheduler=scheduler, seeds=tuple(range(8)))
        bench.run(3000)
        totals.append(bench.tallies.users.delivered_bits.sum(dim=1))
    assert bool((totals[0] > totals[1]).all())


def test_the_delay_aware_scheduler_serves_the_short_budget_first() -> None:
    arrivals = torch.zeros(1, 4, 2000, dtype=torch.int64)
    arrivals[:, :, ::10] = 160_000
    budgets = torch.tensor([15, 15, 1000, 1000])
    waits = {}
    for scheduler in ("delay_aware", "round_robin"):
        bench = Bench([[18.0] * 4], FLAT, scheduler=scheduler, full_buffer=False)
        bench.run(2000, arrivals, budget_slots=budgets)
        users = bench.tallies.users
        waits[scheduler] = (users.rlc_delay_slots / users.rlc_packets)[0]
    assert waits["delay_aware"][:2].max() < waits["delay_aware"][2:].min()
    assert waits["delay_aware"][:2].mean() < waits["round_robin"][:2].mean()


# ---------------------------------------------------------------- queues
def test_without_traffic_nothing_is_sent() -> None:
    bench = Bench([[20.0, 10.0]], FLAT, full_buffer=False)
    bench.run(200)
    assert bench.tallies.cells.prb_used.sum() == 0
    assert bench.tallies.cells.blocks.sum() == 0


def test_delays_are_those_of_a_queue_with_poisson_arrivals_and_fixed_service() -> None:
    """M/D/1: W = ρ s / (2 (1 − ρ)) waiting, and the service; one packet is served in one slot, ρ = λ.

    At the highest MCS without errors a slot carries one packet. A packet that finds the server free leaves in
    its own slot. Batches: in discrete time the wait is that of Geo/D/1 with Poisson batches, λ / (2 (1 − λ)).
    """
    load, slots, runs = 0.7, 6000, 8
    size = int(link_tables(CARRIER.prbs).transport_bits[1, 27, CARRIER.prbs])
    rng = np.random.default_rng(5)
    counts = rng.poisson(load, (runs, slots))
    # Several packets of one slot are several: spread over as many users of the same cell.
    most = int(counts.max())
    arrivals = torch.zeros(runs, most, slots, dtype=torch.int64)
    for k in range(most):
        arrivals[:, k] = torch.from_numpy((counts > k) * size)
    arrivals[..., :100] = 0
    bench = Bench([[45.0] * most], replace(FLAT, queue_packets=512), scheduler="round_robin", full_buffer=False,
                  seeds=tuple(range(runs)))  # fmt: skip
    bench.run(slots, arrivals)
    cells = bench.tallies.cells
    waits = (cells.rlc_delay_slots / cells.rlc_packets)[:, 0].numpy()
    expected = load / (2 * (1 - load))
    assert waits.mean() == pytest.approx(expected, abs=4 * waits.std(ddof=1) / math.sqrt(runs) + 0.05)
    assert bench.conserved()


def test_a_ring_without_room_loses_what_comes_and_says_so() -> None:
    bench = Bench([[-40.0]], replace(FLAT, queue_packets=4), full_buffer=False)
    arrivals = torch.full((1, 1, 40), 8_000, dtype=torch.int64)
    bench.run(40, arrivals)
    users = bench.tallies.users
    assert users.lost_bits[0, 0] == 36 * 8_000
    assert users.offered_bits[0, 0] == users.lost_bits[0, 0] + 4 * 8_000
    assert bench.conserved()


def test_packets_older_than_their_budget_are_given_up_where_nobody_wants_them() -> None:
    bench = Bench([[-40.0]], FLAT, full_buffer=False)
    arrivals = torch.zeros(1, 1, 80, dtype=torch.int64)
    arrivals[..., 0] = 5_000
    bench.run(80, arrivals, budget_slots=torch.tensor([20]), discard=torch.tensor([True]))
    assert bench.tallies.users.lost_bits[0, 0] == 5_000
    assert bench.tallies.users.late_packets[0, 0] == 1
    assert bench.state.waiting()[0, 0] == 0


# ---------------------------------------------------------------- HARQ and link adaptation
@pytest.mark.parametrize("target", [0.1, 0.3])
def test_the_outer_loop_holds_first_transmissions_at_the_target(target: float) -> None:
    """Over 6 users and 4 runs; after 500 slots of settling. Fading between reports keeps it busy: ±0.03."""
    loop = replace(FADING.loop, target_bler=target)
    bench = Bench([[14.0] * 6], replace(FADING, loop=loop, layers=1), seeds=tuple(range(4)))
    bench.run(500)
    bench.tallies = Tallies(CellTally.zeros(4, 1), bench.tallies.users)
    bench.run(6000)
    cells = bench.tallies.cells
    assert float(cells.errors_initial.sum() / cells.blocks_initial.sum()) == pytest.approx(target, abs=0.03)


def test_what_harq_gives_up_is_lost_or_sent_again_as_rlc_has_it() -> None:
    for acknowledged in (False, True):
        settings = replace(FLAT, transmissions=1, acknowledged=acknowledged)
        bench = Bench([[8.0]], settings, full_buffer=False)
        arrivals = torch.zeros(1, 1, 2000, dtype=torch.int64)
        arrivals[..., 50:1500:25] = 20_000
        bench.run(2000, arrivals)
        assert bench.conserved()
        assert bench.tallies.cells.residual_errors.sum() > 0
        lost = bench.tallies.users.lost_bits[0, 0]
        assert bool(lost == 0) is acknowledged
        assert bench.tallies.users.delivered_bits[0, 0] == bench.tallies.users.offered_bits[0, 0] - lost


def test_no_rate_is_above_the_table_s_and_high_snr_reaches_it() -> None:
    bench = Bench([[50.0]], FLAT)
    bench.run(1000)
    most = int(link_tables(CARRIER.prbs).transport_bits[1, 27, CARRIER.prbs])
    rate = float(bench.tallies.users.delivered_bits[0, 0])
    assert rate <= most * 1000
    # The first report comes within 20 slots and takes 4 to arrive; the last acknowledgements take 4.
    assert rate >= most * (1000 - 20 - 4 - 4 - 1)


# ---------------------------------------------------------------- interference
def test_an_idle_neighbour_does_not_interfere() -> None:
    """At 10 dB below the serving cell's power a busy neighbour caps the SINR; an idle one does not."""
    both = Bench([[25.0], [25.0]], FLAT, others_db=15.0)
    both.run(1000)
    alone = Bench([[25.0], []], FLAT, others_db=15.0)
    alone.run(1000)
    assert alone.tallies.users.delivered_bits[0, 0] > 1.5 * both.tallies.users.delivered_bits[0, 0]
    mean = float(both.tallies.users.sinr_db[0, 0] / both.tallies.users.scheduled_slots[0, 0])
    # H = [[1, 1], [1, −1]]: 3 dB of combining at rank 1, none at rank 2. 25 dB over (1 + 31.6) is 9.9 dB.
    bound = 25 - 10 * math.log10(1 + 10**1.5)
    assert bound - 0.1 <= mean <= bound + 3.1


def test_a_cell_that_is_off_sends_nothing() -> None:
    bench = Bench([[20.0], [20.0]], FLAT)
    bench.run(200, on=torch.tensor([True, False]))
    assert bench.tallies.cells.prb_used[0, 1] == 0
    assert bench.tallies.cells.prb_available[0, 1] == 0
    assert bench.tallies.cells.prb_used[0, 0] > 0


# ---------------------------------------------------------------- changing cells
def test_a_handover_loses_nothing_and_a_departure_is_accounted_for() -> None:
    bench = Bench([[8.0, 8.0]], FLAT, full_buffer=False)
    arrivals = torch.zeros(1, 2, 80, dtype=torch.int64)
    arrivals[..., 30] = 2_000_000
    bench.run(80, arrivals)
    assert bench.state.in_flight()[0].min() > 0
    handed_over(bench.state, torch.tensor([[True, False]]))
    assert bench.conserved()
    assert bench.state.in_flight()[0, 0] == 0
    assert bench.state.lost.sum() == 0
    detached(bench.state, torch.tensor([[False, True]]), torch.tensor([[0, 0]]), bench.tallies)
    assert bench.conserved()
    assert bench.state.waiting()[0, 1] == 0
    assert bench.tallies.users.lost_bits[0, 1] == bench.state.lost[0, 1] > 0


def test_who_is_interrupted_is_sent_nothing_until_ready() -> None:
    bench = Bench([[20.0]], FLAT)
    bench.run(100, ready_slot=torch.tensor([[90]]))
    assert bench.tallies.users.scheduled_slots[0, 0] <= 10


# ---------------------------------------------------------------- the two forms
def both(scenario: str, slots: int, seeds: list[int]) -> list[tuple[SlotState, Tallies, float]]:
    found = []
    for backend in ("compiled", "torch"):
        run = Simulator(load_scenario(scenario), Seeds.of(seeds), backend=backend)  # type: ignore[arg-type]
        state = run.start()
        for _ in run.blocks(state, slots):
            pass
        found.append((state.slots, run.period(state).tallies, run.carrier.slot_s))
    return found


def test_one_slot_from_one_state_is_equal_in_both_forms() -> None:
    """From a state with queues and HARQ in use; whole numbers exactly, SINRs within single precision."""
    run = Simulator(load_scenario("quick"), Seeds.of([3]))
    start = run.start()
    for _ in run.blocks(start, 240):
        pass
    states = []
    for backend in ("compiled", "torch"):
        other = Simulator(load_scenario("quick"), Seeds.of([3]), backend=backend)  # type: ignore[arg-type]
        state = start.copy()
        for _ in other.blocks(state, 1):
            pass
        states.append(state.slots)
    for each in fields(SlotState):
        a, b = getattr(states[0], each.name), getattr(states[1], each.name)
        if a.dtype.is_floating_point:
            assert torch.allclose(a, b, rtol=2e-6, atol=1e-12), each.name
        else:
            assert torch.equal(a, b), each.name


def test_rollouts_of_both_forms_are_equivalent() -> None:
    """TOST at 5 % on the network's KPIs over eight paired runs; a margin of 1 %, as rounding may tip a draw."""
    compiled, reference = (
        {name: column.numpy() for name, column in network_kpis(tallies.cells, slot_s).items()}
        for _, tallies, slot_s in both("quick", 240, list(range(8)))
    )
    for name in ("prb_percent", "volume_mbit_s", "active_users", "error_ratio"):
        margin = 0.01 * abs(compiled[name].mean())
        assert tost(compiled[name], reference[name], margin, paired=True).verdict == "equivalent", name
