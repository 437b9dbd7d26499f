"""`CellTally` and `UserTally`: what slots add up, from which counters and arrays are made.

Sums only, so that tallies of consecutive blocks add to that of the whole, and nothing depends on where a run
was cut. Counts and bits are exact in float64 (below 2^53).
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

CQIS, MCSS = 16, 32


@dataclass(slots=True)
class CellTally:
    """Sums over slots for each cell, (R, C) float64 unless said otherwise.

    slots                  that passed
    prb_used               PRB·slots with user data
    prb_layers             PRB·slots weighted by the layers sent
    prb_available          PRB·slots of a cell that is on
    active_users           user·slots with data in the buffer or in HARQ
    active_users_max       (max, not a sum) of users with data in one slot
    connected_users        user·slots in RRC connected state
    connected_users_max    (max) of them in one slot
    offered_bits           that arrived for users of the cell
    delivered_bits         acknowledged
    lost_bits              given up by HARQ without RLC repeating them, discarded by age, or without room
    blocks_initial, blocks transport blocks sent: first transmissions, and all
    errors_initial, errors  of them not decoded
    residual_errors        transport blocks given up after the last transmission
    rlc_delay_slots, rlc_packets    from arrival to the slot in which a packet's last part was first sent
    air_delay_slots, air_packets    from there to the acknowledgement of all of it
    late_packets           done later than their delay budget, or discarded
    burst_bits, burst_slots         volume and time of bursts without the slot that empties the buffer
                           (ThpVolDl and ThpTimeDl of TS 28.552 5.1.1.3.1)
    short_burst_bits       volume of the slots left out there (unrestricted volume)
    busy_slots             slots in which the cell sent data
    mcs_blocks             (R, C, 32) first transmissions by MCS index
    cqi_reports            (R, C, 16) wideband CQI reports
    """

    slots: Tensor
    prb_used: Tensor
    prb_layers: Tensor
    prb_available: Tensor
    active_users: Tensor
    active_users_max: Tensor
    connected_users: Tensor
    connected_users_max: Tensor
    offered_bits: Tensor
    delivered_bits: Tensor
    lost_bits: Tensor
    blocks_initial: Tensor
    blocks: Tensor
    errors_initial: Tensor
    errors: Tensor
    residual_errors: Tensor
    rlc_delay_slots: Tensor
    rlc_packets: Tensor
    air_delay_slots: Tensor
    air_packets: Tensor
    late_packets: Tensor
    burst_bits: Tensor
    burst_slots: Tensor
    short_burst_bits: Tensor
    busy_slots: Tensor
    mcs_blocks: Tensor
    cqi_reports: Tensor

    @classmethod
    def zeros(cls, realisations: int, cells: int, device: torch.device | str = "cpu") -> CellTally:
        """Nothing counted yet."""
        more = {"mcs_blocks": (MCSS,), "cqi_reports": (CQIS,)}
        return cls(
            **{
                each.name: torch.zeros(
                    (realisations, cells, *more.get(each.name, ())), dtype=torch.float64, device=device
                )
                for each in fields(cls)
            }
        )


@dataclass(slots=True)
class UserTally:
    """Sums over slots for each user, (R, U) float64, named as in CellTally.

    scheduled_slots     in which the user was sent data
    sinr_db             sum over scheduled slots of the effective SINR in dB
    """

    offered_bits: Tensor
    delivered_bits: Tensor
    lost_bits: Tensor
    scheduled_slots: Tensor
    sinr_db: Tensor
    rlc_delay_slots: Tensor
    rlc_packets: Tensor
    air_delay_slots: Tensor
    air_packets: Tensor
    late_packets: Tensor
    blocks: Tensor
    errors: Tensor

    @classmethod
    def zeros(cls, realisations: int, users: int, device: torch.device | str = "cpu") -> UserTally:
        """Nothing counted yet."""
        return cls(
            **{
                each.name: torch.zeros((realisations, users), dtype=torch.float64, device=device)
                for each in fields(cls)
            }
        )
