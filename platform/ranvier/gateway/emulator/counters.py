"""The counters that the cells report: TS 28.552 names and units from the totals of a period."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ranvier.gateway.emulator import names
from ranvier.gateway.emulator.city import City
from ranvier.gateway.emulator.pm_file import Group, ObjectRow
from ranvier.gateway.emulator.traffic import OVERHEAD, CellTotals

DU_TYPES = (
    "RRU.PrbTotDl", "DRB.UEThpDl", "DRB.PdcpSduVolumeDL", "DRB.MeanActiveUeDl", "DRB.RlcSduDelayDl",
)  # fmt: skip
CU_TYPES = (
    "RRC.ConnMean", "MM.HoExeIntraReq", "MM.HoExeIntraSucc", "MM.HoExeInterReq", "MM.HoExeInterSucc",
)  # fmt: skip
ELEMENT_TYPES = ("PEE.AvgPower",)

IDLE_CELL_W = 95.0
LOADED_CELL_W = 140.0
COOLING_W = 30.0

Results = tuple[float | int | None, ...]


class _Means(NamedTuple):
    """One cell over one period: parts of the blocks and mean numbers, and sums where the name says so."""

    load: float
    volume_mbit: float
    busy: float
    connected: float
    delay_ms: float
    intra_tried: float
    intra_made: float
    inter_tried: float
    inter_made: float


def groups(city: City, site: int, totals: CellTotals, down: frozenset[int]) -> list[Group]:
    """What one site reports of a period; `down` holds the numbers of cells in outage."""
    cells = city.cells_of(site)
    means = _means(totals, slice(cells[0].number, cells[-1].number + 1))
    up = [cell.number not in down for cell in cells]
    du = [
        ObjectRow(names.du(cell), _du(mean, totals.duration_s, works))
        for cell, mean, works in zip(cells, means, up, strict=True)
    ]
    cu = [ObjectRow(names.cu(cell), _cu(mean)) for cell, mean in zip(cells, means, strict=True)]
    # Cooling follows the heat of the day, which comes after noon.
    power_w = COOLING_W * (1 + math.cos(2 * math.pi * (totals.phase - 0.6))) + sum(
        IDLE_CELL_W + LOADED_CELL_W * mean.load for mean, works in zip(means, up, strict=True) if works
    )
    power = [ObjectRow("", (round(power_w, 1),))]
    return [
        Group("NRCellDU", DU_TYPES, du),
        Group("NRCellCU", CU_TYPES, cu),
        Group("PEE", ELEMENT_TYPES, power),
    ]


def _means(totals: CellTotals, cells: slice) -> list[_Means]:
    per_second = np.stack([totals.busy_s, totals.connected_s, totals.delay_ms_s])[:, cells]
    busy, connected, delay = (per_second / totals.duration_s).tolist()
    load = (totals.share_s[cells] / totals.duration_s).tolist()
    columns = (load, totals.volume_mbit[cells].tolist(), busy, connected, delay)
    return [_Means(*row) for row in zip(*columns, *totals.handovers[:, cells].tolist(), strict=True)]


def _du(mean: _Means, duration_s: float, works: bool) -> Results:
    """Load in whole per cent, throughput in kbit/s, volume in Mbit, active UEs, delay in 0.1 ms."""
    if not works:
        return 0, None, 0, 0.0, None
    load = min(100, round(100 * (mean.load + OVERHEAD)))
    if mean.busy <= 0:
        return load, None, round(mean.volume_mbit), 0.0, None
    throughput = round(1000 * mean.volume_mbit / (mean.busy * duration_s))
    return load, throughput, round(mean.volume_mbit), round(mean.busy, 2), round(10 * mean.delay_ms, 1)


def _cu(mean: _Means) -> Results:
    made = (mean.intra_tried, mean.intra_made, mean.inter_tried, mean.inter_made)
    return round(mean.connected, 2), *(int(count) for count in made)
