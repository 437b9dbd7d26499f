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

from ranvier.dtops.simulator.slots.scheduling import RES_OF_PRB, USUAL_BUDGET_SLOTS

_FREE, _AGAIN = 0, 2
_ROUND_ROBIN, _PROPORTIONAL_FAIR, _MAX_CI = 0, 1, 2


@njit(cache=True, error_model="numpy", nogil=True)
def schedule(s, k, tables, work, slot):  # type: ignore[no-untyped-def]
    """Fill work.owner (C, S) with users, −1 for none, and work.process (U,) with what each sends.

    process  −1 nothing; p ≥ 0 new data in process p; −2 − p the retransmission of process p
    """
    work.owner[:] = -1
    work.process[:] = -1
    for cell in range(work.owner.shape[0]):
        if k.on[cell] and work.start[cell + 1] > work.start[cell]:
            first = _retransmissions(s, k, work, cell, slot)
            if first < work.owner.shape[1]:
                _new_data(s, k, tables, work, cell, slot, first)


@njit(cache=True, error_model="numpy", nogil=True)
def _retransmissions(s, k, work, cell, slot):  # type: ignore[no-untyped-def]
    """Give retransmissions their sub-bands; the first that is left."""
    subbands, first = work.owner.shape[1], 0
    for i in range(work.start[cell], work.start[cell + 1]):
        u = work.members[i]
        if slot < k.ready_slot[u]:
            continue
        p = _oldest_again(s, u)
        if p < 0:
            continue
        if first + s.harq_subbands[u, p] > subbands:
            return first
        work.owner[cell, first : first + s.harq_subbands[u, p]] = u
        work.process[u] = -2 - p
        first += s.harq_subbands[u, p]
    return first


@njit(cache=True, error_model="numpy", nogil=True)
def _oldest_again(s, u):  # type: ignore[no-untyped-def]
    """The process that has waited longest to be sent again; −1 for none."""
    found = -1
    for p in range(s.harq_phase.shape[1]):
        if s.harq_phase[u, p] == _AGAIN and (found < 0 or s.harq_number[u, p] < s.harq_number[u, found]):
            found = p
    return found


@njit(cache=True, error_model="numpy", nogil=True)
def _new_data(s, k, tables, work, cell, slot, first):  # type: ignore[no-untyped-def]
    count = 0
    for i in range(work.start[cell], work.start[cell + 1]):
        u = work.members[i]
        if work.process[u] != -1 or slot < k.ready_slot[u]:
            continue
        need = s.offered[u] - s.taken[u] + s.again[u]
        p = _free_process(s, u)
        if p < 0 or (need <= 0 and not k.full_buffer[u]):
            continue
        work.candidate[count] = u
        work.candidate_process[count] = p
        work.need[count] = 1e18 if k.full_buffer[u] else float(need)
        work.weight[count] = _weight(s, k, u, k.scheduler[cell], slot)
        count += 1
    for band in range(first, work.owner.shape[1]):
        best, most, bits = -1, 0.0, 0.0
        for j in range(count):
            if work.need[j] <= 0:
                continue
            u = work.candidate[j]
            rate = tables.cqi_efficiency[s.cqi[u, band]] * s.rank[u]
            metric = work.weight[j] * (1.0 if k.scheduler[cell] == _ROUND_ROBIN else rate)
            if rate > 0 and metric > most:
                best, most, bits = j, metric, rate * RES_OF_PRB * k.prbs[band]
        if best >= 0:
            work.owner[cell, band] = work.candidate[best]
            work.process[work.candidate[best]] = work.candidate_process[best]
            work.need[best] -= bits


@njit(cache=True, error_model="numpy", nogil=True)
def _free_process(s, u):  # type: ignore[no-untyped-def]
    for p in range(s.harq_phase.shape[1]):
        if s.harq_phase[u, p] == _FREE:
            return p
    return -1


@njit(cache=True, error_model="numpy", nogil=True)
def _weight(s, k, u, scheduler, slot):  # type: ignore[no-untyped-def]
    """What the rate is multiplied by; for round robin the metric itself."""
    if scheduler == _ROUND_ROBIN:
        return float(slot - s.served[u])
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
