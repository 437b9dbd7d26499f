"""Block error rate of a transport block at an effective SINR, and HARQ's combining of its transmissions.

    BLER_cb = Φ((m − γ_dB) / w)          of a code block; m, w of its modulation, rate and size (bler_awgn.csv)
    BLER    = 1 − (1 − BLER_cb)^n        of a block of n code blocks, each with errors of its own

m and w are linear in ln K between the sizes of the table (24 to 2000 bits). Above 2000 bits m stays, and w goes
on as K^−0.47, the exponent of the fit below (a code's dispersion would give −1/2); up to 8448 bits.
"""

from __future__ import annotations

import csv
from functools import lru_cache
from importlib.resources import files
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtri
from torch import Tensor

from ranvier.ontology.errors import InputError

Floats = NDArray[np.float64]
Combining = Literal["chase", "incremental"]
WIDTH_EXPONENT = -0.47
"""Of K, above the largest code block of the table (the fit's c)."""


@lru_cache(maxsize=1)
def awgn_table() -> dict[tuple[int, float], tuple[Floats, Floats, Floats]]:
    """By modulation bits and 1024 R: code block sizes, centres and widths in dB, (sizes,) each."""
    rows: dict[tuple[int, float], list[tuple[float, float, float]]] = {}
    text = files("ranvier.dtops.simulator.link").joinpath("bler_awgn.csv").read_text()
    for row in csv.DictReader(text.splitlines()):
        key = int(row["modulation_bits"]), float(row["rate_1024"])
        point = float(row["code_block_bits"]), float(row["centre_db"]), float(row["width_db"])
        rows.setdefault(key, []).append(point)
    found = {}
    for key, points in rows.items():
        sizes, centres, widths = (np.array(column) for column in zip(*sorted(points), strict=True))
        found[key] = sizes, centres, widths
    return found


def centre_and_width_db(modulation_bits: int, rate: float, code_block_bits: Floats) -> tuple[Floats, Floats]:
    """Return m and w in dB for code blocks of these sizes (…). Raises InputError for a scheme without a curve."""
    curve = awgn_table().get((modulation_bits, round(rate * 1024, 1)))
    if curve is None:
        raise InputError(
            "a modulation and rate of TS 38.214 5.1.3.1-1, 5.1.3.1-2, 5.2.2.1-2 or 5.2.2.1-3",
            f"{modulation_bits} bits at {rate:g}",
            "take it from cqi_table or mcs_table",
        )
    sizes, centres, widths = curve
    at = np.log(np.clip(code_block_bits, sizes[0], None))
    centre = np.interp(at, np.log(sizes), centres)
    width = np.exp(np.interp(at, np.log(sizes), np.log(widths)))
    return centre, width * np.maximum(1.0, np.exp(at) / sizes[-1]) ** WIDTH_EXPONENT


def block_error(sinr_db: Tensor, centre_db: Tensor, width_db: Tensor, code_blocks: Tensor) -> Tensor:
    """1 − (1 − Φ((m − γ)/w))^n, float64, broadcast; falls strictly from 1 to 0 with the SINR where neither."""
    one = 0.5 * torch.special.erfc((sinr_db - centre_db) / (width_db * 2**0.5))
    return -torch.expm1(code_blocks * torch.log1p(-one))


def sinr_db_at(error: float, centre_db: Floats, width_db: Floats, code_blocks: NDArray[np.int64]) -> Floats:
    """The effective SINR in dB at which a block is lost with probability `error`: block_error's inverse."""
    one = -np.expm1(np.log1p(-error) / code_blocks)
    return np.asarray(centre_db - width_db * ndtri(one))


def combine_chase(sinr: Tensor, more_sinr: Tensor) -> Tensor:
    """Effective linear SINR after another transmission of the same bits: the sum, as maximum-ratio combining."""
    return sinr + more_sinr


def combine_incremental(information: Tensor, more_information: Tensor) -> Tensor:
    """Information per bit of one transmission after another with new parity bits: the sum, at most 1.

    A block with information ΣI_i is decoded as one sent once with that information (Cheng 2006). As I is
    concave, I(γ1) + I(γ2) ≥ I(γ1 + γ2): incremental redundancy is never worse than Chase combining.
    """
    return (information + more_information).clamp(max=1.0)
