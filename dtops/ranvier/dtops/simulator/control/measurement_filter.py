"""Layer-3 filtering of what users measure (TS 38.331 5.5.3.2), kept by cell while the links of users change."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ranvier.dtops.simulator import streams
from ranvier.dtops.simulator.control.moment import Moment
from ranvier.dtops.simulator.control.state import Who

SAMPLE_S = 0.2
"""The sample rate for which the filter coefficient is defined (TS 38.331 5.5.3.2)."""
_ERROR = streams.purpose("measurement error")


def coefficient(k: int, period_s: float) -> float:
    """The coefficient a' for samples `period_s` apart, with the time constant that k has at 200 ms.

    a = 1/2^(k/4) (TS 38.331 5.5.3.2), and (1 − a')^(1/T) = (1 − a)^(1/200 ms), because after a step the
    part that the filter has not yet followed is (1 − a)^(t/200 ms):

        a' = 1 − (1 − a)^(T / 200 ms)
    """
    kept: float = (1 - 2 ** (-k / 4)) ** (period_s / SAMPLE_S)
    return 1 - kept


def filtered(previous_dbm: Tensor, measured_dbm: Tensor, a: float) -> Tensor:
    """F_n = (1 − a)·F_{n−1} + a·M_n in dB (TS 38.331 5.5.3.2); F_0 = M_1, so that the first sample starts it.

    A previous value of −inf is none: the cell was off, out of reach, or not known.
    A measured −inf is −inf at once: there is nothing that could be measured.
    """
    followed = previous_dbm + (measured_dbm - previous_dbm) * a
    return torch.where(previous_dbm > -math.inf, followed, measured_dbm)


def with_error(rsrp_dbm: Tensor, cell: Tensor, deviation_db: float, who: Who, moment: Moment) -> Tensor:
    """Samples with the error of layer 1, normal in dB, drawn anew for each user, cell and period.

    TS 38.133 10.1.2.1.2 allows ±2 dB between two cells; met in 90 % of samples that is a standard deviation
    of 2 / (1.645·√2) = 0.86 dB a cell.
    """
    keys = who.seeds.run_keys(_ERROR, who.user_key[None, :, None], cell, moment.period)
    return rsrp_dbm + (streams.normal(keys) * deviation_db).to(rsrp_dbm.dtype)


def places(old: Tensor, new: Tensor) -> Tensor:
    """Where each cell of `new` (n, L) stands in `old` (n, L), int64; −1 where it does not, or is no cell.

    By sorting: n·L·log L steps rather than n·L².
    """
    known, order = torch.sort(old, dim=-1)
    at = torch.searchsorted(known, new).clamp_(max=old.shape[-1] - 1)
    found = (known.gather(-1, at) == new) & (new >= 0)
    return torch.where(found, order.gather(-1, at), -1)
