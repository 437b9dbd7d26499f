"""Counters of a run: the standard's names, classes and units; values by hand; absent where undefined."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from ranvier.dtops.simulator.control.tally import ControlTally
from ranvier.dtops.simulator.layout import Cells
from ranvier.dtops.simulator.output.counters import Reporter
from ranvier.dtops.simulator.output.object_names import ObjectNames
from ranvier.dtops.simulator.scenario import parse
from ranvier.dtops.simulator.seeds import Seeds
from ranvier.dtops.simulator.simulator import Period, Simulator
from ranvier.dtops.simulator.slots.state import Tallies
from ranvier.dtops.simulator.tally import CellTally, UserTally
from ranvier.fabric import event
from ranvier.fabric.intake import Intake
from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.ports import Record
from ranvier.ontology import ontology

SECOND = 10**9
SCENARIO = parse(
    {
        "name": "two",
        "deployment": {"kind": "hexagonal_grid", "sites": 7, "bearings_deg": [0, 120], "wraparound": False},
        "users": {"per_cell": 2},
        "traffic": [{"share": 1, "service": {"kind": "ftp3", "files_per_s": 4}}],
        "granularity_s": 0.2,
    }
)
LAYOUT = SCENARIO.layout()
CELLS = len(LAYOUT.cells)
Fill = Callable[[CellTally, ControlTally], None]


def reporter() -> Reporter:
    return Reporter("abc", LAYOUT, ObjectNames.of(LAYOUT, "two"), SECOND, 1_000_000)


def period(fill: Fill | None = None, energy_j: float = 0.0) -> Period:
    """A second of two realisations, with what `fill` puts into the tallies."""
    cells, control = CellTally.zeros(2, CELLS), ControlTally.zeros(2, CELLS)
    cells.slots += 1000
    if fill is not None:
        fill(cells, control)
    tallies = Tallies(cells, UserTally.zeros(2, 1))
    joules = torch.full((2, CELLS), energy_j, dtype=torch.float64)
    return Period(1000, 1000, tallies, control, joules)


def reported(found: Period, name: str, realisation: int = 0, cells: Cells | None = None) -> dict[str, float]:
    """The values of the report of one object: its class and place, as NRCellDU 3."""
    object_class, place = name.split(" ")
    names = getattr(reporter().names, {"NRCellDU": "du", "NRCellCU": "cu"}.get(object_class, "elements"))
    for each in reporter().reports(found, cells):
        if each.object_id == names[int(place)] and each.origin == f"run:abc.{realisation}":
            assert each.object_class == object_class
            return each.values
    raise AssertionError(name)


@pytest.fixture(scope="module")
def simulated() -> list[MeasurementReport]:
    torch.set_num_threads(1)
    run = Simulator(SCENARIO, Seeds.of([1]), threads=1)
    return [each for one in run.periods(run.start(), 400) for each in reporter().reports(one)]


def test_intake_accepts_every_report_of_a_run(simulated: list[MeasurementReport]) -> None:
    records = [Record("m", 0, i, "k", event.encode(each, str(i)), {}, 0) for i, each in enumerate(simulated)]
    accepted, refused = Intake(ontology.load()).measurements(records)
    assert [each.reason for each in refused] == []
    assert sum(each.payload.object_class != "NRCellRelation" for each in accepted) == 2 * (2 * CELLS + 7)
    assert any(each.values.get("DRB.UEThpDl") for each in simulated)


def test_every_counter_is_on_the_class_that_the_standard_says(simulated: list[MeasurementReport]) -> None:
    # NRCellRelation comes second where the standard has two classes; those that may carry it too come last.
    known = ontology.load()
    wrong = {
        (name, each.object_class)
        for each in simulated for name in each.values
        if each.object_class not in known.quantity(name).object_classes[:1]
        and (each.object_class, known.quantity(name).object_classes[1]) != ("NRCellRelation",) * 2
    }  # fmt: skip
    assert wrong == set()


def test_whole_numbers_where_the_standard_has_them(simulated: list[MeasurementReport]) -> None:
    known = ontology.load()
    wrong = {
        name
        for each in simulated for name, value in each.values.items()
        if known.quantity(name).integer and value != round(value)
    }  # fmt: skip
    assert wrong == set()


def test_object_ids_end_in_their_class(simulated: list[MeasurementReport]) -> None:
    known = ontology.load()
    assert all(known.class_of(each.object_id) == each.object_class for each in simulated)


def test_what_was_not_observed_is_absent() -> None:
    values = reported(period(), "NRCellDU 0")
    for name in (
        "RRU.PrbTotDl", "DRB.UEThpDl", "DRB.RlcSduDelayDl", "DRB.AirIfDelayDl", "DRB.UEUnresVolDl",
        "DRB.RlcPacketDropRateDl", "CARR.AverageLayersDl", "CARR.MeanTxPwr", "CARR.MaxTxPwr",
    ):  # fmt: skip
        assert name not in values
    assert values["TB.TotNbrDl"] == 0
    assert values["DRB.MeanActiveUeDl"] == 0
    assert "PEE.AvgPower" not in reported(period(), "ManagedElement 0")


def test_reports_cover_the_period_from_the_time_of_slot_0() -> None:
    first = next(reporter().reports(period()))
    assert (first.start_ns, first.end_ns) == (2 * SECOND, 3 * SECOND)
    assert first.origin == "run:abc.0"


def test_values_of_a_cell_by_hand() -> None:
    def fill(cells: CellTally, control: ControlTally) -> None:
        at = (1, 3)
        for name, value in {
            "prb_available": 106_000, "prb_used": 26_500, "prb_layers": 39_750, "active_users": 2500,
            "active_users_max": 7, "burst_bits": 9e6, "burst_slots": 300, "short_burst_bits": 1e6,
            "delivered_bits": 9.9e6, "lost_bits": 1e5, "offered_bits": 12e6, "rlc_delay_slots": 40,
            "rlc_packets": 16, "air_delay_slots": 90, "air_packets": 20, "blocks_initial": 400, "blocks": 444,
            "errors_initial": 40, "errors": 44, "residual_errors": 1, "busy_slots": 400,
            "connected_users": 12_500, "connected_users_max": 14,
        }.items():  # fmt: skip
            getattr(cells, name)[at] = value
        cells.cqi_reports[at][7] = 11
        cells.mcs_blocks[at][27] = 400

    du = reported(period(fill), "NRCellDU 3", realisation=1)
    assert du["RRU.PrbTotDl"] == 25  # %
    assert du["RRU.PrbUsedDl"] == 26  # of 26.5, in whole PRBs
    assert du["RRU.PrbAvailDl"] == 106
    assert du["DRB.UEThpDl"] == 30_000  # kbit/s: 9 Mbit in 0.3 s
    assert du["DRB.UEUnresVolDl"] == 10  # %
    assert du["DRB.RlcSduDelayDl"] == 25  # 0.1 ms: 2.5 slots
    assert du["DRB.AirIfDelayDl"] == 45
    assert du["DRB.RlcPacketDropRateDl"] == 10_000  # in a million
    assert (du["DRB.MeanActiveUeDl"], du["DRB.MaxActiveUeDl"]) == (2.5, 7)
    names = (
        "TB.TotNbrDlInitial",
        "TB.TotNbrDl",
        "TB.IntialErrNbrDl",
        "TB.ErrTotNbrDl",
        "TB.ResidualErrNbrDl",
    )
    assert [du[name] for name in names] == [400, 444, 40, 44, 1]
    assert du["CARR.AverageLayersDl"] == 1.5
    assert du["CARR.WBCQIDist.Bin7"] == 11
    assert du["CARR.WBCQIDist.Bin8"] == 0
    assert du["CARR.PDSCHMCSDist.Bin27"] == 400
    assert du["CARR.MeanTxPwr"] == pytest.approx(46 - 6.0206, abs=1e-4)
    assert du["CARR.MaxTxPwr"] == 46
    cu = reported(period(fill), "NRCellCU 3", realisation=1)
    assert cu["DRB.PdcpSduVolumeDL"] == pytest.approx(9.9)  # Mbit
    assert (cu["RRC.ConnMean"], cu["RRC.ConnMax"]) == (12.5, 14)


def test_power_of_the_carrier_follows_how_the_cell_is_set_up_now() -> None:
    def fill(cells: CellTally, control: ControlTally) -> None:
        cells.prb_available[0, 0] = cells.prb_used[0, 0] = 106_000
        cells.busy_slots[0, 0] = 1000

    lower = np.full(CELLS, 40.0)
    cells = LAYOUT.cells
    changed = Cells(
        cells.ids, cells.site, cells.gnb, cells.carrier, cells.azimuth_deg, cells.tilt_deg, lower, cells.on,
        cells.offset_db, cells.scheduler,
    )  # fmt: skip
    assert reported(period(fill), "NRCellDU 0")["CARR.MeanTxPwr"] == 46
    assert reported(period(fill), "NRCellDU 0", cells=changed)["CARR.MeanTxPwr"] == 40


def test_what_is_lost_of_an_earlier_period_keeps_the_rate_below_all() -> None:
    # Offered in the period before: nothing is, yet some is lost.
    def fill(cells: CellTally, control: ControlTally) -> None:
        cells.lost_bits[0, 0] = 1000

    assert reported(period(fill), "NRCellDU 0")["DRB.RlcPacketDropRateDl"] == 1_000_000


def test_handovers_within_a_gnb_and_between_gnbs_are_told_apart() -> None:
    # Cells 0 and 1 stand on one site, which is one gNB; cell 2 on another.
    assert LAYOUT.cells.gnb[:3].tolist() == [0, 0, 1]

    def fill(cells: CellTally, control: ControlTally) -> None:
        for target, count in ((1, 5), (2, 3)):
            control.preparations[0, 0, target] = count + 1
            control.executions[0, 0, target] = count
            control.successes[0, 0, target] = count - 1
            control.failures[0, 0, target] = 1
        control.too_early[0, 0] = 2

    cu = reported(period(fill), "NRCellCU 0")
    intra = [
        cu[f"MM.{name}"] for name in ("HoPrepIntraReq", "HoPrepIntraSucc", "HoExeIntraReq", "HoExeIntraSucc")
    ]
    inter = [
        cu[f"MM.{name}"] for name in ("HoPrepInterReq", "HoPrepInterSucc", "HoExeInterReq", "HoExeInterSucc")
    ]
    assert intra == [6, 5, 5, 4]
    assert inter == [4, 3, 3, 2]
    assert cu["MM.HoExeInterFail"] == 1
    assert cu["HO.IntraSys.TooEarly"] == 2
    others = reported(period(fill), "NRCellCU 2")
    assert others["MM.HoExeInterReq"] == 0  # counted where it began


def test_relation_has_what_happened_on_it_and_no_other_is_reported() -> None:
    def fill(cells: CellTally, control: ControlTally) -> None:
        control.preparations[0, 0, 2] = control.executions[0, 0, 2] = control.failures[0, 0, 2] = 4
        control.executions[0, 0, 1] = control.successes[0, 0, 1] = 1

    made = reporter()
    found = {
        each.object_id: each.values
        for each in made.reports(period(fill)) if each.object_class == "NRCellRelation"
    }  # fmt: skip
    ids = LAYOUT.cells.ids
    assert found == {
        f"{made.names.cu[0]},NRCellRelation={ids[2]}": {
            "MM.HoPrepInterReq": 4, "MM.HoPrepInterSucc": 4, "MM.HoExeInterReq": 4, "MM.HoExeInterSucc": 0,
            "MM.HoExeInterFail": 4,
        },
        f"{made.names.cu[0]},NRCellRelation={ids[1]}": {"MM.HoExeIntraReq": 1, "MM.HoExeIntraSucc": 1},
    }  # fmt: skip
    known = ontology.load()
    for values in found.values():
        for name, value in values.items():
            known.check_value(name, "NRCellRelation", value)


def test_node_of_the_du_that_stands_for_the_cell_has_the_counters_of_the_cu() -> None:
    own = ObjectNames.of(LAYOUT, "two")
    made = Reporter("abc", LAYOUT, ObjectNames(own.du, own.du, own.elements), 0, 1_000_000)
    known = ontology.load()
    found = list(made.reports(period()))
    assert {each.object_class for each in found} == {"NRCellDU", "ManagedElement"}
    for each in found:
        for name, value in each.values.items():
            known.check_value(name, each.object_class, value)


def test_power_of_an_element_is_that_of_its_cells_together() -> None:
    values = reported(period(energy_j=90.0), "ManagedElement 4")
    assert values["PEE.AvgPower"] == 180  # W: two cells, 90 J each in a second
    assert values["PEE.Energy"] == pytest.approx(180 / 3.6e6)  # kWh
