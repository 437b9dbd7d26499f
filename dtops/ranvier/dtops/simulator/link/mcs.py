"""Modulation and coding schemes (TS 38.214 5.1.3.1) and transport block sizes (5.1.3.2, steps 1 to 4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ranvier.dtops.simulator.carrier import SUBCARRIERS, SYMBOLS
from ranvier.ontology.errors import InputError

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
TableName = Literal["64qam", "256qam"]

_64QAM = (
    (2, 120), (2, 157), (2, 193), (2, 251), (2, 308), (2, 379), (2, 449), (2, 526), (2, 602), (2, 679),
    (4, 340), (4, 378), (4, 434), (4, 490), (4, 553), (4, 616), (4, 658),
    (6, 438), (6, 466), (6, 517), (6, 567), (6, 616), (6, 666), (6, 719), (6, 772), (6, 822), (6, 873),
    (6, 910), (6, 948),
)  # fmt: skip
"""Q_m and 1024 R of MCS 0 to 28 (table 5.1.3.1-1)."""
_256QAM = (
    (2, 120), (2, 193), (2, 308), (2, 449), (2, 602),
    (4, 378), (4, 434), (4, 490), (4, 553), (4, 616), (4, 658),
    (6, 466), (6, 517), (6, 567), (6, 616), (6, 666), (6, 719), (6, 772), (6, 822), (6, 873),
    (8, 682.5), (8, 711), (8, 754), (8, 797), (8, 841), (8, 885), (8, 916.5), (8, 948),
)  # fmt: skip
"""Q_m and 1024 R of MCS 0 to 27 (table 5.1.3.1-2)."""

SMALL_BLOCKS = np.array(
    [
        24, 32, 40, 48, 56, 64, 72, 80, 88, 96, 104, 112, 120, 128, 136, 144, 152, 160, 168, 176, 184, 192,
        208, 224, 240, 256, 272, 288, 304, 320, 336, 352, 368, 384, 408, 432, 456, 480, 504, 528, 552, 576,
        608, 640, 672, 704, 736, 768, 808, 848, 888, 928, 984, 1032, 1064, 1128, 1160, 1192, 1224, 1256,
        1288, 1320, 1352, 1416, 1480, 1544, 1608, 1672, 1736, 1800, 1864, 1928, 2024, 2088, 2152, 2216,
        2280, 2408, 2472, 2536, 2600, 2664, 2728, 2792, 2856, 2976, 3104, 3240, 3368, 3496, 3624, 3752, 3824,
    ],
    dtype=np.int64,
)  # fmt: skip
"""Transport block sizes up to 3824 bits (table 5.1.3.2-1)."""
MOST_RES_OF_PRB = 156
"""Resource elements of a PRB that count at most (5.1.3.2 step 1)."""
LARGEST_CODE_BLOCK, LARGEST_CODE_BLOCK_LOW_RATE = 8448, 3840
"""K_cb of LDPC base graphs 1 and 2 (TS 38.212 5.2.2)."""
BLOCK_CRC = 24
"""Bits of a code block's CRC, and of a long transport block's (TS 38.212 5.1, 5.2.2)."""


@dataclass(frozen=True, slots=True)
class McsTable:
    """M schemes: modulation_bits Q_m, (M,), rate R, (M,), and efficiency Q_m R in bits per resource element."""

    name: str
    modulation_bits: Ints
    rate: Floats

    @property
    def efficiency(self) -> Floats:
        """Bits per resource element and layer, (M,)."""
        return self.modulation_bits * self.rate

    def __len__(self) -> int:
        return len(self.rate)


def mcs_table(name: TableName = "256qam") -> McsTable:
    """One of the two tables. Raises InputError for another name."""
    rows = {"64qam": _64QAM, "256qam": _256QAM}.get(name)
    if rows is None:
        raise InputError("an MCS table of 64qam or 256qam", str(name), "choose one of them")
    return McsTable(name, np.array([q for q, _ in rows]), np.array([r / 1024 for _, r in rows]))


def information_bits(
    prbs: Ints,
    efficiency: Floats,
    layers: int,
    dmrs_res: int = 12,
    overhead_res: int = 0,
    symbols: int = SYMBOLS,
) -> Floats:
    """N_info = N_RE R Q_m υ, with N_RE = min(156, 12 N_symb − N_DMRS − N_oh) n_PRB (5.1.3.2 steps 1 and 2).

    dmrs_res      resource elements of DM-RS in a PRB (12: one symbol, both CDM groups without data)
    overhead_res  xOverhead of the PDSCH's configuration: 0, 6, 12 or 18
    symbols       of the allocation
    """
    res = min(MOST_RES_OF_PRB, SUBCARRIERS * symbols - dmrs_res - overhead_res)
    return np.asarray(prbs * res * efficiency * layers, dtype=np.float64)


def transport_block_bits(information: Floats, rate: Floats) -> Ints:
    """The transport block's size for N_info and R, broadcast (5.1.3.2 steps 3 and 4); 0 for N_info = 0."""
    information, rate = np.broadcast_arrays(np.asarray(information, float), np.asarray(rate, float))
    found = np.where(information <= 3824, _small(information), _large(information, rate))
    return np.where(information > 0, found, 0)


def _small(information: Floats) -> Ints:
    """Step 3: the least size of the table that is not below N'_info."""
    n = np.maximum(3, np.floor(np.log2(np.maximum(information, 1))) - 6)
    quantised = np.maximum(24, 2**n * np.floor(information / 2**n))
    place = np.minimum(np.searchsorted(SMALL_BLOCKS, quantised), len(SMALL_BLOCKS) - 1)
    return np.asarray(SMALL_BLOCKS[place])


def _large(information: Floats, rate: Floats) -> Ints:
    """Step 4: N'_info in code blocks of equal size, each a multiple of 8 bits."""
    excess = np.maximum(information - 24, 1)
    n = np.floor(np.log2(excess)) - 5
    # Halves round up, as TS 38.214 does, not to even.
    quantised = np.maximum(3840, 2**n * np.floor(excess / 2**n + 0.5))
    low = np.ceil((quantised + 24) / 3816)
    high = np.where(quantised > 8424, np.ceil((quantised + 24) / 8424), 1)
    blocks = np.where(rate <= 0.25, low, high)
    return np.asarray(8 * blocks * np.ceil((quantised + 24) / (8 * blocks)) - 24, dtype=np.int64)


def code_blocks(transport_bits: Ints, rate: Floats) -> tuple[Ints, Floats]:
    """Number of code blocks and bits of each (TS 38.212 5.2.2), for a transport block A and its rate.

    Base graph 2 for A ≤ 292, or A ≤ 3824 and R ≤ 0.67, or R ≤ 0.25 (7.2.2); CRCs count as bits.
    """
    bits, rate = np.broadcast_arrays(np.asarray(transport_bits), np.asarray(rate, float))
    second = (bits <= 292) | ((bits <= 3824) & (rate <= 0.67)) | (rate <= 0.25)
    largest = np.where(second, LARGEST_CODE_BLOCK_LOW_RATE, LARGEST_CODE_BLOCK)
    total = bits + np.where(bits > 3824, 24, 16)
    number = np.where(total <= largest, 1, -(-total // (largest - BLOCK_CRC)))
    each = np.where(number == 1, total, (total + number * BLOCK_CRC) / number)
    return np.asarray(number, dtype=np.int64), np.asarray(each, dtype=np.float64)
