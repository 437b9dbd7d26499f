"""The slot loop's two forms with every option on at once: equal to each other, and to themselves however asked.

A scene of five cells, one with each scheduler and one more, thirty users with beams, deadlines, discard timers,
full buffers, rings that overflow; users change cells and leave in between.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from ranvier.dtops.simulator.carrier import Carrier
from ranvier.dtops.simulator.link.fading_compiled import ray_store
from ranvier.dtops.simulator.link.noise import prb_noise_mw
from ranvier.dtops.simulator.radio import strongest_others
from ranvier.dtops.simulator.slots.compiled import CompiledSlots
from ranvier.dtops.simulator.slots.reference import ReferenceSlots
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
from ranvier.ontology.errors import InputError

CARRIER = Carrier()
CELLS, USERS, BEAMS, STRONG = 5, 30, 2, 3
SETTINGS = SlotSettings(interferers=STRONG, queue_packets=8, fading_period_slots=7)
FORMS = {"torch": ReferenceSlots, "compiled": CompiledSlots}
Outcome = tuple[SlotState, Tallies, BlockTraces]


def received(realisations: int) -> Tensor:
    """(R, U, C, B) mW on a PRB: 46 dBm over 3.5 GHz's urban path loss, and up to 30 dB less at random."""
    g = torch.Generator().manual_seed(1)
    users, cells = (
        1500 * torch.rand(realisations, USERS, 2, generator=g),
        1500 * torch.rand(5, 2, generator=g),
    )
    distance = (users[:, :, None] - cells).square().sum(-1).sqrt().clamp(min=35)
    gain = -3.5 - 39.1 * torch.log10(distance) - 20 * math.log10(3.5)
    gain = (gain - 20 * torch.rand(gain.shape, generator=g))[..., None]
    gain = gain - 10 * torch.rand(*gain.shape[:-1], BEAMS, generator=g)
    return 10 ** ((gain + 46 - 10 * math.log10(CARRIER.prbs)) / 10)


def radio_of(power: Tensor, names: Tensor | None = None) -> Radio:
    """Everyone is served by the strongest cell. `names` (C,) are the cells' numbers."""
    names = torch.arange(CELLS) if names is None else names
    wide = power.amax(-1)
    serving = wide.argmax(-1)
    strong = strongest_others(wide, serving, STRONG)
    strong = strong.gather(-1, names[strong].argsort(-1))
    mean = power.clone()
    for apart in (serving[..., None], strong):
        mean.scatter_(2, apart[..., None].expand(*apart.shape, BEAMS), 0)
    own = power.gather(2, serving[..., None, None].expand(*serving.shape, 1, BEAMS))[:, :, 0]
    of_links = torch.full((*serving.shape, STRONG + 1), 3e-7)
    sight = torch.where(torch.arange(USERS)[:, None] % 2 == 0, 9.0, -math.inf)
    return Radio(
        names[serving], own.amax(-1), own.argmax(-1), mean, names.expand(wide.shape).contiguous(),
        power.gather(2, strong[..., None].expand(*strong.shape, BEAMS)), names[strong].contiguous(), of_links,
        sight.expand(of_links.shape).contiguous(), 0, torch.zeros(serving.shape, dtype=torch.float64),
        torch.full(serving.shape, 0.01, dtype=torch.float64), prb_noise_mw(CARRIER),
    )  # fmt: skip


def inputs_of(radio: Radio, slots: int, names: Tensor | None = None) -> BlockInputs:
    """Packets of 50 kB in 3 % of users' slots; every eleventh user has a full buffer instead."""
    shape = (*radio.serving_cell.shape, slots)
    comes = torch.rand(shape, generator=torch.Generator().manual_seed(2)) < 0.03
    user, full = torch.arange(USERS), torch.arange(USERS) % 11 == 5
    scheduler = torch.empty(CELLS, dtype=torch.int64)
    scheduler[torch.arange(CELLS) if names is None else names] = torch.arange(CELLS) % 4
    return BlockInputs(
        0, torch.where(comes & ~full[:, None], 400_000, 0), 7 * user + 3, user.clone(), torch.arange(shape[0]),
        torch.where(user % 5 == 0, 30, 0).expand(shape[:2]).contiguous(), (user % 3) * 40, user % 3 == 1, full,
        scheduler, torch.ones(CELLS, dtype=torch.bool), radio,
    )  # fmt: skip


