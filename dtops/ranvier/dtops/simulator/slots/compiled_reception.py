"""What users receive in a slot, compiled: interference of what is really sent, SINR, decoding, and reports.

Only the sub-bands in question are looked at: those of a user's block, or all of them for a report. Most cells
send on all sub-bands or on none, and then count at once; only the others are looked up band by band.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from ranvier.dtops.simulator.kernel_cache import KERNEL
from ranvier.dtops.simulator.link.bler_compiled import block_error
from ranvier.dtops.simulator.link.counter_compiled import extend, uniform
from ranvier.dtops.simulator.link.effective_sinr_compiled import mean_information, rank2_sinr
from ranvier.dtops.simulator.link.information_compiled import sinr_of_information
from ranvier.dtops.simulator.link.link_adaptation_compiled import choose_rank, wideband_cqi
from ranvier.dtops.simulator.slots.compiled_queue import take
from ranvier.dtops.simulator.slots.reception import DECODING, LEAST, LEAST_DB

_WAITING = 1
_IDLE, _PART, _WHOLE = 0, 1, 2
_ZERO, _ONE = np.float32(0), np.float32(1)


@njit(**KERNEL)
def activity(k, work):  # type: ignore[no-untyped-def]
    """Fill work.active (C, S) with 1 where a cell sends, and work.beam (C, S) with the beam of its user.

    And work.extent (C,) with whether it sends on no, some or all sub-bands (these in one beam).
    """
    bands = work.owner.shape[1]
    for cell in range(work.owner.shape[0]):
        count, beams = 0, 0
        for band in range(bands):
            u = work.owner[cell, band]
            beam = k.serving_beam[u] if u >= 0 else 0
            work.active[cell, band] = _ONE if u >= 0 else _ZERO
            work.beam[cell, band] = beam
            count += u >= 0
            beams += beam == work.beam[cell, 0]
        part = _PART if count > 0 else _IDLE
        work.extent[cell] = _WHOLE if count == bands and beams == bands else part


@njit(**KERNEL, inline="always")
def snr(k, work, u, bands):  # type: ignore[no-untyped-def]
    """Fill work.snr[:n] for user u on sub-bands `bands` (n,): serving power over what is heard at an antenna."""
    heard = work.heard
    heard[: bands.shape[0]] = 0.0
    everywhere = np.float64(k.noise_mw)
    for link in range(k.mean_mw.shape[1]):
        cell = k.link_cell[u, link]
        if cell < 0 or work.extent[cell] == _IDLE:
            continue
        if work.extent[cell] == _WHOLE:
            everywhere += k.mean_mw[u, link, work.beam[cell, 0]]
            continue
        for i, band in enumerate(bands):
            heard[i] += k.mean_mw[u, link, work.beam[cell, band]] * work.active[cell, band]
    for j in range(k.strong_cell.shape[1]):
        cell = k.strong_cell[u, j]
        if cell < 0:
            break
        if work.extent[cell] == _IDLE:
            continue
        for i, band in enumerate(bands):
            power = k.strong_mw[u, j, work.beam[cell, band]] * work.fades[u, j, band]
            heard[i] += power * work.active[cell, band]
    for i in range(bands.shape[0]):
        work.snr[i] = k.serving_mw[u] / np.float32(everywhere + heard[i])


@njit(**KERNEL, inline="always")
def _layers(work, u, bands, rank, sinr):  # type: ignore[no-untyped-def]
    """Fill sinr (rank, n) after the receiver on sub-bands `bands`, from work.snr and the held fading."""
    gains = work.gains
    for i, band in enumerate(bands):
        if rank == 1:
            sinr[0, i] = work.snr[i] * gains[u, band, 0]
        else:
            sinr[0, i], sinr[1, i] = rank2_sinr(
                gains[u, band, 1], gains[u, band, 2], gains[u, band, 3], work.snr[i]
            )


@njit(**KERNEL)
def transmit(s, k, tables, work, slot, cells, users, traces, n):  # type: ignore[no-untyped-def]
    """Send what was scheduled, and decide by each block's SINR and draw whether it is decoded."""
    for cell in range(work.owner.shape[0]):
        used = 0
        if work.extent[cell] != _IDLE:
            for band in range(work.owner.shape[1]):
                u = work.owner[cell, band]
                if u < 0:
                    continue
                used += k.prbs[band]
                if not work.seen[u]:
                    work.seen[u] = True
                    _send(s, k, tables, work, slot, (cell, u, n), (cells, users, traces))
            cells.prb_used[cell] += used
            cells.busy_slots[cell] += 1
        traces.cell_prbs[cell, n] = used


