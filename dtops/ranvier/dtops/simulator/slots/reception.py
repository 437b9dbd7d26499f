"""What users receive in a slot, in torch: layers, decoding of transport blocks, and CSI reports.

A block's transmissions are combined as by maximum ratio (Chase): their effective SINRs add. Whether it is
decoded is drawn once for each transmission, by user, number of the block and number of the transmission, so
that the same block meets the same luck whatever else happens.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ranvier.dtops.simulator import streams
from ranvier.dtops.simulator.link.bler import block_error, combine_chase
from ranvier.dtops.simulator.link.effective_sinr import mean_information, rank1_sinr, rank2_sinr
from ranvier.dtops.simulator.link.information import sinr_of_information
from ranvier.dtops.simulator.link.link_adaptation import choose_rank, wideband_cqi
from ranvier.dtops.simulator.link.tables import LinkTables
from ranvier.dtops.simulator.slots import interference
from ranvier.dtops.simulator.slots.block import Block
from ranvier.dtops.simulator.slots.scheduling import Grants
from ranvier.dtops.simulator.slots.state import WAITING, SlotState

DECODING = streams.purpose("decoding")
LEAST_DB, LEAST = -60.0, 1e-30
"""The SINR in dB that is counted at least, and the linear one of which a logarithm is taken."""
Floats = NDArray[np.float64]
Rows = tuple[Tensor, Tensor]
"""Some users: their realisations and their numbers, (n,) each."""


def cqi_levels(tables: LinkTables) -> Floats:
    """(2, 16): what a sub-band's SINR at rank 1, or the product of both layers' at rank 2, must reach for a CQI.

    The product is that of the mean in dB of the layers, which is compared with the CQI's SINR.
    """
    decibels = tables.cqi_threshold_db
    return np.asarray(np.stack([10 ** (decibels[0] / 10), 10 ** (decibels[1] / 5)]))


def layers(gains: Tensor, snr: Tensor, rank: int) -> Tensor:
    """(n, S, rank) linear SINR after the receiver, of gains (n, S, 4) and snr (n, S)."""
    return rank1_sinr(gains, snr)[..., None] if rank == 1 else rank2_sinr(gains, snr)


def decode(
    state: SlotState, block: Block, grants: Grants, slot: int, fading: interference.Fading
) -> tuple[Rows, Tensor]:
    """One transmission of all that was granted: whether it will be acknowledged. The rows and SINRs in dB."""
    r, u = grants.process.ge(0).nonzero(as_tuple=True)
    rows = r, u
    p = grants.process[rows]
    sent = interference.activity(grants.mine, block)
    snr = interference.snr(block, sent, fading, rows)
    one = _effective(state, block, (r, u, p), grants.mine[rows] * block.prbs, (fading.gains[rows], snr))
    together = combine_chase(state.harq_sinr[r, u, p], one)
    state.harq_sinr[r, u, p] = together
    error = _error(state, block, (r, u, p), 10 * torch.log10(together.clamp(min=LEAST)))
    key = streams.chain(
        block.inputs.run_seed[r], DECODING, block.inputs.user_key[u], state.harq_number[r, u, p],
        state.harq_sent[r, u, p],
    )  # fmt: skip
    state.harq_ok[r, u, p] = streams.uniform(key) >= error
    state.harq_sent[r, u, p] += 1
    state.harq_phase[r, u, p] = WAITING
    state.harq_due[r, u, p] = slot + block.settings.ack_delay_slots
    return rows, (10 * torch.log10(one.clamp(min=LEAST))).clamp(min=LEAST_DB)


def _effective(
    state: SlotState, block: Block, where: tuple[Tensor, Tensor, Tensor], prbs: Tensor, heard: Rows
) -> Tensor:
    """(n,) float64 effective linear SINR of a transmission on prbs (n, S).

    heard  gains (n, S, 4) and snr (n, S)
    """
    gains, snr = heard
    modulation = block.tables.modulation[state.harq_mcs[where]]
    curves = block.tables.curves
    single, double = (mean_information(layers(gains, snr, rank), prbs, modulation, curves) for rank in (1, 2))
    information = torch.where(state.harq_rank[where] == 1, single, double)
    return sinr_of_information(information, modulation, curves)


def _error(state: SlotState, block: Block, where: tuple[Tensor, Tensor, Tensor], sinr_db: Tensor) -> Tensor:
    """(n,) BLER of the blocks at their combined SINR."""
    tables = block.tables
    at = state.harq_rank[where] - 1, state.harq_mcs[where], state.harq_prbs[where]
    return block_error(sinr_db, tables.centre_db[at], tables.width_db[at], tables.code_blocks[at])


def report(
    state: SlotState, block: Block, sent: interference.Activity, slot: int, fading: interference.Fading
) -> None:
    """Users whose turn it is measure rank and CQI of each sub-band on what is sent now (TS 38.214 5.2.2.1)."""
    settings, tables = block.settings, block.tables
    due = (slot + block.inputs.user_key) % settings.csi_period_slots == 0
    r, u = (due & (block.home < block.cells)).nonzero(as_tuple=True)
    snr = interference.snr(block, sent, fading, (r, u))
    single = layers(fading.gains[r, u], snr, 1)
    wide = wideband_cqi(single, block.prbs, tables)
    rank = torch.ones_like(wide)
    sinr = single[..., 0].to(torch.float64)
    if settings.layers == 2:
        double = layers(fading.gains[r, u], snr, 2)
        both = wideband_cqi(double, block.prbs, tables)
        rank = choose_rank(wide, both, tables)
        wide = torch.where(rank == 2, both, wide)
        product = double[..., 0].to(torch.float64) * double[..., 1].to(torch.float64)
        sinr = torch.where((rank == 2)[:, None], product, sinr)
    fits = sinr[..., None] >= block.levels[rank - 1][:, None]
    state.next_cqi[r, u] = torch.where(fits, torch.arange(fits.shape[-1], device=r.device), 0).amax(-1)
    state.next_rank[r, u] = rank
    state.next_slot[r, u] = slot + settings.csi_delay_slots
    reports = block.tallies.cells.cqi_reports
    one = torch.ones((), dtype=reports.dtype, device=reports.device)
    reports.index_put_((r, block.home[r, u], wide), one, accumulate=True)
