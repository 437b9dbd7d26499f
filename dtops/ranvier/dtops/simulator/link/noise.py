"""Thermal noise: N = k T0 B F, at T0 = 290 K (−174 dBm/Hz), and the receiver's noise figure."""

from __future__ import annotations

import math

from ranvier.dtops.simulator.carrier import Carrier

BOLTZMANN_J_K = 1.380649e-23
"""Exact (SI, 2019)."""
REFERENCE_K = 290.0
"""T0 of the definition of noise figure (ITU-R P.372)."""
UE_NOISE_FIGURE_DB = 9.0
"""Below 6 GHz (TR 38.901 table 7.8-1)."""
UE_NOISE_FIGURE_MMWAVE_DB = 10.0
"""At 30 and 70 GHz (TR 38.901 table 7.8-1)."""


def noise_density_dbm_hz(noise_figure_db: float = UE_NOISE_FIGURE_DB) -> float:
    """Noise density k T0 F in dBm/Hz."""
    return 10 * math.log10(BOLTZMANN_J_K * REFERENCE_K * 1e3) + noise_figure_db


def noise_mw(bandwidth_hz: float, noise_figure_db: float = UE_NOISE_FIGURE_DB) -> float:
    """Noise power k T0 B F in milliwatts."""
    return float(BOLTZMANN_J_K * REFERENCE_K * 1e3 * bandwidth_hz * 10 ** (noise_figure_db / 10))


def prb_noise_mw(carrier: Carrier, noise_figure_db: float = UE_NOISE_FIGURE_DB) -> float:
    """Noise in one PRB, in milliwatts; a sub-band of n PRBs has n times as much."""
    return noise_mw(carrier.prb_hz, noise_figure_db)


def subband_prbs(carrier: Carrier) -> tuple[int, ...]:
    """PRBs of each of the S sub-bands; the last has what is left."""
    whole = carrier.prbs_of_subband
    return (*[whole] * (carrier.subbands - 1), carrier.prbs - whole * (carrier.subbands - 1))


def subband_noise_mw(carrier: Carrier, noise_figure_db: float = UE_NOISE_FIGURE_DB) -> tuple[float, ...]:
    """Noise in each of the S sub-bands, in milliwatts."""
    one = prb_noise_mw(carrier, noise_figure_db)
    return tuple(one * prbs for prbs in subband_prbs(carrier))