@njit(**KERNEL, inline="always")
def _send(s, k, tables, work, slot, who, sums):  # type: ignore[no-untyped-def]
    cell, u, n = who
    cells, users, traces = sums
    count, prbs = 0, 0
    for band in range(work.owner.shape[1]):
        if work.owner[cell, band] == u:
            work.bands[count], work.mine[count] = band, k.prbs[band]
            prbs += k.prbs[band]
            count += 1
    fresh = work.process[u] >= 0
    p = work.process[u] if fresh else -2 - work.process[u]
    if fresh:
        _begin(s, tables, work, (u, p, count, prbs))
        s.harq_bits[u, p] = take(
            s, k, u, tables.transport_bits[s.rank[u] - 1, s.harq_mcs[u, p], prbs], slot, cell, cells, users
        )
        s.served[u] = slot
        work.sent[u] = s.harq_bits[u, p]
        cells.blocks_initial[cell] += 1
        cells.mcs_blocks[cell, s.harq_mcs[u, p]] += 1
    sinr_db = _decode(s, k, tables, work, slot, (u, p, count))
    failed = not s.harq_ok[u, p]
    cells.blocks[cell] += 1
    cells.errors[cell] += failed
    cells.errors_initial[cell] += failed and fresh
    cells.prb_layers[cell] += prbs * s.harq_rank[u, p]
    users.blocks[u] += 1
    users.errors[u] += failed
    users.scheduled_slots[u] += 1
    users.sinr_db[u] += sinr_db
    if traces.user_bits.shape[0] > 0:
        traces.user_prbs[u, n] = prbs
        traces.user_sinr_db[u, n] = sinr_db
        traces.user_mcs[u, n] = s.harq_mcs[u, p]


@njit(**KERNEL, inline="always")
def _begin(s, tables, work, what):  # type: ignore[no-untyped-def]
    """A new block: its MCS by what was reported of its sub-bands, corrected by the outer loop."""
    u, p, count, prbs = what
    rank, total = s.rank[u], 0.0
    for i in range(count):
        total += work.mine[i] * tables.cqi_threshold_db[rank - 1, s.cqi[u, work.bands[i]]]
    expected_db = total / prbs + s.offset_db[u]
    mcs = 0
    for each in range(tables.threshold_db.shape[1] - 1, 0, -1):
        if tables.threshold_db[rank - 1, each] <= expected_db:
            mcs = each
            break
    s.harq_mcs[u, p], s.harq_rank[u, p] = mcs, rank
    s.harq_prbs[u, p], s.harq_subbands[u, p] = prbs, count
    s.harq_sent[u, p], s.harq_sinr[u, p] = 0, 0.0
    s.harq_number[u, p] = s.blocks[u]
    s.blocks[u] += 1


@njit(**KERNEL, inline="always")
def _decode(s, k, tables, work, slot, which):  # type: ignore[no-untyped-def]
    """One transmission: its effective SINR is added to the block's, and a draw decides. Returns it in dB."""
    u, p, count = which
    rank, mcs, prbs = s.harq_rank[u, p], s.harq_mcs[u, p], s.harq_prbs[u, p]
    bands = work.bands[:count]
    snr(k, work, u, bands)
    sinr = work.layers[:rank, :count]
    _layers(work, u, bands, rank, sinr)
    curve = tables.curves[tables.modulation[mcs]]
    one = sinr_of_information(mean_information(sinr, work.mine[:count], curve), curve, tables.nodes)
    s.harq_sinr[u, p] += one
    error = block_error(
        10.0 * math.log10(max(s.harq_sinr[u, p], LEAST)),
        tables.centre_db[rank - 1, mcs, prbs], tables.width_db[rank - 1, mcs, prbs],
        tables.code_blocks[rank - 1, mcs, prbs],
    )  # fmt: skip
    key = extend(extend(extend(np.uint64(0), k.seed), DECODING), k.user_key[u])
    key = extend(extend(key, s.harq_number[u, p]), s.harq_sent[u, p])
    s.harq_ok[u, p] = uniform(key) >= error
    s.harq_sent[u, p] += 1
    s.harq_phase[u, p] = _WAITING
    s.harq_due[u, p] = slot + k.ack_delay
    return max(10.0 * math.log10(max(one, LEAST)), LEAST_DB)


@njit(**KERNEL, inline="always")
def report(s, k, tables, work, u, slot, cell, cells):  # type: ignore[no-untyped-def]
    """User u measures rank and CQI of each sub-band on what is sent now, and reports them."""
    snr(k, work, u, work.every)
    single, double = work.layers[:1], work.layers[1:3]
    _layers(work, u, work.every, 1, single)
    rank, wide = 1, wideband_cqi(single, k.prbs, tables)
    if k.layers == 2:
        _layers(work, u, work.every, 2, double)
        both = wideband_cqi(double, k.prbs, tables)
        rank = choose_rank(wide, both, tables)
        wide = both if rank == 2 else wide
    levels = work.levels[rank - 1]
    for band in range(work.snr.shape[0]):
        sinr = np.float64(single[0, band])
        if rank == 2:
            sinr = np.float64(double[0, band]) * np.float64(double[1, band])
        cqi = 0
        for half in (8, 4, 2, 1):
            if sinr >= levels[cqi + half]:
                cqi += half
        s.next_cqi[u, band] = cqi
    s.next_rank[u] = rank
    s.next_slot[u] = slot + k.csi_delay
    cells.cqi_reports[cell, wide] += 1