@dataclass
class Run:
    """A form at work: `block` runs the next slots of `inputs`."""

    form: str
    inputs: BlockInputs
    settings: SlotSettings = SETTINGS
    threads: int = 1
    done: int = 0

    def __post_init__(self) -> None:
        realisations = len(self.inputs.run_seed)
        more = {"threads": self.threads} if self.form == "compiled" else {}
        self.loop = FORMS[self.form](CARRIER, self.settings, **more)  # type: ignore[arg-type]
        self.state = fresh_state(realisations, USERS, CARRIER.subbands, self.settings)
        self.tallies = Tallies(CellTally.zeros(realisations, CELLS), UserTally.zeros(realisations, USERS))

    def block(self, slots: int) -> BlockTraces:
        arrivals = self.inputs.arrivals[..., self.done : self.done + slots].contiguous()
        traces = BlockTraces.empty((len(self.inputs.run_seed), CELLS, USERS), slots)
        block = replace(self.inputs, first_slot=self.done, arrivals=arrivals)
        self.loop.run(self.state, block, self.tallies, traces)
        self.done += slots
        return traces


def columns(*holders: Any) -> dict[str, Tensor]:
    return {f"{type(h).__name__}.{each.name}": getattr(h, each.name) for h in holders for each in fields(h)}


def of(run: Run) -> dict[str, Tensor]:
    return columns(run.state, run.tallies.cells, run.tallies.users)


REAL = ("offset_db", "average", "harq_sinr", "sinr_db", "user_sinr_db")
"""Columns of other than whole numbers."""


def differing(a: dict[str, Tensor], b: dict[str, Tensor], tolerance: float = 0.0) -> list[str]:
    """Names of columns that differ: whole numbers at all, others by more than `tolerance`, or that part of them."""
    found = []
    for name, column in a.items():
        near = tolerance if name.split(".")[1] in REAL else 0.0
        if not torch.allclose(column.double(), b[name].double(), rtol=near, atol=near, equal_nan=True):
            found.append(name)
    return found


# ---------------------------------------------------------------- one form and the other
def steps(settings: SlotSettings, slots: int) -> list[list[str]]:
    """For each slot, from one state, what differs between the forms after it; real numbers by 1e-4 and more."""
    inputs = inputs_of(radio_of(received(1)), slots)
    runs = [Run(form, inputs, settings) for form in FORMS]
    found = []
    for _ in range(slots):
        runs[1].state = runs[0].state.copy()
        for run in runs:
            run.tallies = Tallies(CellTally.zeros(1, CELLS), UserTally.zeros(1, USERS))
        traces = [run.block(1) for run in runs]
        found.append(
            differing({**of(runs[0]), **columns(traces[0])}, {**of(runs[1]), **columns(traces[1])}, 1e-4)
        )
    assert runs[0].state.blocks.sum() > slots
    return found


@pytest.mark.parametrize("acknowledged", [True, False])
def test_without_fading_each_slot_is_equal_in_both_forms(acknowledged: bool) -> None:
    """Both then reckon with the same numbers: every state, tally and trace, whole numbers exactly."""
    assert not any(steps(replace(SETTINGS, fading=False, acknowledged=acknowledged), 120))


def test_with_fading_each_slot_is_equal_but_where_a_threshold_lies_within_rounding() -> None:
    """SINRs differ by 1e-6, 4e-6 dB. CQIs lie 2 dB apart, and errors fall from 1 to 0 in about 1 dB.

    120 slots have 30 · 120 / 20 · 18 = 3240 CQIs of sub-bands and about 1000 decodings: 0.01 are expected to
    fall on different sides, so that two slots in which anything differs are as good as impossible.
    """
    assert sum(bool(names) for names in steps(SETTINGS, 120)) <= 1


# ---------------------------------------------------------------- each form and itself
@pytest.fixture(params=list(FORMS))
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("cut", [(20, 20), (1, 39), (13, 14, 13)])
def test_blocks_may_be_cut_anywhere(form: str, cut: tuple[int, ...]) -> None:
    """Fading is held for seven slots, across the cuts too."""
    inputs = inputs_of(radio_of(received(1)), 40)
    whole, pieces = Run(form, inputs), Run(form, inputs)
    whole.block(40)
    for slots in cut:
        pieces.block(slots)
    assert not differing(of(whole), of(pieces))


def one_of(holder: Any, r: int, batched: Callable[[str], bool]) -> Any:
    chosen = {
        each.name: getattr(holder, each.name)[r : r + 1]
        for each in fields(holder)
        if batched(each.name) and isinstance(getattr(holder, each.name), Tensor)
    }
    return replace(holder, **chosen)


def test_a_realisation_is_the_same_alone_in_a_batch_and_on_more_threads(form: str) -> None:
    inputs = inputs_of(radio_of(received(3)), 40)
    whole = Run(form, inputs, threads=3)
    whole.block(40)
    alone = one_of(inputs, 1, lambda name: name in ("arrivals", "run_seed", "ready_slot"))
    single = Run(form, replace(alone, radio=one_of(inputs.radio, 1, lambda _: True)))
    single.block(40)
    assert not differing({name: each[1:2] for name, each in of(whole).items()}, of(single))


