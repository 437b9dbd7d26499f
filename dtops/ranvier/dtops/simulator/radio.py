"""What users receive of each cell apart from fast fading: powers from gains, and which links matter to whom.

LinkGains + Cells ► received power ─┬─► SS-RSRP per link ► control
                                    └─► serving link, strongest others ► slots
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from ranvier.dtops.simulator.carrier import SUBCARRIERS, Carrier
from ranvier.dtops.simulator.layout import Cells, Layout
from ranvier.dtops.simulator.link_gains import LinkGains

NOWHERE = -1


def received_mw(gains: LinkGains, layout: Layout, carrier: Carrier) -> Tensor:
    """(R, U, L, B) float32: power received on one PRB of each beam while its cell sends, mW.

    P_rx = P_tx · g / N_RB. Zero where there is no link, or its cell is off.
    """
    power_dbm = _by_cell(_power_dbm(layout.cells), gains.cell) - 10 * math.log10(carrier.prbs)
    # Not exp2: its last bit depends on where in a vector an element falls, and so on the batch.
    return torch.exp((gains.gain_db + power_dbm[..., None].to(torch.float32)) * (math.log(10) / 10))


def ss_rsrp_dbm(gains: LinkGains, layout: Layout, carrier: Carrier) -> Tensor:
    """(R, U, L) float32: SS-RSRP of each cell's strongest beam in dBm (TS 38.215 5.1.1); −inf where none.

    The power of a resource element: that of a PRB over its 12 subcarriers.
    """
    power_dbm = _power_dbm(layout.cells) - 10 * math.log10(carrier.prbs * SUBCARRIERS)
    return gains.gain_db.amax(dim=-1) + _by_cell(power_dbm, gains.cell).to(torch.float32)


def wideband_sinr_db(power_mw: Tensor, serving: Tensor, load: Tensor, noise_mw: float) -> Tensor:
    """(R, U) float32: of the serving link at its local mean; what radio link monitoring sees.

    power_mw  (R, U, L) of the strongest beam, zero for links that do not interfere
    serving   (R, U) index of the serving link, −1 for none: −inf there
    load      (R, U, L) the part of its resources that each link's cell has lately used, 0 to 1
    noise_mw  on one PRB
    """
    wanted = power_mw.gather(2, serving.clamp(min=0)[..., None])[..., 0]
    others = (
        summed_over_links(power_mw * load) - wanted * load.gather(2, serving.clamp(min=0)[..., None])[..., 0]
    )
    ratio = 10 * torch.log10(wanted / (others.clamp(min=0) + noise_mw))
    return torch.where(serving >= 0, ratio, -math.inf)


def summed_over_links(links: Tensor) -> Tensor:
    """(R, U) the sum over L, in the order of links whatever the batch."""
    total = links[..., 0].clone()
    for link in range(1, links.shape[-1]):
        total += links[..., link]
    return total


def link_of(cell: Tensor, wanted: Tensor) -> Tensor:
    """(R, U) int64: which of a user's links (R, U, L) leads to the cell `wanted` (R, U); −1 where none does."""
    hit = (cell == wanted[..., None]) & (wanted[..., None] >= 0)
    found = hit.to(torch.int8).argmax(dim=-1)
    return torch.where(hit.any(dim=-1), found, NOWHERE)


def on_the_carrier(power_mw: Tensor, cell: Tensor, serving_cell: Tensor, carrier_of_cell: Tensor) -> Tensor:
    """`power_mw` (R, U, L, B) with the links zero whose cell sends on another carrier than the serving one."""
    own = carrier_of_cell[serving_cell.clamp(min=0)]
    same = carrier_of_cell[cell.clamp(min=0)] == own[..., None]
    return torch.where(same[..., None], power_mw, 0.0)


def strongest_others(power_mw: Tensor, serving: Tensor, count: int) -> Tensor:
    """(R, U, K) int64: the links that a user hears best beside its serving one, the strongest first.

    power_mw  (R, U, L) of the strongest beam. Where there are fewer than `count`, −1.
    """
    links = power_mw.shape[-1]
    taken = torch.arange(links, device=power_mw.device) == serving[..., None]
    apart = torch.where(taken, -1.0, power_mw)
    value, place = torch.sort(apart, dim=-1, descending=True, stable=True)
    place = torch.where(value > 0, place, NOWHERE)[..., :count]
    missing = count - place.shape[-1]
    return torch.nn.functional.pad(place, (0, missing), value=NOWHERE) if missing > 0 else place.contiguous()


def _power_dbm(cells: Cells) -> Tensor:
    """(C,) transmit power; −inf where a cell is off."""
    return torch.from_numpy(np.where(cells.on, cells.power_dbm, -math.inf))


def _by_cell(column: Tensor, cell: Tensor) -> Tensor:
    """(R, U, L) the entry of each link's cell; −inf where there is no link."""
    found = column.to(cell.device)[cell.clamp(min=0)]
    return torch.where(cell >= 0, found, -math.inf)
