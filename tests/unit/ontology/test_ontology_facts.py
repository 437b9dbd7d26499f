"""Facts of the standards that others rely on: name, unit, class, collection method and clause."""

from __future__ import annotations

import pytest

from ranvier.ontology.ontology import load

ONTOLOGY = load()

COUNTERS = [
    ("RRU.PrbTotDl", "%", "NRCellDU", "SI", "5.1.1.2.1"),
    ("RRU.PrbUsedDl", "PRB", "NRCellDU", "SI", "5.1.1.2.5"),
    ("RRU.PrbAvailDl", "PRB", "NRCellDU", "SI", "5.1.1.2.6"),
    ("DRB.UEThpDl", "kbit/s", "NRCellDU", "DER", "5.1.1.3.1"),
    ("DRB.UEThpUl", "kbit/s", "NRCellDU", "DER", "5.1.1.3.3"),
    ("DRB.AirIfDelayDl", "0.1 ms", "NRCellDU", "DER", "5.1.1.1.1"),
    ("DRB.RlcSduDelayDl", "0.1 ms", "NRCellDU", "DER", "5.1.3.3.3"),
    ("DRB.MeanActiveUeDl", "1", "NRCellDU", "DER", "5.1.1.23.1"),
    ("DRB.PdcpSduVolumeDL", "Mbit", "NRCellCU", "CC", "5.1.2.1.1.1"),
    ("RRC.ConnMean", "1", "NRCellCU", "SI", "5.1.1.4.1"),
    ("RRC.ConnEstabAtt", "1", "NRCellCU", "CC", "5.1.1.15.1"),
    ("MM.HoExeIntraReq", "1", "NRCellCU", "CC", "5.1.1.6.2.1"),
    ("MM.HoExeInterReq", "1", "NRCellCU", "CC", "5.1.1.6.1.7"),
    ("PEE.AvgPower", "W", "ManagedElement", "SI", "5.1.1.19.2.1"),
    ("PEE.Energy", "kWh", "ManagedElement", "SI", "5.1.1.19.3"),
    ("L1M.SS-RSRP", "1", "Beam", "CC", "5.1.1.22.1"),
]


@pytest.mark.parametrize(("name", "unit", "object_class", "collection", "clause"), COUNTERS)
def test_a_counter_is_as_ts_28_552_has_it(
    name: str, unit: str, object_class: str, collection: str, clause: str
) -> None:
    found = ONTOLOGY.quantity(name)
    assert (found.unit, found.object_classes[0], found.collection) == (unit, object_class, collection)
    assert f"TS 28.552 {clause}" in found.source.split("; ")


@pytest.mark.parametrize(
    ("name", "unit", "clause"),
    [
        ("SS-RSRP", "dBm", "TS 38.215 5.1.1"),
        ("SS-RSRQ", "dB", "TS 38.215 5.1.3"),
        ("SS-SINR", "dB", "TS 38.215 5.1.5"),
        ("RSRP", "dBm", "TS 36.214 5.1.1"),
        ("MDT.M5.UEThpDl", "kbit/s", "TS 37.320"),
    ],
)
def test_a_radio_measurement_has_its_unit_and_source(name: str, unit: str, clause: str) -> None:
    assert ONTOLOGY.quantity(name).unit == unit
    assert clause in ONTOLOGY.quantity(name).source


def test_a_drive_test_finds_every_column_on_a_terminal() -> None:
    columns = {
        "MDT.M1.RSRP": "dBm", "MDT.M1.RSRQ": "dB", "MDT.M1.SINR": "dB", "MDT.M5.UEThpDl": "kbit/s",
        "MDT.M5.UEThpUl": "kbit/s", "UE.CQI": "1", "UE.RSSI": "dBm", "UE.NeighbourRSRP": "dBm",
        "UE.NeighbourRSRQ": "dB", "UE.Speed": "km/h", "UE.Latitude": "deg", "UE.Longitude": "deg",
        "UE.PingAvg": "ms", "UE.PingMin": "ms", "UE.PingMax": "ms", "UE.PingStdev": "ms", "UE.PingLoss": "%",
    }  # fmt: skip
    for name, unit in columns.items():
        ONTOLOGY.check_unit(name, unit)
        assert "UE" in ONTOLOGY.quantity(name).object_classes


def test_one_node_that_stands_for_the_cell_carries_what_the_standard_puts_on_its_other_half() -> None:
    assert ONTOLOGY.quantity("RRC.ConnMean").object_classes[:2] == ("NRCellCU", "EUtranCell")
    ONTOLOGY.check_value("RRC.ConnMean", "NRCellDU", 3.0)


def test_every_term_has_a_label_and_a_source() -> None:
    for terms in (ONTOLOGY.classes, ONTOLOGY.relations, ONTOLOGY.quantities, ONTOLOGY.attributes):
        for term in terms.values():
            assert len(term.label) >= 3, term.name
            assert len(term.source) >= 3, term.name


def test_the_powers_that_operators_compare_have_a_tolerance_of_3_db() -> None:
    for name in ("MDT.M1.RSRP", "SS-RSRP", "UE.NeighbourRSRP"):
        assert ONTOLOGY.quantity(name).tolerance == 3.0


def test_what_handsets_report_in_whole_numbers_is_known_to_have_atoms() -> None:
    assert ONTOLOGY.quantity("MDT.M1.RSRP").integer
    assert not ONTOLOGY.quantity("UE.Latitude").integer
