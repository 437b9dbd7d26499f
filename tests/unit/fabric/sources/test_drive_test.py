"""The drive-test adapter: rows to reports, instants, serving cells, and rows that cannot be used."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.replay import replay
from ranvier.fabric.sources.adapters import ADAPTERS
from ranvier.fabric.sources.drive_test import DriveTest
from ranvier.fabric.sources.mappings.mappings import Mappings, load_mapping
from ranvier.fabric.sources.source import Account, Bad, Good
from ranvier.fabric.topology_change import NodeChange, RelationChange
from ranvier.ontology.errors import UnitMismatch

HEADER = (
    "Timestamp,Longitude,Latitude,Speed,Operatorname,CellID,NetworkMode,RSRP,RSRQ,SNR,CQI,RSSI,DL_bitrate,"
    "UL_bitrate,State,PINGAVG,PINGMIN,PINGMAX,PINGSTDEV,PINGLOSS,CELLHEX,NODEHEX,LACHEX,RAWCELLID,NRxRSRP,NRxRSRQ"
)
NOON_NS = 1_579_176_000_000_000_000  # 2020-01-16 12:00:00 in Dublin, where winter time is UTC
SECOND_NS = 1_000_000_000


def row(time="12.00.00", day="2020.01.16", **columns) -> str:
    given = {
        "Timestamp": f"{day}_{time}", "Longitude": "-8.4", "Latitude": "51.9", "Speed": "0",
        "NetworkMode": "5G", "RSRP": "-100", "RSRQ": "-12", "SNR": "3.0", "CQI": "9", "DL_bitrate": "0",
        "UL_bitrate": "12", "RAWCELLID": "10805003", **columns,
    }  # fmt: skip
    return ",".join(given.get(name, "-") for name in HEADER.split(","))


def file(*rows: str) -> bytes:
    return "\n".join((HEADER, *rows, "")).encode()


def read(context, *rows: str) -> list[Good | Bad]:
    return list(DriveTest().read(file(*rows), context))


def payloads(records, kind) -> list:
    return [r.payload for r in records if isinstance(r, Good) and isinstance(r.payload, kind)]


def served(records) -> list[tuple[str, str, int]]:
    relations = payloads(records, RelationChange)
    return [(c.op, c.source_id, c.valid_from_ns) for c in relations if c.relation == "serves"]


def test_a_row_becomes_one_report_of_the_ue_at_its_instant(context):
    (report,) = payloads(read(context, row()), MeasurementReport)
    assert (report.object_id, report.object_class) == ("UE=drive", "UE")
    assert report.start_ns == report.end_ns == NOON_NS
    assert report.values == {
        "MDT.M1.RSRP": -100, "MDT.M1.RSRQ": -12, "MDT.M1.SINR": 3, "UE.CQI": 9, "MDT.M5.UEThpDl": 0,
        "MDT.M5.UEThpUl": 12, "UE.Speed": 0, "UE.Longitude": -8.4, "UE.Latitude": 51.9,
    }  # fmt: skip


def test_rows_in_one_second_keep_their_order_as_nanoseconds_even_when_identical(context):
    records = read(context, row(), row(), row(time="12.00.01"), row(RSRP="-90"))
    instants = [report.start_ns - NOON_NS for report in payloads(records, MeasurementReport)]
    assert instants == [0, 1, SECOND_NS, 2]


def test_the_same_file_read_again_gives_the_same_records(context):
    rows = [row(), row(), row(RSRP="x"), row(time="12.00.01", RAWCELLID="7")]
    assert read(context, *rows) == read(context, *rows)


def test_summer_time_is_an_hour_ahead_of_utc(context):
    (report,) = payloads(read(context, row(day="2020.07.16")), MeasurementReport)
    assert report.start_ns == 1_594_897_200_000_000_000  # 11:00 UTC


def test_the_hour_that_occurs_twice_is_read_on_from_the_row_before(context):
    times = ["00.59.59", "01.00.00", "01.30.00", "01.59.59", "01.00.00", "01.30.00", "01.59.59", "02.00.00"]
    records = read(context, *(row(time=time, day="2019.10.27") for time in times))
    instants = [report.start_ns // SECOND_NS for report in payloads(records, MeasurementReport)]
    first = 1_572_134_399  # 2019-10-26 23:59:59 UTC
    assert [t - first for t in instants] == [0, 1, 1801, 3600, 3601, 5401, 7200, 7201]


def test_an_hour_that_clocks_skip_is_a_dead_letter(context):
    rows = [row(time=time, day="2020.03.29") for time in ("00.59.59", "01.30.00")]
    (bad,) = [record for record in read(context, *rows) if isinstance(record, Bad)]
    assert "clocks skip" in bad.letter.reason


def test_missing_values_and_sentinels_are_absent(context):
    (report,) = payloads(read(context, row(RSRP="-200", NRxRSRQ="2147483647", SNR="-")), MeasurementReport)
    assert {"MDT.M1.RSRP", "UE.NeighbourRSRQ", "MDT.M1.SINR"}.isdisjoint(report.values)
    assert report.values["MDT.M1.RSRQ"] == -12


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"RSRP": "strong"}, "got 'strong'"),
        ({"RSRP": "nan"}, "got 'nan'"),
        ({"DL_bitrate": "inf"}, "got 'inf'"),
        ({"RSRP": "-300"}, "MDT.M1.RSRP in [-156, -25] dBm"),
        ({"NetworkMode": "7G"}, "a mode among 5G, LTE"),
        ({"Timestamp": "yesterday"}, "a time as"),
    ],
)
def test_a_row_that_cannot_be_used_is_a_dead_letter_with_its_reason(context, columns, reason):
    (bad,) = [r for r in read(context, row(), row(**columns)) if isinstance(r, Bad)]
    assert reason in bad.letter.reason
    assert bad.letter.position == "line 3"
    assert bad.letter.raw == row(**columns).encode()


def test_under_3g_the_level_column_is_not_called_rsrp(context):
    (report,) = payloads(read(context, row(NetworkMode="HSPA+", RAWCELLID="788113")), MeasurementReport)
    assert "MDT.M1.RSRP" not in report.values
    assert report.values["MDT.M5.UEThpUl"] == 12


def test_a_handover_ends_one_interval_where_the_next_begins_and_makes_the_cells_adjacent(context):
    records = read(
        context,
        row(),
        row(time="12.00.01"),
        row(time="12.00.02", RAWCELLID="7", NetworkMode="LTE"),
        row(time="12.00.03"),
    )
    assert served(records) == [
        ("upsert", "NRCellDU=10805003", NOON_NS),
        ("upsert", "EUtranCell=7", NOON_NS + 2 * SECOND_NS),
        ("upsert", "NRCellDU=10805003", NOON_NS + 3 * SECOND_NS),
        ("remove", "NRCellDU=10805003", NOON_NS + 4 * SECOND_NS),
    ]
    adjacent = [c for c in payloads(records, RelationChange) if c.relation == "adjacent"]
    assert [(c.source_id, c.target_id) for c in adjacent] == [
        ("NRCellDU=10805003", "EUtranCell=7"), ("EUtranCell=7", "NRCellDU=10805003"),
    ]  # fmt: skip
    nodes = [(n.node_id, n.node_class) for n in payloads(records, NodeChange)]
    assert nodes == [("UE=drive", "UE"), ("NRCellDU=10805003", "NRCellDU"), ("EUtranCell=7", "EUtranCell")]


def test_silence_ends_serving_one_second_after_the_last_row(context):
    records = read(context, row(), row(time="12.00.11"))
    assert served(records)[:2] == [
        ("upsert", "NRCellDU=10805003", NOON_NS), ("remove", "NRCellDU=10805003", NOON_NS + SECOND_NS),
    ]  # fmt: skip
    assert served(records)[2] == ("upsert", "NRCellDU=10805003", NOON_NS + 11 * SECOND_NS)


def test_a_row_behind_the_latest_one_is_a_measurement_but_no_handover(context):
    records = read(context, row(), row(time="12.00.05"), row(time="12.00.03", RAWCELLID="7"))
    assert len(payloads(records, MeasurementReport)) == 3
    assert {cell for _, cell, _ in served(records)} == {"NRCellDU=10805003"}


def test_every_row_is_accepted_or_dead(context):
    account = Account()
    rows = [row(), "short,row", row(RSRP="?"), row(time="12.00.01"), row() + ",one more"]
    list(account.count(DriveTest().read(file(*rows), context)))
    assert (account.read, account.accepted, account.dead) == (5, 2, 3)


def test_a_row_from_beyond_the_clock_skew_is_a_dead_letter(context):
    early = replace(context, now_ns=NOON_NS - 301 * SECOND_NS)
    assert [type(r) for r in read(early, row())] == [Bad]
    late = replace(context, now_ns=NOON_NS - 299 * SECOND_NS)
    assert payloads(read(late, row()), MeasurementReport)


def test_a_file_without_a_known_header_is_one_dead_letter(context):
    (bad,) = DriveTest().read(b"a,b\n1,2\n3,4\n", context)
    assert isinstance(bad, Bad)


def test_a_row_replayed_after_a_fix_takes_its_own_place(context):
    rows = [row(), row(RSRP="-160"), row()]
    (letter,) = [r.letter for r in read(context, *rows) if isinstance(r, Bad)]
    (again,) = replay(letter, ADAPTERS, context)
    assert again == Bad(letter)
    wider = {**context.ontology.quantities}
    wider["MDT.M1.RSRP"] = type(wider["MDT.M1.RSRP"])("MDT.M1.RSRP", "", "dBm", ("UE",), "GAUGE", "")
    mended = replace(context, ontology=type(context.ontology)("", {}, {}, wider), source="elsewhere")
    (good,) = replay(letter, ADAPTERS, mended)
    assert good.payload.start_ns == NOON_NS + 1
    assert good.payload.object_id == "UE=drive"
    assert good.payload.values["MDT.M1.RSRP"] == -160


def test_another_tools_columns_are_read_by_a_declared_mapping(context):
    toml = """
        format = "drive-test"
        name = "other"
        delimiter = ";"
        [time]
        column = "t"
        format = "epoch_ms"
        [ue]
        id = "imei"
        [[value]]
        column = "level"
        quantity = "MDT.M1.RSRP"
        unit = "dBm"
        scale = 0.1
        sentinels = [-9999]
        [[value]]
        column = "rate"
        quantity = "MDT.M5.UEThpDl"
        unit = "Mbit/s"
    """
    other = replace(context, mappings=Mappings().preferring([load_mapping(toml, "other.toml")]))
    raw = b"t;imei;level;rate\n1579176000000;a,b;-1005;2.5\n1579176000500;a,b;-9999;\n"
    first, second = payloads(DriveTest().read(raw, other), MeasurementReport)
    assert first.object_id == r"UE=a\,b"
    assert first.values == {"MDT.M1.RSRP": -100.5, "MDT.M5.UEThpDl": 2500}
    assert (second.start_ns, second.values) == (NOON_NS + SECOND_NS // 2, {})


def test_a_mapping_that_contradicts_the_ontology_is_refused_with_both_units(context):
    toml = 'name="x"\n[time]\ncolumn="t"\nformat="iso8601"\n[[value]]\ncolumn="l"\nquantity="MDT.M1.RSRP"\nunit="%"'
    with pytest.raises(UnitMismatch, match=r"'dBm'.*'%'"):
        load_mapping(toml, "x.toml").check(context.ontology)


def test_what_is_known_of_a_cell_stays_when_a_row_leaves_it_out(context):
    lte = {"NetworkMode": "LTE", "RAWCELLID": "7"}
    rows = [row(**lte, LACHEX="9CBA"), row("12.00.01", **lte), row("12.00.02", **lte, LACHEX="75AA")]
    cells = [n for n in payloads(read(context, *rows), NodeChange) if n.node_class == "EUtranCell"]
    assert [n.properties for n in cells] == [{"rawCellId": 7, "tac": 0x9CBA}, {"rawCellId": 7, "tac": 0x75AA}]


def test_a_quoted_line_end_is_part_of_its_row(context):
    records = read(context, row(Operatorname='"two\nlines"'), row(time="12.00.01"))
    positions = [record.position for record in records if not record.derived]
    assert positions == ["line 2", "line 4"]
