"""What the slot loop is given, what it keeps, and what it adds up."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import torch
from torch import Tensor

from ranvier.dtops.simulator.link.link_adaptation import OuterLoop
from ranvier.dtops.simulator.link.mcs import TableName
from ranvier.dtops.simulator.tally import CellTally, UserTally
from ranvier.ontology.errors import InputError

FREE, WAITING, AGAIN = 0, 1, 2
"""States of a HARQ process: unused, waiting for its acknowledgement, to be sent again."""


@dataclass(frozen=True, slots=True)
class SlotSettings:
    """How the link and the MAC work, the same for all cells.

    interferers           K: the strongest others that fade on each sub-band
    fading_period_slots   for how long fading is held
    csi_period_slots      between two reports of a user; csi_delay_slots until the scheduler knows one
    ack_delay_slots       from a transport block to its acknowledgement (k1 of TS 38.213 9.2.3)
    processes             HARQ processes of a user
    transmissions         of a transport block, at most
    layers                1 or 2, at most
    acknowledged          RLC acknowledged mode: what HARQ gives up is sent again; else it is lost
    average_slots         window of the proportional fair average
    queue_packets         that a user's queue holds; more are lost on arrival
    fading                False: every link stays at its local mean, H = [[1, 1], [1, −1]]
    """

    interferers: int = 8
    fading_period_slots: int = 5
    csi_period_slots: int = 20
    csi_delay_slots: int = 4
    ack_delay_slots: int = 4
    processes: int = 8
    transmissions: int = 4
    layers: int = 2
    acknowledged: bool = True
    average_slots: float = 100.0
    queue_packets: int = 64
    mcs_table: TableName = "256qam"
    loop: OuterLoop = field(default_factory=OuterLoop)
    fading: bool = True

    def __post_init__(self) -> None:
        for name in (
            "fading_period_slots", "csi_period_slots", "ack_delay_slots", "processes", "transmissions",
            "queue_packets",
        ):  # fmt: skip
            if getattr(self, name) < 1:
                raise InputError(f"{name} of 1 or more", str(getattr(self, name)), "choose another")
        if not 1 <= self.csi_delay_slots <= self.csi_period_slots:
            raise InputError(
                f"csi_delay_slots of 1 to {self.csi_period_slots}, a report's period",
                str(self.csi_delay_slots),
                "choose another: a later report would replace one that never arrived",
            )
        if self.layers not in (1, 2):
            raise InputError("layers of 1 or 2", str(self.layers), "choose one of them")


@dataclass(slots=True)
class SlotState:
    """Queues, HARQ, reports and averages of U users in R realisations. Altered in place by a block.

    Bits are counted from a user's start: offered ≥ taken ≥ 0, and done of those taken were acknowledged or
    lost; `again` of those taken wait to be sent once more by RLC. Hence always

        offered = delivered + lost + (offered − taken) + again + Σ bits in HARQ

    offered, taken, done, again, delivered, lost   (R, U) int64
    packet_end      (R, U, Q) int64: value of `offered` at which each packet of the ring ends
    packet_arrival, packet_taken   (R, U, Q) int64 slots
    arrived, left, gone   (R, U) int64: packets that came, left RLC, and are complete; places modulo Q
    harq_phase      (R, U, P) int64: FREE, WAITING or AGAIN
    harq_due        (R, U, P) int64: slot of the acknowledgement
    harq_ok         (R, U, P) bool: what it will be
    harq_bits       (R, U, P) int64: of user data in the block
    harq_sent       (R, U, P) int64: transmissions so far
    harq_sinr       (R, U, P) float64: linear SINR combined so far
    harq_mcs, harq_rank, harq_prbs, harq_subbands   (R, U, P) int64
    harq_number     (R, U, P) int64: which of the user's blocks it is
    blocks          (R, U) int64: transport blocks begun
    offset_db       (R, U) float64: Δ of the outer loop
    average         (R, U) float64: bits a slot, for proportional fairness
    served          (R, U) int64: slot of the last transmission of new data; −1 before
    cqi             (R, U, S) int64 and rank (R, U) int64 as the scheduler knows them; CQI 0: not yet
    next_cqi, next_rank, next_slot   the report on its way, and when it arrives (−1: none)
    burst_until     (R, U) int64: slot up to which the time of a burst was counted, −1 outside a burst
    """

    offered: Tensor
    taken: Tensor
    done: Tensor
    again: Tensor
    delivered: Tensor
    lost: Tensor
    packet_end: Tensor
    packet_arrival: Tensor
    packet_taken: Tensor
    arrived: Tensor
    left: Tensor
    gone: Tensor
    harq_phase: Tensor
    harq_due: Tensor
    harq_ok: Tensor
    harq_bits: Tensor
    harq_sent: Tensor
    harq_sinr: Tensor
    harq_mcs: Tensor
    harq_rank: Tensor
    harq_prbs: Tensor
    harq_subbands: Tensor
    harq_number: Tensor
    blocks: Tensor
    offset_db: Tensor
    average: Tensor
    served: Tensor
    cqi: Tensor
    rank: Tensor
    next_cqi: Tensor
    next_rank: Tensor
    next_slot: Tensor
    burst_until: Tensor

    def copy(self) -> SlotState:
        """A state that shares nothing with this one."""
        return SlotState(**{each.name: getattr(self, each.name).clone() for each in fields(self)})

    def in_flight(self) -> Tensor:
        """(R, U) int64: bits of user data in HARQ."""
        return torch.where(self.harq_phase == FREE, 0, self.harq_bits).sum(dim=-1)

    def waiting(self) -> Tensor:
        """(R, U) int64: bits that wait to be sent, for the first time or again."""
        return self.offered - self.taken + self.again


def fresh_state(
    realisations: int, users: int, subbands: int, settings: SlotSettings, device: torch.device | str = "cpu"
) -> SlotState:
    """Nothing offered, nothing known."""
    sizes = {"packet": settings.queue_packets, "harq": settings.processes}
    made = {}
    for each in fields(SlotState):
        kind = each.name.split("_")[0]
        shape: tuple[int, ...] = (realisations, users)
        if kind in sizes:
            shape = (*shape, sizes[kind])
        elif each.name in ("cqi", "next_cqi"):
            shape = (*shape, subbands)
        dtype = torch.int64
        if each.name in ("harq_sinr", "offset_db", "average"):
            dtype = torch.float64
        elif each.name == "harq_ok":
            dtype = torch.bool
        first = {"served": -1, "next_slot": -1, "burst_until": -1, "rank": 1, "next_rank": 1}.get(
            each.name, 0
        )
        made[each.name] = torch.full(shape, first, dtype=dtype, device=device)
    return SlotState(**made)


@dataclass(frozen=True, slots=True)
class Radio:
    """What users receive in a block: large-scale powers, and how the links that matter fade.

    serving_cell   (R, U) int64, −1 for nobody; `serving_mw` (R, U) float32 on a PRB, of the user's best beam
    serving_beam   (R, U) int64: the beam in which the cell sends to the user
    mean_mw        (R, U, L, B) float32 on a PRB from each beam of the others that stay at their mean; 0 for
                   the serving link and for those that fade
    link_cell      (R, U, L) int64; −1 for no link
    strong_mw      (R, U, K, B) float32 of the K that fade
    strong_cell    (R, U, K) int64, in rising order, −1 at the end for none
    delay_spread_s, k_factor_db   (R, U, K+1) float32: of the serving link, then of the K
    path_slot      absolute slot to which `path_turns` belongs
    path_turns     (R, U) float64: Doppler path over wavelength at that slot, `step_turns` (R, U) more each slot
    noise_mw       on a PRB
    """

    serving_cell: Tensor
    serving_mw: Tensor
    serving_beam: Tensor
    mean_mw: Tensor
    link_cell: Tensor
    strong_mw: Tensor
    strong_cell: Tensor
    delay_spread_s: Tensor
    k_factor_db: Tensor
    path_slot: int
    path_turns: Tensor
    step_turns: Tensor
    noise_mw: float


@dataclass(frozen=True, slots=True)
class BlockInputs:
    """A block of N slots.

    first_slot   absolute
    arrivals     (R, U, N) int64: bits of the packet that arrives in each slot; 0 for none, and for full buffers
    user_key     (U,) int64; `order` (U,) int64: users by rising key, which is the order among equals
    run_seed     (R,) int64
    ready_slot   (R, U) int64: first slot in which the user may be sent anything (interruption of a handover)
    budget_slots (U,) int64: delay budget, 0 for none; `discard` (U,) bool: what is older is given up
    full_buffer  (U,) bool
    scheduler    (C,) int64 index into layout.SCHEDULERS; `on` (C,) bool
    """

    first_slot: int
    arrivals: Tensor
    user_key: Tensor
    order: Tensor
    run_seed: Tensor
    ready_slot: Tensor
    budget_slots: Tensor
    discard: Tensor
    full_buffer: Tensor
    scheduler: Tensor
    on: Tensor
    radio: Radio


@dataclass(frozen=True, slots=True)
class BlockTraces:
    """Arrays by slot: prbs (R, C, N) used; of users (R, U, N): delivered bits, PRBs, SINR in dB, MCS, queue.

    SINR is NaN and MCS −1 where nothing was sent.
    """

    cell_prbs: Tensor
    user_bits: Tensor
    user_prbs: Tensor
    user_sinr_db: Tensor
    user_mcs: Tensor
    user_queue: Tensor

    @classmethod
    def empty(
        cls, shape: tuple[int, int, int], slots: int, device: str | torch.device = "cpu"
    ) -> BlockTraces:
        """Room for a block of (realisations, cells, users); with 0 users cells alone are traced."""
        realisations, cells, users = shape
        kinds = (
            (torch.int32, 0.0), (torch.int16, 0.0), (torch.float32, torch.nan), (torch.int8, -1.0),
            (torch.int64, 0.0),
        )  # fmt: skip
        room = (realisations, users, slots)
        return cls(
            torch.zeros((realisations, cells, slots), dtype=torch.int16, device=device),
            *(torch.full(room, first, dtype=dtype, device=device) for dtype, first in kinds),
        )


@dataclass(frozen=True, slots=True)
class Tallies:
    """Where a block adds its sums."""

    cells: CellTally
    users: UserTally
