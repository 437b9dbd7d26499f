"""`Carrier`: frequency, bandwidth and numerology, and the grid of PRBs and sub-bands that follows from them."""

from __future__ import annotations

from dataclasses import dataclass

from ranvier.ontology.errors import InputError

LOWEST_HZ, HIGHEST_HZ = 0.5e9, 100e9
"""The range of TR 38.901 (clause 1)."""
FR2_HZ = 24.25e9
"""Where frequency range 2 begins (TS 38.104 table 5.1-1)."""
SUBCARRIERS = 12
"""Of a PRB (TS 38.211 4.4.4.1)."""
SYMBOLS = 14
"""OFDM symbols of a slot with normal cyclic prefix (TS 38.211 table 4.3.2-1)."""

_PRBS = {
    15: {5: 25, 10: 52, 15: 79, 20: 106, 25: 133, 30: 160, 35: 188, 40: 216, 45: 242, 50: 270},
    30: {
        5: 11, 10: 24, 15: 38, 20: 51, 25: 65, 30: 78, 35: 92, 40: 106, 45: 119, 50: 133, 60: 162,
        70: 189, 80: 217, 90: 245, 100: 273,
    },
    60: {
        10: 11, 15: 18, 20: 24, 25: 31, 30: 38, 35: 44, 40: 51, 45: 58, 50: 65, 60: 79, 70: 93,
        80: 107, 90: 121, 100: 135,
    },
    120: {50: 32, 100: 66, 200: 132, 400: 264},
}  # fmt: skip
"""N_RB by subcarrier spacing in kHz and bandwidth in MHz (TS 38.101-1 table 5.3.2-1, TS 38.101-2 5.3.2-1)."""
_PRBS_FR2_60 = {50: 66, 100: 132, 200: 264}


@dataclass(frozen=True, slots=True)
class Carrier:
    """A downlink carrier.

    frequency_hz   centre, 0.5 to 100 GHz
    bandwidth_hz   channel bandwidth
    numerology     µ of TS 38.211: subcarrier spacing 15·2^µ kHz, slot 1 ms / 2^µ
    subband_prbs   PRBs of a sub-band, within which fading is flat; None: as many as give about 18 sub-bands
    """

    frequency_hz: float = 3.5e9
    bandwidth_hz: float = 20e6
    numerology: int = 0
    subband_prbs: int | None = None

    def __post_init__(self) -> None:
        if not LOWEST_HZ <= self.frequency_hz <= HIGHEST_HZ:
            raise InputError(
                "frequency_hz of 0.5e9 to 100e9, the range of TR 38.901",
                f"{self.frequency_hz:g}",
                "choose another",
            )
        if self.numerology not in range(4):
            raise InputError("numerology of 0 to 3", str(self.numerology), "choose another")
        if not self.bandwidth_hz > 0:
            raise InputError("bandwidth_hz above 0", f"{self.bandwidth_hz:g}", "choose another")
        if self.prbs < 1:
            raise InputError(
                f"bandwidth_hz of at least one PRB ({self.prb_hz:g} Hz)", f"{self.bandwidth_hz:g}", "widen it"
            )
        if self.subband_prbs is not None and not 1 <= self.subband_prbs <= self.prbs:
            raise InputError(f"subband_prbs of 1 to {self.prbs}", str(self.subband_prbs), "choose another")

    @property
    def slot_s(self) -> float:
        """Length of a slot in seconds."""
        return 1e-3 / (1 << self.numerology)

    @property
    def slot_ns(self) -> int:
        """Length of a slot in nanoseconds."""
        return 1_000_000 // (1 << self.numerology)

    @property
    def subcarrier_hz(self) -> float:
        """Subcarrier spacing."""
        return 15e3 * (1 << self.numerology)

    @property
    def prb_hz(self) -> float:
        """Width of a PRB."""
        return SUBCARRIERS * self.subcarrier_hz

    @property
    def prbs(self) -> int:
        """N_RB of the standard's table; for other bandwidths what fits into 90 % of it."""
        spacing, mhz = round(self.subcarrier_hz / 1e3), self.bandwidth_hz / 1e6
        table = _PRBS_FR2_60 if spacing == 60 and self.frequency_hz >= FR2_HZ else _PRBS[spacing]
        fitting = int(0.9 * self.bandwidth_hz / self.prb_hz)
        return table.get(round(mhz), fitting) if mhz == round(mhz) else fitting

    @property
    def prbs_of_subband(self) -> int:
        """PRBs of every sub-band but perhaps the last."""
        return self.subband_prbs or max(1, round(self.prbs / 18))

    @property
    def subbands(self) -> int:
        """S, how many sub-bands the carrier has."""
        return -(-self.prbs // self.prbs_of_subband)

    @property
    def wavelength_m(self) -> float:
        """Of the centre frequency."""
        return 299_792_458.0 / self.frequency_hz
