"""Who is sent what in a slot, compiled: retransmissions first, then new data sub-band by sub-band.

In each cell users come in the order of their keys, which decides between equals. A retransmission takes as
many sub-bands as before, from the first free one on; the first that does not fit waits, and those after it.
A sub-band then goes to the user with the largest metric among those who still have something to send:

    round robin          slots since the user was last served
    proportional fair    r / r̄          r: rate on the sub-band by its CQI, r̄: average of what was sent
    maximum C/I          r
    delay aware          r / r̄ · (w + 1) / b     w: age of the oldest packet, b: delay budget (M-LWDF, Andrews
                         et al. 2001, with the budget for the weight)
"""

from __future__ import annotations

from numba import njit

from ranvier.dtops.simulator.kernel_cache import KERNEL
from ranvier.dtops.simulator.slots.scheduling import ENDLESS, RES_OF_PRB, USUAL_BUDGET_SLOTS

_FREE, _AGAIN = 0, 2
_ROUND_ROBIN, _PROPORTIONAL_FAIR, _MAX_CI = 0, 1, 2


@njit(**KERNEL, inline="always")
def processes(s, work, u):  # type: ignore[no-untyped-def]
    """Fill work.busy (any process in use?), work.free (the first free one, or −1) and work.repeat of user u.

    The latter is the process that has waited longest to be sent again, or −1.
    """
    busy, free, repeat = False, -1, -1
    for p in range(s.harq_phase.shape[1]):
        phase = s.harq_phase[u, p]
        if phase == _FREE:
            free = p if free < 0 else free
            continue
        busy = True
        if phase == _AGAIN and (repeat < 0 or s.harq_number[u, p] < s.harq_number[u, repeat]):
            repeat = p
    work.busy[u], work.free[u], work.repeat[u] = busy, free, repeat


@njit(**KERNEL, inline="always")
def rates(s, tables, work, u):  # type: ignore[no-untyped-def]
    """Fill work.rate[u] (S,) with bits per resource element of all layers, by the reported CQIs."""
    for band in range(work.rate.shape[1]):
        work.rate[u, band] = tables.cqi_efficiency[s.cqi[u, band]] * s.rank[u]


@njit(**KERNEL)
def schedule(s, k, work, slot):  # type: ignore[no-untyped-def]
    """Fill work.owner (C, S) with users, −1 for none, and work.process (U,) with what each sends.

    process  −1 nothing; p ≥ 0 new data in process p; −2 − p the retransmission of process p
    """
    work.owner[:] = -1
    work.process[:] = -1
    for cell in range(work.owner.shape[0]):
        if k.on[cell] and work.start[cell + 1] > work.start[cell]:
            first = _retransmissions(s, k, work, cell, slot)
            if first < work.owner.shape[1]:
                _new_data(s, k, work, cell, slot, first)


@njit(**KERNEL, inline="always")
def _retransmissions(s, k, work, cell, slot):  # type: ignore[no-untyped-def]
    """Give retransmissions their sub-bands; the first that is left."""
    subbands, first = work.owner.shape[1], 0
    for i in range(work.start[cell], work.start[cell + 1]):
        u = work.members[i]
        p = work.repeat[u]
        if p < 0 or slot < k.ready_slot[u]:
            continue
        if first + s.harq_subbands[u, p] > subbands:
            return first
        work.owner[cell, first : first + s.harq_subbands[u, p]] = u
        work.process[u] = -2 - p
        first += s.harq_subbands[u, p]
    return first


@njit(**KERNEL, inline="always")
def _new_data(s, k, work, cell, slot, first):  # type: ignore[no-untyped-def]
    count, subbands = 0, work.owner.shape[1]
    for i in range(work.start[cell], work.start[cell + 1]):
        u = work.members[i]
        need = s.offered[u] - s.taken[u] + s.again[u]
        if need <= 0 and not k.full_buffer[u]:
            continue
        if work.process[u] != -1 or slot < k.ready_slot[u] or work.free[u] < 0:
            continue
        work.candidate[count] = u
        work.need[count] = ENDLESS if k.full_buffer[u] else float(need)
        _metrics(s, k, work, (count, u), k.scheduler[cell], slot)
        count += 1
    for band in range(first, subbands):
        best, most = -1, 0.0
        for j in range(count):
            if work.metric[j, band] > most and work.need[j] > 0:
                best, most = j, work.metric[j, band]
        if best >= 0:
            u = work.candidate[best]
            work.owner[cell, band] = u
            work.process[u] = work.free[u]
            work.need[best] -= work.rate[u, band] * RES_OF_PRB * k.prbs[band]


@njit(**KERNEL, inline="always")
def _metrics(s, k, work, which, scheduler, slot):  # type: ignore[no-untyped-def]
    """Fill work.metric[j] (S,) of the candidate u."""
    j, u = which
    if scheduler == _ROUND_ROBIN:
        waits = float(slot - s.served[u])
        for band in range(work.rate.shape[1]):
            work.metric[j, band] = waits if work.rate[u, band] > 0 else 0.0
        return
    weight = _weight(s, k, u, scheduler, slot)
    for band in range(work.rate.shape[1]):
        work.metric[j, band] = weight * work.rate[u, band]


@njit(**KERNEL, inline="always")
def _weight(s, k, u, scheduler, slot):  # type: ignore[no-untyped-def]
    """What the rate is multiplied by."""
    if scheduler == _MAX_CI:
        return 1.0
    fair = 1.0 / max(s.average[u], 1.0)
    if scheduler == _PROPORTIONAL_FAIR:
        return fair
    budget = k.budget_slots[u] if k.budget_slots[u] > 0 else USUAL_BUDGET_SLOTS
    age = 0
    if s.left[u] < s.arrived[u]:
        age = slot - s.packet_arrival[u, s.left[u] % s.packet_end.shape[1]]
    return fair * (age + 1) / budget
