"""`Kpis`: figures of cells, users and the whole network from the tallies of a run, one for each realisation.

What policies, comparisons and error budgets read. Counters for the outside world are made from the same
tallies in `output.counters`. A KPI without anything to divide by is NaN here, and absent as a counter.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ranvier.dtops.simulator.tally import CellTally, UserTally


@dataclass(frozen=True, slots=True)
class Kpis:
    """KPIs over the slots that the tallies cover; float64.

    prb_percent            (R, C) PRBs with user data, of those available
    throughput_kbit_s      (R, C) of users while they have a burst to send (TS 28.552 5.1.1.3.1)
    volume_bit_s           (R, C) acknowledged
    active_users           (R, C) mean number with data to send
    connected_users        (R, C) mean number in RRC connected
    rlc_delay_ms           (R, C) from arrival until the last part was first sent
    air_delay_ms           (R, C) from there until all was acknowledged
    error_ratio            (R, C) of first transmissions
    loss_ratio             (R, C) bits lost of those offered
    user_bit_s             (R, U) acknowledged
    user_sinr_db           (R, U) mean effective SINR of the slots with data
    """

    prb_percent: Tensor
    throughput_kbit_s: Tensor
    volume_bit_s: Tensor
    active_users: Tensor
    connected_users: Tensor
    rlc_delay_ms: Tensor
    air_delay_ms: Tensor
    error_ratio: Tensor
    loss_ratio: Tensor
    user_bit_s: Tensor
    user_sinr_db: Tensor


def kpis(cells: CellTally, users: UserTally, slot_s: float) -> Kpis:
    """KPIs from sums over the same slots; `slot_s` is a slot's length in seconds."""
    time_s = cells.slots * slot_s
    slot_ms = slot_s * 1e3
    return Kpis(
        prb_percent=100 * cells.prb_used / cells.prb_available,
        throughput_kbit_s=cells.burst_bits / (cells.burst_slots * slot_s) / 1e3,
        volume_bit_s=cells.delivered_bits / time_s,
        active_users=cells.active_users / cells.slots,
        connected_users=cells.connected_users / cells.slots,
        rlc_delay_ms=cells.rlc_delay_slots / cells.rlc_packets * slot_ms,
        air_delay_ms=cells.air_delay_slots / cells.air_packets * slot_ms,
        error_ratio=cells.errors_initial / cells.blocks_initial,
        loss_ratio=cells.lost_bits / cells.offered_bits,
        user_bit_s=users.delivered_bits / time_s[:, :1],
        user_sinr_db=users.sinr_db / users.scheduled_slots,
    )


def network_kpis(cells: CellTally, slot_s: float) -> dict[str, Tensor]:
    """KPIs of the whole network (R,), from sums over its cells in their order."""
    total = {
        name: _summed(getattr(cells, name)) for name in cells.__slots__ if getattr(cells, name).dim() == 2
    }
    time_s = cells.slots[:, 0] * slot_s
    slot_ms = slot_s * 1e3
    return {
        "prb_percent": 100 * total["prb_used"] / total["prb_available"],
        "throughput_kbit_s": total["burst_bits"] / (total["burst_slots"] * slot_s) / 1e3,
        "volume_mbit_s": total["delivered_bits"] / time_s / 1e6,
        "active_users": total["active_users"] / cells.slots[:, 0],
        "connected_users": total["connected_users"] / cells.slots[:, 0],
        "rlc_delay_ms": total["rlc_delay_slots"] / total["rlc_packets"] * slot_ms,
        "air_delay_ms": total["air_delay_slots"] / total["air_packets"] * slot_ms,
        "error_ratio": total["errors_initial"] / total["blocks_initial"],
        "loss_ratio": total["lost_bits"] / total["offered_bits"],
    }


def _summed(column: Tensor) -> Tensor:
    """(R,) the sum of (R, C) over cells, in their order whatever the batch."""
    total = column[:, 0].clone()
    for cell in range(1, column.shape[1]):
        total += column[:, cell]
    return total
