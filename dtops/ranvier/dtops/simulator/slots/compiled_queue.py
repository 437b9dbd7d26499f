"""Queues and acknowledgements of one user, compiled. `s` is the state of one realisation, `k` its fixed values."""

from __future__ import annotations

from numba import njit

from ranvier.dtops.simulator.kernel_cache import KERNEL
from ranvier.dtops.simulator.link.link_adaptation_compiled import outer_loop

_FREE, _WAITING, _AGAIN = 0, 1, 2


@njit(**KERNEL, inline="always")
def arrive(s, u, bits, slot, cell, cells, users):  # type: ignore[no-untyped-def]
    """A packet comes; lost where the ring has no room."""
    users.offered_bits[u] += bits
    if cell >= 0:
        cells.offered_bits[cell] += bits
    ring = s.packet_end.shape[1]
    if s.arrived[u] - s.gone[u] >= ring:
        users.lost_bits[u] += bits
        users.late_packets[u] += 1
        if cell >= 0:
            cells.lost_bits[cell] += bits
            cells.late_packets[cell] += 1
        return
    place = s.arrived[u] % ring
    s.offered[u] += bits
    s.packet_end[u, place] = s.offered[u]
    s.packet_arrival[u, place] = slot
    s.arrived[u] += 1


@njit(**KERNEL, inline="always")
def leave(s, u, slot, cell, cells, users):  # type: ignore[no-untyped-def]
    """Packets all of which has been sent once have left RLC."""
    ring = s.packet_end.shape[1]
    while s.left[u] < s.arrived[u] and s.packet_end[u, s.left[u] % ring] <= s.taken[u]:
        place = s.left[u] % ring
        s.packet_taken[u, place] = slot
        s.left[u] += 1
        waited = slot - s.packet_arrival[u, place]
        users.rlc_delay_slots[u] += waited
        users.rlc_packets[u] += 1
        if cell >= 0:
            cells.rlc_delay_slots[cell] += waited
            cells.rlc_packets[cell] += 1


@njit(**KERNEL, inline="always")
def complete(s, k, u, slot, cell, cells, users):  # type: ignore[no-untyped-def]
    """Packets all of whose bits were acknowledged, or lost, are complete."""
    ring = s.packet_end.shape[1]
    while s.gone[u] < s.left[u] and s.packet_end[u, s.gone[u] % ring] <= s.done[u]:
        place = s.gone[u] % ring
        s.gone[u] += 1
        if s.packet_taken[u, place] < 0:
            continue
        flown = slot - s.packet_taken[u, place]
        late = 0 < k.budget_slots[u] < slot - s.packet_arrival[u, place]
        users.air_delay_slots[u] += flown
        users.air_packets[u] += 1
        users.late_packets[u] += late
        if cell >= 0:
            cells.air_delay_slots[cell] += flown
            cells.air_packets[cell] += 1
            cells.late_packets[cell] += late


@njit(**KERNEL, inline="always")
def discard(s, k, u, slot, cell, cells, users):  # type: ignore[no-untyped-def]
    """What is older than its budget, of a service that does not want it any more, is given up (TS 38.323 5.3)."""
    ring = s.packet_end.shape[1]
    while s.left[u] < s.arrived[u]:
        place = s.left[u] % ring
        if slot - s.packet_arrival[u, place] <= k.budget_slots[u]:
            return
        bits = s.packet_end[u, place] - s.taken[u]
        s.taken[u] += bits
        s.done[u] += bits
        s.packet_taken[u, place] = -1
        s.left[u] += 1
        lose(s, u, bits, cell, cells, users)
        users.late_packets[u] += 1
        if cell >= 0:
            cells.late_packets[cell] += 1
        complete(s, k, u, slot, cell, cells, users)


@njit(**KERNEL, inline="always")
def lose(s, u, bits, cell, cells, users):  # type: ignore[no-untyped-def]
    """Count bits that will never be delivered."""
    s.lost[u] += bits
    users.lost_bits[u] += bits
    if cell >= 0:
        cells.lost_bits[cell] += bits


@njit(**KERNEL, inline="always")
def acknowledge(s, k, u, p, slot, cell, cells, users):  # type: ignore[no-untyped-def]
    """The acknowledgement of process p arrives: deliver, send again, or give up. Returns delivered bits."""
    if s.harq_sent[u, p] == 1:
        s.offset_db[u] = outer_loop(
            s.offset_db[u], s.harq_ok[u, p], k.up_db, k.down_db, k.least_db, k.most_db
        )
    bits = s.harq_bits[u, p]
    if s.harq_ok[u, p]:
        s.harq_phase[u, p] = _FREE
        s.delivered[u] += bits
        s.done[u] += bits
        users.delivered_bits[u] += bits
        if cell >= 0:
            cells.delivered_bits[cell] += bits
        complete(s, k, u, slot, cell, cells, users)
        return bits
    if s.harq_sent[u, p] < k.transmissions:
        s.harq_phase[u, p] = _AGAIN
        return 0
    s.harq_phase[u, p] = _FREE
    if cell >= 0:
        cells.residual_errors[cell] += 1
    if k.acknowledged:
        s.again[u] += bits
    else:
        s.done[u] += bits
        lose(s, u, bits, cell, cells, users)
        complete(s, k, u, slot, cell, cells, users)
    return 0


@njit(**KERNEL, inline="always")
def take(s, k, u, bits, slot, cell, cells, users):  # type: ignore[no-untyped-def]
    """Take up to `bits` out of a user's queue for a transport block, what RLC repeats first; how many.

    A full buffer makes as much as there is room for.
    """
    full = k.full_buffer[u]
    again = min(bits, s.again[u])
    fresh = bits - again if full else min(bits - again, s.offered[u] - s.taken[u])
    if full:
        s.offered[u] += fresh
        users.offered_bits[u] += fresh
        cells.offered_bits[cell] += fresh
    s.again[u] -= again
    s.taken[u] += fresh
    leave(s, u, slot, cell, cells, users)
    more = full or s.again[u] + s.offered[u] - s.taken[u] > 0
    _burst(s, u, again + fresh, slot, more, cell, cells)
    return again + fresh


@njit(**KERNEL, inline="always")
def _burst(s, u, bits, slot, more, cell, cells):  # type: ignore[no-untyped-def]
    """Volume and time of bursts without the block that empties the buffer (TS 28.552 5.1.1.3.1)."""
    if s.burst_until[u] >= 0:
        cells.burst_slots[cell] += slot - s.burst_until[u]
    if more:
        cells.burst_bits[cell] += bits
        s.burst_until[u] = slot
    else:
        cells.short_burst_bits[cell] += bits
        s.burst_until[u] = -1
