"""Counters of TS 28.552 from the sums of a granularity period, as Measurements of the run.

Each is on the class and in the unit that the standard says, and a whole number where its values are whole. What
has nothing to divide by is absent: no user was served, so there was no throughput. A realisation is an origin
of its own, run:ID.REALISATION.

    NRCellDU
    RRU.PrbTotDl, PrbUsedDl, PrbAvailDl   PRBs with data of those available           5.1.1.2.1, .5, .6
    DRB.UEThpDl            Σ ThpVolDl / Σ ThpTimeDl, over bursts without their last slot      5.1.1.3.1
    DRB.UEUnresVolDl       volume of those last slots, of all volume                          5.1.1.3.5
    DRB.RlcSduDelayDl      from arrival until the last part of a packet was first sent        5.1.3.3.3
    DRB.AirIfDelayDl       from there until all of it was acknowledged                        5.1.1.1.1
    DRB.RlcPacketDropRateDl   lost, of what was delivered or lost: by volume, and with what
                           HARQ gave up                                                       5.1.3.2.2
    DRB.MeanActiveUeDl, MaxActiveUeDl     users with data to send                             5.1.1.23
    TB.*                   transport blocks, and those not decoded                            5.1.1.7
    CARR.WBCQIDist.BinN    reports of CQI N; not split by rank and table                      5.1.1.11.1
    CARR.PDSCHMCSDist.BinN first transmissions with MCS N; not split by rank and table        5.1.1.12.1
    CARR.AverageLayersDl   layers, weighted by the PRBs they were sent on                     5.1.1.30.5
    CARR.MeanTxPwr, MaxTxPwr   by the PRBs sent; the whole power where anything was sent      5.1.1.29

    NRCellCU
    DRB.PdcpSduVolumeDL    acknowledged                                                       5.1.2.1.1.1
    RRC.Conn*, ReEstab*    users connected, connections set up and re-established             5.1.1.4, .15, .17
    MM.Ho*Intra*, *Inter*  handovers by their source cell: within its gNB, and to others      5.1.1.6, 5.1.3.7
    HO.IntraSys.*          failures by the cell to blame                                      5.1.1.25.1

    NRCellRelation         of pairs between which something happened, where relations have known names
    MM.Ho*                 as above, but for preparations within a gNB                        5.1.1.6

    ManagedElement
    PEE.AvgPower, Energy   of its cells together; absent where energy is not reckoned         5.1.1.19
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ranvier.dtops.simulator.control.tally import ControlTally
from ranvier.dtops.simulator.layout import Cells, Layout
from ranvier.dtops.simulator.output.object_names import ObjectNames
from ranvier.dtops.simulator.simulator import Period
from ranvier.dtops.simulator.tally import CQIS
from ranvier.fabric.measurement import MeasurementReport
from ranvier.ontology import ontology

Floats = NDArray[np.float64]
Columns = dict[str, Floats]
J_PER_KWH = 3.6e6
HANDOVERS = (
    ("MM.HoPrep{}Req", "preparations"), ("MM.HoPrep{}Succ", "executions"), ("MM.HoExe{}Req", "executions"),
    ("MM.HoExe{}Succ", "successes"), ("MM.HoExe{}Fail", "failures"),
)  # fmt: skip
"""Counters for Intra and Inter, and the pair counts of ControlTally that they are of."""
ON_RELATIONS_WITHIN = ("MM.HoExe{}Req", "MM.HoExe{}Succ")
MCS_BINS = 29
"""MCS indices that a first transmission may have (TS 38.214 table 5.1.3.1-1); those above are for others."""


@dataclass(frozen=True, slots=True)
class Reporter:
    """Makes reports of the periods of one run.

    run       its id; `start_ns` is the time of slot 0, nanoseconds since the Unix epoch
    slot_ns   length of a slot
    """

    run: str
    layout: Layout
    names: ObjectNames
    start_ns: int
    slot_ns: int
    tenant: str = "default"
    network: str = "default"

    def reports(self, period: Period, cells: Cells | None = None) -> Iterator[MeasurementReport]:
        """Every object's report of the period, one realisation after the other.

        cells  as they were set up when it ended; by default as the run began
        """
        du = self._du(period, cells if cells is not None else self.layout.cells)
        cu, element = self._cu(period), self._elements(period)
        for r in range(len(period.energy_ws)):
            yield from self._of(period, r, "NRCellDU", self.names.du, du)
            yield from self._of(period, r, "NRCellCU", self.names.cu, cu)
            yield from self._relations(period, r)
            yield from self._of(period, r, "ManagedElement", self.names.elements, element)

    def _of(
        self, period: Period, r: int, object_class: str, names: tuple[str, ...], columns: Columns
    ) -> Iterator[MeasurementReport]:
        for i, name in enumerate(names):
            # A node of the DU may stand for the whole cell, where the graph has none of the CU.
            known_as = "NRCellDU" if object_class == "NRCellCU" and name == self.names.du[i] else object_class
            values = {key: float(column[r, i]) for key, column in columns.items()}
            yield self._report(period, r, known_as, name, values)

    def _report(
        self, period: Period, r: int, object_class: str, name: str, values: dict[str, float]
    ) -> MeasurementReport:
        begin = self.start_ns + period.first * self.slot_ns
        end = begin + period.slots * self.slot_ns
        return MeasurementReport(
            name, object_class, begin, end, {key: v for key, v in values.items() if math.isfinite(v)},
            origin=f"run:{self.run}.{r}", source="simulator", tenant=self.tenant, network=self.network,
        )  # fmt: skip

    def _relations(self, period: Period, r: int) -> Iterator[MeasurementReport]:
        if not self.names.cells:
            return
        control, gnb = period.control, self.layout.cells.gnb
        happened = (
            control.preparations[r] + control.executions[r] + control.successes[r] + control.failures[r]
        )
        for source, target in torch.nonzero(happened).tolist():
            way = "Intra" if gnb[source] == gnb[target] else "Inter"
            values = {
                name.format(way): float(getattr(control, column)[r, source, target])
                for name, column in HANDOVERS
                if way == "Inter" or name in ON_RELATIONS_WITHIN
            }
            yield self._report(period, r, "NRCellRelation", self.names.relation(source, target), values)

    def _du(self, period: Period, cells: Cells) -> Columns:
        t = {name: getattr(period.tallies.cells, name).numpy() for name in period.tallies.cells.__slots__}
        tenths = 10 * self.slot_ns / 1e6
        slot_s = self.slot_ns / 1e9
        volume = t["burst_bits"] + t["short_burst_bits"]
        with np.errstate(divide="ignore", invalid="ignore"):
            found = {
                "RRU.PrbTotDl": 100 * t["prb_used"] / t["prb_available"],
                "RRU.PrbUsedDl": t["prb_used"] / t["slots"],
                "RRU.PrbAvailDl": t["prb_available"] / t["slots"],
                "DRB.UEThpDl": t["burst_bits"] / (t["burst_slots"] * slot_s) / 1e3,
                "DRB.UEUnresVolDl": 100 * t["short_burst_bits"] / volume,
                "DRB.MeanActiveUeDl": t["active_users"] / t["slots"],
                "DRB.MaxActiveUeDl": t["active_users_max"],
                "DRB.RlcSduDelayDl": t["rlc_delay_slots"] / t["rlc_packets"] * tenths,
                "DRB.AirIfDelayDl": t["air_delay_slots"] / t["air_packets"] * tenths,
                "DRB.RlcPacketDropRateDl": 1e6 * t["lost_bits"] / (t["delivered_bits"] + t["lost_bits"]),
                "TB.TotNbrDlInitial": t["blocks_initial"],
                "TB.TotNbrDl": t["blocks"],
                "TB.IntialErrNbrDl": t["errors_initial"],
                "TB.ErrTotNbrDl": t["errors"],
                "TB.ResidualErrNbrDl": t["residual_errors"],
                "CARR.AverageLayersDl": t["prb_layers"] / t["prb_used"],
                **_powers(t, cells.power_dbm),
            }
        for cqi in range(CQIS):
            found[f"CARR.WBCQIDist.Bin{cqi}"] = t["cqi_reports"][..., cqi]
        for mcs in range(MCS_BINS):
            found[f"CARR.PDSCHMCSDist.Bin{mcs}"] = t["mcs_blocks"][..., mcs]
        return _whole(found)

    def _cu(self, period: Period) -> Columns:
        t, control = period.tallies.cells, period.control
        slots = t.slots.numpy()
        found = {
            "DRB.PdcpSduVolumeDL": t.delivered_bits.numpy() / 1e6,
            "RRC.ConnMean": t.connected_users.numpy() / slots, "RRC.ConnMax": t.connected_users_max.numpy(),
            "RRC.ConnEstabAtt": control.attached.numpy(), "RRC.ConnEstabSucc": control.attached.numpy(),
            "RRC.ReEstabAtt": control.reestablishments.numpy(),
            "RRC.ReEstabSuccWithUeContext": control.reestablished.numpy(),
            "HO.IntraSys.TooLate": control.too_late.numpy(), "HO.IntraSys.TooEarly": control.too_early.numpy(),
            "HO.IntraSys.ToWrongCell": control.to_wrong_cell.numpy(),
        }  # fmt: skip
        return _whole(found | self._handovers(control))

    def _handovers(self, control: ControlTally) -> Columns:
        gnb = torch.from_numpy(self.layout.cells.gnb)
        found = {}
        for name, column in HANDOVERS:
            pairs = getattr(control, column)
            within, between = control.split(pairs, gnb)
            found[name.format("Inter")] = between.numpy()
            if not name.endswith("Fail"):
                found[name.format("Intra")] = within.numpy()
        return found

    def _elements(self, period: Period) -> Columns:
        """Of the elements: the sum over their cells."""
        gnbs, order = sorted({int(each) for each in self.layout.cells.gnb}), self.layout.cells.gnb
        joules = np.stack([period.energy_ws.numpy()[:, order == gnb].sum(axis=1) for gnb in gnbs], axis=1)
        seconds = period.slots * self.slot_ns / 1e9
        joules[joules == 0] = np.nan  # no station takes nothing
        return {"PEE.AvgPower": joules / seconds, "PEE.Energy": joules / J_PER_KWH}


def _powers(t: Columns, most_dbm: Floats) -> Columns:
    """Of the carrier: the mean over time by the PRBs sent, and the greatest."""
    sent = t["prb_used"] / np.maximum(t["prb_available"], 1)
    return {
        "CARR.MeanTxPwr": most_dbm + 10 * np.log10(sent),
        "CARR.MaxTxPwr": np.where(t["busy_slots"] > 0, most_dbm, np.nan),
    }


def _whole(columns: Columns) -> Columns:
    """Those that the standard gives in whole numbers, rounded."""
    known = ontology.load()
    return {
        name: np.round(column) if known.quantity(name).integer else column for name, column in columns.items()
    }
