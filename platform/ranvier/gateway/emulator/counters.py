"""The counters that the cells report: TS 28.552 names and units from the totals of a period."""

from __future__ import annotations

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


def groups(city: City, site: int, totals: CellTotals, down: frozenset[int]) -> list[Group]:
    """What one site reports of a period; `down` holds the numbers of cells in outage."""
    cells = city.cells_of(site)
    du = [ObjectRow(names.du(cell), _du(totals, cell.number, cell.number in down)) for cell in cells]
    cu = [ObjectRow(names.cu(cell), _cu(totals, cell.number)) for cell in cells]
    power = [ObjectRow("", (_power_w(totals, [cell.number for cell in cells], down),))]
    return [
        Group("NRCellDU", DU_TYPES, du),
        Group("NRCellCU", CU_TYPES, cu),
        Group("PEE", ELEMENT_TYPES, power),
    ]


def _du(totals: CellTotals, index: int, down: bool) -> tuple[float | int | None, ...]:
    """Load in whole per cent, throughput in kbit/s, volume in Mbit, active UEs, delay in 0.1 ms."""
    busy_s, volume = totals.busy_s[index], totals.volume_mbit[index]
    if down:
        return 0, None, 0, 0.0, None
    load = min(100, round(100 * (totals.share_s[index] / totals.duration_s + OVERHEAD)))
    throughput = round(1000 * volume / busy_s) if busy_s > 0 else None
    delay = round(10 * totals.delay_ms_s[index] / totals.duration_s, 1) if busy_s > 0 else None
    return load, throughput, round(volume), round(busy_s / totals.duration_s, 2), delay


def _cu(totals: CellTotals, index: int) -> tuple[float | int | None, ...]:
    connected = round(totals.connected_s[index] / totals.duration_s, 2)
    return connected, *(int(count) for count in totals.handovers[:, index])


def _power_w(totals: CellTotals, indices: list[int], down: frozenset[int]) -> float:
    up = [index for index in indices if index not in down]
    return round(
        IDLE_CELL_W * len(up) + LOADED_CELL_W * float(np.sum(totals.share_s[up])) / totals.duration_s, 1
    )
