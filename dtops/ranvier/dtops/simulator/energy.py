"""Power of base stations after the model of TR 38.864 6.1: states of sleep, and what sending costs on top.

Relative power of a category 1 base station (TR 38.864 table 6.1-1, reference set 1: 100 MHz, 64 TxRU, 55 dBm),
downlink only, and what a change of state costs:

    state         relative power   transition energy    shortest stay
    deep sleep               1     1000                 50 ms
    light sleep             25       90                  6 ms
    micro sleep             55        0                  0
    active, sending nothing: P_3 = 55;   at full load: P_4 = 280

    P(slot) = P_3 + (P_4 − P_3) · s_f · s_p · s_a  in a slot in which a share s_f of the PRBs is sent

with power and antennas at those of the reference (s_p = s_a = 1), and the rest of symbols without data in
micro sleep. One relative unit of a category 1 station is taken as 4.0 W for the reference's 55 dBm (1,120 W at
full load), and scaled with the transmit power for other cells, P_4 and sleep alike.

A cell that has had nothing to send for a while sleeps deeper: light after 6 ms, deep after 50 ms of silence,
where these are allowed, but wakes for common signals (SSB and system information) each 20 ms, which keeps it
from deep sleep unless it is switched off. Where the time until the next signal is known no energy is wasted,
so a state is entered with the first slot of a silence that turns out to be long enough; here, causally, after
the shortest stay has passed, which is what a scheduler without foresight can do.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ranvier.dtops.simulator.carrier import Carrier
from ranvier.dtops.simulator.layout import Cells
from ranvier.ontology.errors import InputError

DEEP, LIGHT, MICRO, FULL = 1.0, 25.0, 55.0, 280.0
"""Relative powers (TR 38.864 table 6.1-1, category 1, set 1)."""
LIGHT_ENERGY = 90.0
"""Of leaving light sleep, relative power × ms; deep: 1000."""
DEEP_ENERGY = 1000.0
LIGHT_MS, DEEP_MS = 6.0, 50.0
SIGNAL_PERIOD_MS = 20.0
"""Of SSB bursts, in which a cell that is on is awake for one slot (TS 38.213 4.1)."""
SIGNAL_SHARE = 0.2
"""Of the PRBs in such a slot: 20 of 106 (TS 38.211 7.4.3.1)."""
UNIT_W = 4.0
REFERENCE_DBM = 55.0


@dataclass(frozen=True, slots=True)
class Sleep:
    """Which states a silent cell may go to."""

    light: bool = True
    deep: bool = True


@dataclass(slots=True)
class EnergyState:
    """silent (R, C) int64: slots since a cell last sent anything."""

    silent: Tensor


def fresh_energy(realisations: int, cells: int, device: torch.device | str = "cpu") -> EnergyState:
    """All have just sent something."""
    return EnergyState(torch.zeros((realisations, cells), dtype=torch.int64, device=device))


def unit_w(cells: Cells) -> Tensor:
    """(C,) watts of one relative unit of each cell."""
    if (cells.power_dbm > 80).any():
        raise InputError("power_dbm of 80 at most", f"{cells.power_dbm.max():g}", "lower it")
    return UNIT_W * 10 ** ((torch.from_numpy(cells.power_dbm) - REFERENCE_DBM) / 10)


def spent(state: EnergyState, prbs: Tensor, first: int, carrier: Carrier, on: Tensor, sleep: Sleep) -> Tensor:
    """Relative power × slots of each cell (R, C) float64 over a block; alters the state.

    prbs  (R, C, N) PRBs with data in each slot
    first absolute slot of the block
    on    (C,) bool; a cell that is off is in deep sleep
    """
    light, deep = (max(1, round(ms * 1e-3 / carrier.slot_s)) for ms in (LIGHT_MS, DEEP_MS))
    every = max(1, round(SIGNAL_PERIOD_MS * 1e-3 / carrier.slot_s))
    slot_ms = carrier.slot_s * 1e3
    total = torch.zeros(prbs.shape[:2], dtype=torch.float64, device=prbs.device)
    for n in range(prbs.shape[2]):
        share = prbs[..., n].to(torch.float64) / carrier.prbs
        if (first + n) % every == 0:
            share = torch.where(on, share.clamp(min=SIGNAL_SHARE), share)
        sends = share > 0
        asleep = torch.where(sleep.deep & (state.silent >= deep), DEEP_ENERGY, 0.0)
        dozing = torch.where(sleep.light & (state.silent >= light), LIGHT_ENERGY, 0.0)
        waking = torch.where(sends & on, torch.maximum(asleep, dozing), 0.0) / slot_ms
        state.silent = torch.where(sends, 0, state.silent + 1)
        idle = torch.full_like(share, MICRO)
        if sleep.light:
            idle = torch.where(state.silent >= light, LIGHT, idle)
        if sleep.deep:
            idle = torch.where(state.silent >= deep, DEEP, idle)
        power = torch.where(sends, MICRO + (FULL - MICRO) * share, idle)
        total += torch.where(on, power + waking, DEEP)
    return total
