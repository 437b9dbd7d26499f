"""The slot loop compiled: a block of one realisation in one call; realisations run in threads.

The same steps as `reference`, to which tests hold it. Nothing is shared between realisations and each is worked
through in one order, so that a run is the same bit for bit whatever the number of threads.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from typing import Any

import numpy as np
from numba import njit

from ranvier.dtops.simulator.carrier import Carrier
from ranvier.dtops.simulator.kernel_cache import KERNEL
from ranvier.dtops.simulator.link.effective_sinr_compiled import channel_gains
from ranvier.dtops.simulator.link.fading_compiled import Grid, RayStore, fading, ray_store, refresh, scratch
from ranvier.dtops.simulator.link.noise import subband_prbs
from ranvier.dtops.simulator.link.tables import link_tables
from ranvier.dtops.simulator.slots.compiled_queue import acknowledge, arrive, discard
from ranvier.dtops.simulator.slots.compiled_reception import activity, report, transmit
from ranvier.dtops.simulator.slots.compiled_schedule import processes, rates, schedule
from ranvier.dtops.simulator.slots.reception import cqi_levels
from ranvier.dtops.simulator.slots.state import BlockInputs, BlockTraces, SlotSettings, SlotState, Tallies
from ranvier.dtops.simulator.tally import CellTally, UserTally

KernelState = namedtuple("KernelState", [each.name for each in fields(SlotState)])  # type: ignore[misc]
KernelCells = namedtuple("KernelCells", [each.name for each in fields(CellTally)])  # type: ignore[misc]
KernelUsers = namedtuple("KernelUsers", [each.name for each in fields(UserTally)])  # type: ignore[misc]
KernelTraces = namedtuple("KernelTraces", [each.name for each in fields(BlockTraces)])  # type: ignore[misc]
Fixed = namedtuple(
    "Fixed",
    "seed user_key order ready_slot budget_slots discard full_buffer scheduler on prbs serving_cell serving_mw "
    "serving_beam mean_mw link_cell strong_mw strong_cell path_slot path_turns step_turns noise_mw "
    "fading fading_period csi_period csi_delay ack_delay transmissions layers acknowledged average_slots "
    "up_db down_db least_db most_db available",
)
Work = namedtuple(
    "Work",
    "owner process active beam extent members start filled candidate need metric rate busy free repeat csi_phase "
    "seen sent bands mine every levels snr heard layers gains fades by_band power serving turns room",
)
_WAITING = 1


class CompiledSlots:
    """The compiled form for one carrier and U users in R realisations; keeps the rays of their links."""

    def __init__(self, carrier: Carrier, settings: SlotSettings, threads: int = 2) -> None:
        self._carrier, self._settings, self._threads = carrier, settings, max(1, threads)
        self._prbs = np.array(subband_prbs(carrier), dtype=np.int64)
        loop = settings.loop
        width_hz = carrier.prb_hz * carrier.prbs_of_subband
        self._grid = Grid(len(self._prbs), width_hz)
        self._tables = link_tables(carrier.prbs, settings.mcs_table, loop.target_bler)
        self._rays: list[RayStore] = []
        self._work: list[Any] = []

    def run(self, state: SlotState, inputs: BlockInputs, tallies: Tallies, traces: BlockTraces) -> None:
        """Run a block: alters `state`, adds to `tallies`, fills `traces` (with no users: nothing)."""
        realisations, users = state.offered.shape
        cells = tallies.cells.slots.shape[1]
        if len(self._rays) != realisations or self._rays[0].cell.shape[1] != users:
            self._rays = [ray_store(users, self._settings.interferers) for _ in range(realisations)]
            self._work = [self._room(users, cells) for _ in range(realisations)]
        if min(self._threads, realisations) == 1:
            for r in range(realisations):
                self._one(r, state, inputs, tallies, traces)
            return
        with ThreadPoolExecutor(min(self._threads, realisations)) as pool:
            list(pool.map(lambda r: self._one(r, state, inputs, tallies, traces), range(realisations)))

    def _one(
        self, r: int, state: SlotState, inputs: BlockInputs, tallies: Tallies, traces: BlockTraces
    ) -> None:
        radio, settings = inputs.radio, self._settings
        fixed = _fixed(r, inputs, settings, self._prbs, self._carrier.prbs)
        if settings.fading:
            links = np.concatenate([fixed.serving_cell[:, None], fixed.strong_cell], axis=1).T.copy()
            refresh(
                self._rays[r], fixed.seed, fixed.user_key, links, radio.delay_spread_s[r].numpy().T.copy(),
                radio.k_factor_db[r].numpy().T.copy(), self._grid,
            )  # fmt: skip
        _block(
            KernelState(*_rows(state, r)), fixed, self._tables, self._work[r], self._rays[r],
            inputs.first_slot, inputs.arrivals[r].numpy(),
            (KernelCells(*_rows(tallies.cells, r)), KernelUsers(*_rows(tallies.users, r))),
            KernelTraces(*_rows(traces, r)),
        )  # fmt: skip

    def _room(self, users: int, cells: int) -> Any:
        bands, strong = len(self._prbs), self._settings.interferers
        single, whole = np.float32, np.int64
        gains = np.empty((users, bands, 4), single)
        gains[:] = 2, 2, 2, 4  # without fading H is [[1, 1], [1, −1]]: both receivers see both ports alike
        return Work(
            owner=np.zeros((cells, bands), whole), process=np.zeros(users, whole),
            active=np.zeros((cells, bands), single), beam=np.zeros((cells, bands), whole),
            members=np.zeros(users, whole), start=np.zeros(cells + 1, whole),
            filled=np.zeros(cells + 1, whole),
            extent=np.zeros(cells, whole), candidate=np.zeros(users, whole), need=np.zeros(users),
            metric=np.zeros((users, bands)), rate=np.zeros((users, bands)), busy=np.zeros(users, np.bool_),
            free=np.zeros(users, whole), repeat=np.zeros(users, whole), csi_phase=np.zeros(users, whole),
            seen=np.zeros(users, np.bool_), sent=np.zeros(users, whole), bands=np.zeros(bands, whole),
            mine=np.zeros(bands, whole), every=np.arange(bands), levels=cqi_levels(self._tables),
            snr=np.zeros(bands, single), heard=np.zeros(bands), layers=np.zeros((3, bands), single), gains=gains,
            fades=np.ones((users, strong, bands), single), by_band=np.zeros((4, bands, users), single),
            power=np.ones((strong, bands, users), single), serving=np.zeros((2, 4, bands, users), single),
            turns=np.zeros(users), room=scratch(bands),
        )  # fmt: skip


def _rows(holder: Any, r: int) -> Sequence[Any]:
    return [getattr(holder, each.name)[r].numpy() for each in fields(holder)]


def _fixed(r: int, inputs: BlockInputs, settings: SlotSettings, prbs: Any, available: int) -> Any:
    radio, loop = inputs.radio, settings.loop
    return Fixed(
        seed=np.int64(inputs.run_seed[r]), user_key=inputs.user_key.numpy(), order=inputs.order.numpy(),
        ready_slot=inputs.ready_slot[r].numpy(), budget_slots=inputs.budget_slots.numpy(),
        discard=inputs.discard.numpy(), full_buffer=inputs.full_buffer.numpy(),
        scheduler=inputs.scheduler.numpy(), on=inputs.on.numpy(), prbs=prbs,
        serving_cell=radio.serving_cell[r].numpy(), serving_mw=radio.serving_mw[r].numpy(),
        serving_beam=radio.serving_beam[r].numpy(), mean_mw=radio.mean_mw[r].numpy(),
        link_cell=radio.link_cell[r].numpy(), strong_mw=radio.strong_mw[r].numpy(),
        strong_cell=radio.strong_cell[r].numpy(), path_slot=radio.path_slot,
        path_turns=radio.path_turns[r].numpy(), step_turns=radio.step_turns[r].numpy(),
        noise_mw=np.float32(radio.noise_mw), fading=settings.fading,
        fading_period=settings.fading_period_slots, csi_period=settings.csi_period_slots,
        csi_delay=settings.csi_delay_slots, ack_delay=settings.ack_delay_slots,
        transmissions=settings.transmissions, layers=settings.layers, acknowledged=settings.acknowledged,
        average_slots=settings.average_slots, up_db=loop.up_db, down_db=loop.down_db,
        least_db=loop.least_db, most_db=loop.most_db, available=available,
    )  # fmt: skip


@njit(**KERNEL)
def _block(s, k, tables, work, rays, first, arrivals, sums, traces):  # type: ignore[no-untyped-def]
    cells, users = sums
    _group(k, work)
    for u in range(arrivals.shape[0]):
        rates(s, tables, work, u)
        processes(s, work, u)
        work.csi_phase[u] = (-k.user_key[u]) % k.csi_period
    for n in range(arrivals.shape[1]):
        slot = first + n
        if k.fading and (n == 0 or slot % k.fading_period == 0):
            _fade(k, work, rays, slot - slot % k.fading_period)
        work.sent[:] = 0
        work.seen[:] = False
        _before(s, k, tables, work, (arrivals, slot), cells, users, traces, n)
        schedule(s, k, work, slot)
        activity(k, work)
        transmit(s, k, tables, work, slot, cells, users, traces, n)
        _after(s, k, tables, work, slot, cells)
        _count(s, k, work, cells)
        if traces.user_bits.shape[0] > 0:
            for u in range(arrivals.shape[0]):
                traces.user_queue[u, n] = s.offered[u] - s.taken[u] + s.again[u]


@njit(**KERNEL)
def _after(s, k, tables, work, slot, cells):  # type: ignore[no-untyped-def]
    """Reports of those whose turn it is, and averages."""
    turn = slot % k.csi_period
    for u in range(work.sent.shape[0]):
        cell = k.serving_cell[u]
        if work.csi_phase[u] == turn and cell >= 0:
            report(s, k, tables, work, u, slot, cell, cells)
        work.busy[u] |= work.seen[u]
        s.average[u] += (work.sent[u] - s.average[u]) / k.average_slots


@njit(**KERNEL)
def _group(k, work):  # type: ignore[no-untyped-def]
    """Users by cell, in the order of their keys."""
    work.start[:] = 0
    for u in range(k.serving_cell.shape[0]):
        if k.serving_cell[u] >= 0:
            work.start[k.serving_cell[u] + 1] += 1
    for cell in range(work.start.shape[0] - 1):
        work.start[cell + 1] += work.start[cell]
    filled = work.filled
    for cell in range(filled.shape[0]):
        filled[cell] = work.start[cell]
    for u in k.order:
        cell = k.serving_cell[u]
        if cell >= 0:
            work.members[filled[cell]] = u
            filled[cell] += 1


@njit(**KERNEL)
def _fade(k, work, rays, slot):  # type: ignore[no-untyped-def]
    for u in range(work.turns.shape[0]):
        work.turns[u] = k.path_turns[u] + (slot - k.path_slot) * k.step_turns[u]
    fading(rays, work.turns, work.serving, work.power, work.room)
    channel_gains(work.serving, work.by_band)
    # Kernels above run over users; what follows reads one user's sub-bands, so these lie together from here on.
    for band in range(work.by_band.shape[1]):
        for u in range(work.turns.shape[0]):
            for part in range(4):
                work.gains[u, band, part] = work.by_band[part, band, u]
            for j in range(work.power.shape[0]):
                work.fades[u, j, band] = work.power[j, band, u]


@njit(**KERNEL)
def _before(s, k, tables, work, what, cells, users, traces, n):  # type: ignore[no-untyped-def]
    """What comes before anything is scheduled: packets, acknowledgements, reports; and what goes, too old.

    One function for all users: handing it so many arrays costs more than what it does for most of them.
    """
    arrivals, slot = what
    for u in range(arrivals.shape[0]):
        cell, got = k.serving_cell[u], 0
        if arrivals[u, n] > 0:
            arrive(s, u, arrivals[u, n], slot, cell, cells, users)
        if work.busy[u]:
            for p in range(s.harq_phase.shape[1]):
                if s.harq_phase[u, p] == _WAITING and s.harq_due[u, p] <= slot:
                    got += acknowledge(s, k, u, p, slot, cell, cells, users)
            processes(s, work, u)
        if traces.user_bits.shape[0] > 0:
            traces.user_bits[u, n] = got
        if k.discard[u] and s.left[u] < s.arrived[u]:
            discard(s, k, u, slot, cell, cells, users)
        if s.next_slot[u] == slot:
            for band in range(s.cqi.shape[1]):
                s.cqi[u, band] = s.next_cqi[u, band]
            s.rank[u], s.next_slot[u] = s.next_rank[u], -1
            rates(s, tables, work, u)


@njit(**KERNEL)
def _count(s, k, work, cells):  # type: ignore[no-untyped-def]
    """Users with something to send, and what each cell had."""
    for cell in range(work.owner.shape[0]):
        count = 0
        for i in range(work.start[cell], work.start[cell + 1]):
            u = work.members[i]
            waits = s.offered[u] - s.taken[u] + s.again[u] > 0
            count += waits or work.busy[u] or work.seen[u] or k.full_buffer[u]
        cells.slots[cell] += 1
        cells.active_users[cell] += count
        cells.active_users_max[cell] = max(cells.active_users_max[cell], count)
        connected = work.start[cell + 1] - work.start[cell]
        cells.connected_users[cell] += connected
        cells.connected_users_max[cell] = max(cells.connected_users_max[cell], connected)
        if k.on[cell]:
            cells.prb_available[cell] += k.available