def test_users_fare_the_same_in_whatever_order_they_are_listed(form: str) -> None:
    inputs = inputs_of(radio_of(received(1)), 60)
    place = torch.randperm(USERS, generator=torch.Generator().manual_seed(4))
    radio = replace(
        inputs.radio,
        **{
            each.name: getattr(inputs.radio, each.name)[:, place]
            for each in fields(Radio)
            if isinstance(getattr(inputs.radio, each.name), Tensor)
        },
    )
    per_user = ("user_key", "budget_slots", "discard", "full_buffer")
    other = replace(
        inputs, radio=radio, arrivals=inputs.arrivals[:, place].contiguous(),
        ready_slot=inputs.ready_slot[:, place], order=torch.argsort(inputs.user_key[place]),
        **{name: getattr(inputs, name)[place] for name in per_user},
    )  # fmt: skip
    runs = Run(form, inputs), Run(form, other)
    for run in runs:
        run.block(60)
    first, second = of(runs[0]), of(runs[1])
    listed = {name: each if "Cell" in name else each[:, place] for name, each in first.items()}
    assert not differing(listed, second)


def test_cells_may_be_numbered_otherwise(form: str) -> None:
    """Without fading, whose draws a cell's number names; sums of powers then change by rounding alone."""
    settings, names = replace(SETTINGS, fading=False), torch.tensor([3, 0, 4, 1, 2])
    power = received(1)
    runs = (
        Run(form, inputs_of(radio_of(power), 60), settings),
        Run(form, inputs_of(radio_of(power, names), 60, names), settings),
    )
    for run in runs:
        run.block(60)
    first, second = of(runs[0]), of(runs[1])
    renamed = {name: each[:, names] if "Cell" in name else each for name, each in second.items()}
    assert not differing(first, renamed, 1e-6)


# ---------------------------------------------------------------- conservation
@pytest.mark.parametrize("acknowledged", [True, False])
def test_bits_are_conserved_while_users_change_cells_and_leave(form: str, acknowledged: bool) -> None:
    """offered = delivered + lost + queued + in flight, exactly, of users by state and by tally, and of cells."""
    inputs = inputs_of(radio_of(received(1)), 120)
    run = Run(form, inputs, replace(SETTINGS, acknowledged=acknowledged, transmissions=2))
    g = torch.Generator().manual_seed(6)
    for _ in range(6):
        run.block(20)
        cell = run.inputs.radio.serving_cell
        moves, leaves = (torch.rand(cell.shape, generator=g) < part for part in (0.2, 0.1))
        moves, leaves = moves & (cell >= 0), leaves & (cell >= 0) & ~moves
        handed_over(run.state, moves)
        detached(run.state, leaves, cell, run.tallies)
        comes = torch.where(moves | (cell < 0), (cell + 1) % CELLS, cell)
        run.inputs = replace(
            run.inputs, radio=replace(run.inputs.radio, serving_cell=torch.where(leaves, -1, comes))
        )
        left = run.state.waiting() + run.state.in_flight()
        assert torch.equal(run.state.offered, run.state.delivered + run.state.lost + left)
        users = run.tallies.users
        assert torch.equal(users.offered_bits, users.delivered_bits + users.lost_bits + left)
    assert run.state.again.sum() > 0
    assert run.tallies.users.lost_bits.sum() > 0


def test_all_cells_off_deliver_nothing_and_end_cleanly(form: str) -> None:
    run = Run(form, replace(inputs_of(radio_of(received(1)), 40), on=torch.zeros(CELLS, dtype=torch.bool)))
    traces = run.block(40)
    assert traces.cell_prbs.sum() == 0
    assert run.tallies.cells.delivered_bits.sum() == run.tallies.cells.prb_available.sum() == 0


@pytest.mark.parametrize("delay", [0, 21])
def test_a_report_that_would_never_be_known_is_refused(delay: int) -> None:
    with pytest.raises(InputError, match="csi_delay_slots of 1 to 20"):
        SlotSettings(csi_period_slots=20, csi_delay_slots=delay)


def test_ten_thousand_users_with_fifty_seven_links_fit_in_a_gigabyte() -> None:
    """State, rays and room of the compiled form are linear in users: counted for a tenth, without traces."""
    users, settings = 1000, SlotSettings()
    state = fresh_state(1, users, CARRIER.subbands, settings)
    held = [getattr(state, each.name).numpy() for each in fields(SlotState)]
    loop = CompiledSlots(CARRIER, settings)
    room = [each for each in loop._room(users, 57) if hasattr(each, "nbytes")]
    links = users * 57 * (4 + 8)
    total = sum(each.nbytes for each in (*held, *room, *ray_store(users, settings.interferers))) + links
    assert 10 * total < 1e9
