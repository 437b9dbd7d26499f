"""What cells spend in a block, from the PRBs that they sent in each slot.

    a slot with data        a · P_static + (1 − a) · P3 + s_f · s_p · s_a · (P4 − P_static)
                            a: part of its symbols that are sent; 1 without symbol shutdown
    a silent slot           P3; P2 in light, P1 in deep sleep
    a slot that wakes one   E2 or E1 on top
    a cell that is off      P1; to switch it on costs E1

A silent cell falls asleep when it has been silent for `light_after` (`deep_after`) slots and the next common
signal is at least T2 (T1) away: signals are known ahead, arrivals are not. What arrives while a cell sleeps is
not delayed by its waking: energy is reckoned after the slots were run.

The unit: a cell is taken to be built for its rated power, of which at full load it radiates `full_efficiency`:

    unit = P_rated / (full_efficiency · P4)

so that at 46 dBm and 28 % a cell of set 1 takes 142 W at full load, 28 W in micro sleep, 0.5 W in deep sleep.

Energies of slots are rounded to 2⁻²⁶ J, so sums are exact in any order: where a run is cut changes nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ranvier.dtops.simulator.carrier import SYMBOLS, Carrier
from ranvier.dtops.simulator.energy.power_states import STATIC_OVER_MICRO
from ranvier.dtops.simulator.energy.settings import EnergySettings
from ranvier.ontology.errors import InputError

SSB_PRBS, SSB_SYMBOLS = 20, 4
"""Of a synchronisation signal block (TS 38.211 7.4.3.1)."""
SSBS_OF_SLOT = 2
"""That start in one slot (TS 38.213 4.1)."""
AWAKE, LIGHT, DEEP = 0, 1, 2
STEPS_OF_J = 2.0**26
HIGHEST_DBM = 80.0


@dataclass(slots=True)
class EnergyState:
    """R × C cells between two blocks; altered in place.

    silent  (R, C) int64: slots since a cell last sent anything
    depth   (R, C) int64: AWAKE, LIGHT or DEEP, in the last slot
    """

    silent: Tensor
    depth: Tensor


class EnergyModel:
    """The power of cells that are built for `rated_dbm` (C,); `beams` SSBs a burst."""

    def __init__(self, settings: EnergySettings, carrier: Carrier, rated_dbm: Tensor, beams: int = 1) -> None:
        if bool((rated_dbm > HIGHEST_DBM).any()):
            raise InputError(f"power_dbm of {HIGHEST_DBM:g} at most", f"{rated_dbm.max():g}", "lower it")
        self._settings, self._states, self._carrier = settings, settings.states, carrier
        self._rated_dbm, self._beams = rated_dbm.to(torch.float64), beams
        self._static = STATIC_OVER_MICRO * self._states.micro

    @property
    def unit_w(self) -> Tensor:
        """(C,) float64 watts of one relative unit."""
        rated_w = 10 ** (self._rated_dbm / 10) / 1e3
        return rated_w / (self._settings.full_efficiency * self._states.full)

    def fresh(self, realisations: int) -> EnergyState:
        """All have just sent something."""
        nothing = torch.zeros(
            (realisations, len(self._rated_dbm)), dtype=torch.int64, device=self._rated_dbm.device
        )
        return EnergyState(nothing, nothing.clone())

    def spent(self, state: EnergyState, prbs: Tensor, first: int, power_dbm: Tensor, on: Tensor) -> Tensor:
        """(R, C) float64 joules of a block; alters the state.

        prbs       (R, C, N) PRBs with data in each slot
        first      absolute slot of the block
        power_dbm  (C,) transmit power now; on (C,) bool whether the cell is on
        """
        signal = self._signal(first, prbs.shape[2], prbs.device)
        sends = ((prbs > 0) | (signal > 0)) & on[:, None]
        depth = torch.where(on[:, None], self._depth(state, sends, first), DEEP)
        before = torch.cat([state.depth[..., None], depth[..., :-1]], dim=2)
        power = torch.where(sends, self._active(prbs, signal, power_dbm), self._asleep(depth))
        waking = torch.where(sends, self._waking(before), 0.0)
        joules = (power * (self._carrier.slot_s * 1e3) + waking) * (self.unit_w[:, None] * 1e-3)
        state.depth = depth[..., -1]
        return (torch.round(joules * STEPS_OF_J) / STEPS_OF_J).sum(dim=-1)

    def _slots(self, ms: float) -> int:
        return max(1, math.ceil(ms * 1e-3 / self._carrier.slot_s - 1e-9))

    def _signal(self, first: int, slots: int, device: torch.device) -> Tensor:
        """(N,) float64: SSBs in each slot."""
        period = self._slots(self._settings.signal_period_ms)
        place = torch.arange(first, first + slots, device=device) % period
        return (self._beams - SSBS_OF_SLOT * place).clamp(0, SSBS_OF_SLOT).to(torch.float64)

    def _depth(self, state: EnergyState, sends: Tensor, first: int) -> Tensor:
        """(R, C, N) int64 of each slot, for cells that are on."""
        place = torch.arange(sends.shape[2], device=sends.device)
        # The last slot up to each that sent: negative where that was before the block.
        last = torch.where(sends, place, -1 - state.silent[..., None]).cummax(dim=2).values
        depth = torch.zeros_like(last)
        for level, allowed, after_ms, stay_ms in (
            (LIGHT, self._settings.light, self._settings.light_after_ms, self._states.light_ms),
            (DEEP, self._settings.deep, self._settings.deep_after_ms, self._states.deep_ms),
        ):
            if allowed:
                begins = last + 1 + self._slots(stay_ms if after_ms is None else after_ms)
                falls = (place >= begins) & (self._until_signal(begins + first) >= self._slots(stay_ms))
                depth = torch.where(falls, level, depth)
        # A cell that was switched on sleeps on until it has something to send.
        still = (state.depth[..., None] == DEEP) & (last < 0)
        state.silent = sends.shape[2] - 1 - last[..., -1]
        return torch.where(still, DEEP, depth)

    def _until_signal(self, slot: Tensor) -> Tensor:
        period = self._slots(self._settings.signal_period_ms)
        return period - slot % period

    def _active(self, prbs: Tensor, signal: Tensor, power_dbm: Tensor) -> Tensor:
        """(R, C, N) relative power of slots in which something is sent."""
        of_signal = signal * (SSB_PRBS * SSB_SYMBOLS / (SYMBOLS * self._carrier.prbs))
        share = (prbs.to(torch.float64) / self._carrier.prbs + of_signal).clamp(max=1)
        symbols = torch.ones_like(share)
        if self._settings.symbols:
            of_data = torch.ceil(SYMBOLS * prbs.to(torch.float64) / self._carrier.prbs)
            symbols = ((of_data + signal * SSB_SYMBOLS) / SYMBOLS).clamp(max=1)
        strength = 10 ** ((power_dbm.to(torch.float64) - self._rated_dbm) / 10)
        dynamic = self._settings.antenna_share * strength[:, None] * (self._states.full - self._static)
        return self._states.micro + symbols * (self._static - self._states.micro) + share * dynamic

    def _asleep(self, depth: Tensor) -> Tensor:
        return _of_depth(depth, self._states.micro, self._states.light, self._states.deep)

    def _waking(self, depth: Tensor) -> Tensor:
        return _of_depth(depth, 0.0, self._states.light_energy, self._states.deep_energy)


def _of_depth(depth: Tensor, awake: float, light: float, deep: float) -> Tensor:
    """float64, shaped as depth."""
    found = torch.full_like(depth, awake, dtype=torch.float64)
    return found.masked_fill_(depth == LIGHT, light).masked_fill_(depth == DEEP, deep)
