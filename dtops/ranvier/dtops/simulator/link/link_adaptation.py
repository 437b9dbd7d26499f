"""Link adaptation: rank and CQI that a UE reports, MCS that a cell sends, and the outer loop between them.

    report   CQI_r = the highest whose BLER ≤ 10 % at rank r;   rank = argmax_r  r · efficiency(CQI_r)
    choice   γ = threshold(CQI) + Δ;   MCS = the highest with threshold(MCS) ≤ γ, that is BLER(MCS, γ) ≤ target
    loop     Δ += up on an acknowledged first transmission, −= down on a lost one,   up = down · b / (1 − b)

In equilibrium the steps cancel, (1 − p) up = p down, which is p = b, the target BLER. Only first transmissions
move Δ, since what HARQ combines says nothing of the choice.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ranvier.dtops.simulator.link.cqi import TARGET_BLER
from ranvier.dtops.simulator.link.effective_sinr import mean_information
from ranvier.dtops.simulator.link.tables import TensorTables
from ranvier.ontology.errors import InputError

MODULATIONS = 4


@dataclass(frozen=True, slots=True)
class OuterLoop:
    """Settings of the outer loop.

    target_bler  b, of first transmissions
    down_db      step after a lost block
    least_db, most_db   between which Δ stays
    """

    target_bler: float = TARGET_BLER
    down_db: float = 0.5
    least_db: float = -15.0
    most_db: float = 15.0

    def __post_init__(self) -> None:
        if not 0 < self.target_bler < 1:
            raise InputError("target_bler between 0 and 1", f"{self.target_bler:g}", "choose 0.1")
        if not self.down_db > 0:
            raise InputError("down_db above 0", f"{self.down_db:g}", "choose 0.5")

    @property
    def up_db(self) -> float:
        """Step after an acknowledged block."""
        return self.down_db * self.target_bler / (1 - self.target_bler)


def outer_loop(offset_db: Tensor, acknowledged: Tensor, first: Tensor, loop: OuterLoop) -> Tensor:
    """Δ (…) after blocks that were `acknowledged` (…) bool; unchanged where not a `first` (…) transmission."""
    step = torch.where(acknowledged, loop.up_db, -loop.down_db).to(offset_db.dtype)
    return torch.where(first, (offset_db + step).clamp(loop.least_db, loop.most_db), offset_db)


def wideband_cqi(sinr: Tensor, prbs: Tensor, tables: TensorTables) -> Tensor:
    """CQI (…) int64 of sinr (…, S, V) linear on all sub-bands of `prbs` (S,) PRBs, for rank V.

    Information rises with SINR, so that comparing it is comparing effective SINRs.
    """
    found = torch.zeros(sinr.shape[:-2], dtype=torch.int64, device=sinr.device)
    for modulation in range(MODULATIONS):
        mine = torch.full_like(found, modulation)
        mean = mean_information(sinr, prbs.to(sinr.device).expand(sinr.shape[:-1]), mine, tables.curves)
        fits = mean[..., None] >= tables.cqi_information[sinr.shape[-1] - 1]
        fits = fits & (tables.cqi_modulation == modulation)
        index = torch.arange(len(tables.cqi_modulation), device=sinr.device)
        found = torch.maximum(found, torch.where(fits, index, 0).amax(-1))
    return found


def choose_rank(cqi_rank1: Tensor, cqi_rank2: Tensor, tables: TensorTables) -> Tensor:
    """1 or 2 (…): two layers where they carry more bits by their CQI."""
    return 1 + (2 * tables.cqi_efficiency[cqi_rank2] > tables.cqi_efficiency[cqi_rank1]).to(torch.int64)


def select_mcs(cqi: Tensor, rank: Tensor, offset_db: Tensor, tables: TensorTables) -> Tensor:
    """MCS (…) int64: the highest whose predicted BLER is at most the target; 0 where none is.

    cqi, rank  (…) int64 as reported
    offset_db  (…) Δ of the outer loop
    """
    sinr_db = tables.cqi_threshold_db[rank - 1, cqi] + offset_db
    fits = tables.threshold_db[rank - 1] <= sinr_db[..., None]
    index = torch.arange(fits.shape[-1], device=fits.device)
    return torch.where(fits, index, 0).amax(-1)
