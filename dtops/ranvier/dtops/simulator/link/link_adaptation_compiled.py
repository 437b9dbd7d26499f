"""`link_adaptation` for one user, compiled. `tables` is a LinkTables."""

from __future__ import annotations

from numba import njit

from ranvier.dtops.simulator.kernel_cache import KERNEL
from ranvier.dtops.simulator.link.effective_sinr_compiled import mean_informations

_HIGHEST_CQI = 15


@njit(**KERNEL, inline="always")
def wideband_cqi(sinr, prbs, tables):  # type: ignore[no-untyped-def]
    """CQI of sinr (V, S) float32 linear on sub-bands of prbs (S,) PRBs, for rank V."""
    thresholds = tables.cqi_information[sinr.shape[0] - 1]
    means = mean_informations(sinr, prbs, tables.curves)
    for cqi in range(_HIGHEST_CQI, 0, -1):
        if means[tables.cqi_modulation[cqi]] >= thresholds[cqi]:
            return cqi
    return 0


@njit(**KERNEL, inline="always")
def choose_rank(cqi_rank1, cqi_rank2, tables):  # type: ignore[no-untyped-def]
    """1 or 2: two layers where they carry more bits by their CQI."""
    return 2 if 2 * tables.cqi_efficiency[cqi_rank2] > tables.cqi_efficiency[cqi_rank1] else 1


@njit(**KERNEL, inline="always")
def select_mcs(cqi, rank, offset_db, tables):  # type: ignore[no-untyped-def]
    """The highest MCS whose predicted BLER is at most the target; 0 where none is."""
    sinr_db = tables.cqi_threshold_db[rank - 1, cqi] + offset_db
    thresholds = tables.threshold_db[rank - 1]
    for mcs in range(len(thresholds) - 1, 0, -1):
        if thresholds[mcs] <= sinr_db:
            return mcs
    return 0


@njit(**KERNEL, inline="always")
def outer_loop(offset_db, acknowledged, up_db, down_db, least_db, most_db):  # type: ignore[no-untyped-def]
    """Δ after a first transmission; steps and limits are those of an OuterLoop."""
    moved = offset_db + (up_db if acknowledged else -down_db)
    return min(max(moved, least_db), most_db)
