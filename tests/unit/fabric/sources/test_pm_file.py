"""The PM file adapter: both forms, both standards' names, periods, missing and suspect values, faults."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.replay import replay
from ranvier.fabric.sources.adapters import ADAPTERS
from ranvier.fabric.sources.mappings.mappings import Mappings, load_mapping
from ranvier.fabric.sources.pm_file import PmFile
from ranvier.fabric.sources.source import Bad, Good

NOON_NS = 1_579_176_000_000_000_000  # 2020-01-16T12:00:00Z
QUARTER_NS = 900_000_000_000
NAMESPACE = "http://www.3gpp.org/ftp/specs/archive/32_series/32.435#measCollec"


def info(*values: str, types=("RRU.PrbTotDl", "DRB.UEThpDl"), end="2020-01-16T12:15:00+00:00") -> str:
    named = "".join(f'<measType p="{p}">{name}</measType>' for p, name in enumerate(types, start=1))
    return (
        f'<measInfo measInfoId="PRB"><job jobId="7"/><granPeriod duration="PT900S" endTime="{end}"/>'
        f'<repPeriod duration="PT900S"/>{named}{"".join(values)}</measInfo>'
    )


def value(*results: str, ldn="GNBDUFunction=1,NRCellDU=3", suspect="") -> str:
    text = "".join(f'<r p="{p}">{result}</r>' for p, result in enumerate(results, start=1))
    return f'<measValue measObjLdn="{ldn}">{text}{suspect}</measValue>\n'


def document(*infos: str, namespace=NAMESPACE, vendor="Acme") -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<measCollecFile xmlns="{namespace}">'
        f'<fileHeader fileFormatVersion="32.435 V10.0" vendorName="{vendor}" dnPrefix="SubNetwork=A">'
        '<fileSender localDn="ManagedElement=1"/><measCollec beginTime="2020-01-16T12:00:00Z"/></fileHeader>'
        f'<measData><managedElement localDn="ManagedElement=1"/>{"".join(infos)}</measData>'
        '<fileFooter><measCollec endTime="2020-01-16T12:15:00+00:00"/></fileFooter></measCollecFile>'
    ).encode()


def read(context, raw: bytes) -> list[Good | Bad]:
    return list(PmFile().read(raw, context))


def reports(records) -> list[MeasurementReport]:
    return [record.payload for record in records if isinstance(record, Good)]


def letters(records) -> list:
    return [record.letter for record in records if isinstance(record, Bad)]


def mapped(context, toml: str):
    return replace(context, mappings=Mappings().preferring([load_mapping(toml, "test")]))


def test_a_meas_value_becomes_the_report_of_its_object_and_period(context):
    (record,) = read(context, document(info(value("42", "5100.5"))))
    report = record.payload
    assert report.object_id == "SubNetwork=A,ManagedElement=1,GNBDUFunction=1,NRCellDU=3"
    assert report.object_class == "NRCellDU"
    assert (report.start_ns, report.end_ns) == (NOON_NS, NOON_NS + QUARTER_NS)
    assert report.values == {"RRU.PrbTotDl": 42, "DRB.UEThpDl": 5100.5}
    assert record.position == "line 2, measInfo PRB, measValue GNBDUFunction=1,NRCellDU=3"


@pytest.mark.parametrize(
    "namespace", ["", "http://www.3gpp.org/ftp/specs/archive/28_series/28.550#measData", "x"]
)
def test_any_namespace_is_read(context, namespace):
    assert len(reports(read(context, document(info(value("1", "2")), namespace=namespace)))) == 1


def test_the_names_of_the_successor_standard_are_read(context):
    raw = document(info(value("1", "2"))).replace(b"measCollecFile", b"measDataFile")
    raw = raw.replace(b"managedElement", b"measEntity")
    (report,) = reports(read(context, raw))
    assert report.object_id == "SubNetwork=A,ManagedElement=1,GNBDUFunction=1,NRCellDU=3"


def test_lists_of_types_and_results_are_read_like_indexed_ones(context):
    listed = (
        '<measInfo><granPeriod duration="PT15M" endTime="2020-01-16T12:15:00Z"/>'
        "<measTypes>RRU.PrbTotDl DRB.UEThpDl</measTypes>"
        '<measValue measObjLdn="NRCellDU=3"><measResults>42 NIL</measResults></measValue></measInfo>'
    )
    (report,) = reports(read(context, document(listed)))
    assert report.values == {"RRU.PrbTotDl": 42}
    assert report.start_ns == NOON_NS


def test_results_that_match_no_types_are_a_dead_letter(context):
    listed = (
        '<measInfo><granPeriod duration="PT15M" endTime="2020-01-16T12:15:00Z"/>'
        "<measTypes>RRU.PrbTotDl DRB.UEThpDl</measTypes>"
        '<measValue measObjLdn="NRCellDU=3"><measResults>42</measResults></measValue></measInfo>'
    )
    (letter,) = letters(read(context, document(listed)))
    assert "expected 2 results" in letter.reason


def test_missing_results_are_absent_and_the_suspect_flag_is_kept(context):
    (report,) = reports(read(context, document(info(value("NIL", "", suspect="<suspect>true</suspect>")))))
    assert report.values == {}
    assert report.suspect


@pytest.mark.parametrize(
    "ldn",
    [
        "GNBDUFunction=1,NRCellDU=3", "ManagedElement=1,GNBDUFunction=1,NRCellDU=3",
        "SubNetwork=A,ManagedElement=1,GNBDUFunction=1,NRCellDU=3",
    ],
)  # fmt: skip
def test_a_local_name_may_begin_at_the_element_or_at_the_root(context, ldn):
    (report,) = reports(read(context, document(info(value("1", "2", ldn=ldn)))))
    assert report.object_id == "SubNetwork=A,ManagedElement=1,GNBDUFunction=1,NRCellDU=3"


def test_what_cannot_be_used_is_a_dead_letter_and_the_rest_goes_on(context):
    types = ("RRU.PrbTotDl", "pmVendorSecret", "DRB.UEThpDl")
    (good, bad) = read(context, document(info(value("42", "7", "-1"), types=types)))
    assert good.payload.values == {"RRU.PrbTotDl": 42}
    assert "pmVendorSecret" in bad.letter.reason
    assert "DRB.UEThpDl in [0" in bad.letter.reason


def test_a_counter_declared_in_another_unit_is_refused_with_both_units_named(context):
    vendor = mapped(context, 'format="pm-file"\nname="acme"\n[counters."RRU.PrbTotDl"]\nunit="PRB"')
    (good, bad) = read(vendor, document(info(value("42", "7"))))
    assert good.payload.values == {"DRB.UEThpDl": 7}
    assert "'%'" in bad.letter.reason
    assert "'PRB'" in bad.letter.reason


def test_a_vendor_counter_is_mapped_and_converted(context):
    toml = 'format="pm-file"\nname="acme"\n[counters.pmThp]\nquantity="DRB.UEThpDl"\nunit="Mbit/s"'
    (report,) = reports(read(mapped(context, toml), document(info(value("2.5"), types=("pmThp",)))))
    assert report.values == {"DRB.UEThpDl": 2500}


def test_counters_ignored_on_purpose_leave_no_dead_letter(context):
    quiet = mapped(context, 'format="pm-file"\nname="acme"\nignore=["pm*"]')
    (report,) = reports(read(quiet, document(info(value("1", "2"), types=("RRU.PrbTotDl", "pmSecret")))))
    assert report.values == {"RRU.PrbTotDl": 1}


def test_a_subcounter_keeps_its_own_name(context):
    types = ("RRC.ConnEstabAtt.mo-Data", "RRC.ConnEstabAtt.sum")
    ldn = "GNBCUCPFunction=1,NRCellCU=3"
    (report,) = reports(read(context, document(info(value("1", "2", ldn=ldn), types=types))))
    assert report.values == dict(zip(types, (1, 2), strict=True))


def test_a_truncated_file_keeps_what_came_before_the_break(context):
    whole = document(info(value("1", "2"), value("3", "4"), value("5", "6")))
    cut = whole[: whole.index(b'<r p="2">6')]
    *good, bad = read(context, cut)
    assert [r.payload.values["RRU.PrbTotDl"] for r in good] == [1, 3]
    assert "Premature end" in bad.letter.reason
    assert bad.letter.position.startswith("line 4")
    assert cut.endswith(bad.letter.raw)


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE a [<!ENTITY l "lol"><!ENTITY m "&l;&l;&l;&l;&l;&l;&l;&l;">]>',
        '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd">',
    ],
)
def test_a_document_type_is_refused_whole(context, doctype):
    raw = document(info(value("1", "2"))).replace(b"?>\n", b"?>" + doctype.encode(), 1)
    (bad,) = read(context, raw)
    assert "document type" in bad.letter.reason


def test_a_period_from_the_future_is_a_dead_letter(context):
    early = replace(context, now_ns=NOON_NS)
    (letter,) = letters(read(early, document(info(value("1", "2")))))
    assert "clock" in letter.reason


def test_the_running_count_of_the_name_is_the_revision(context):
    again = replace(context, source="pm/A20200116.1200+0000-1215+0000_gNB-1_-_3.xml")
    (report,) = reports(read(again, document(info(value("1", "2")))))
    assert report.revision == 3


def test_a_counter_that_only_rises_gives_differences_and_a_reset_gives_none(context):
    rising = mapped(context, 'format="pm-file"\nname="acme"\ncumulative=["*.sum"]')
    ends = ["12:15", "12:30", "12:30", "12:45", "13:00", "13:30"]
    readings = ["100", "130", "130", "20", "25", "90"]
    infos = [
        info(
            value(reading, ldn="GNBCUCPFunction=1,NRCellCU=3"), types=("RRC.ConnEstabAtt.sum",),
            end=f"2020-01-16T{end}:00Z",
        )
        for end, reading in zip(ends, readings, strict=True)
    ]  # fmt: skip
    records = read(rising, document(*infos))
    deltas = [list(report.values.values()) for report in reports(records)]
    assert deltas == [[], [30], [30], [5], []]
    (letter,) = letters(records)
    assert "it was reset" in letter.reason


def test_a_dead_letter_replayed_after_a_fix_gives_what_had_been_refused(context):
    (_, bad) = read(context, document(info(value("42", "7"), types=("RRU.PrbTotDl", "pmThp"))))
    assert msgspec.json.decode(bad.letter.context)["only"] == ["pmThp"]
    assert letters(replay(bad.letter, ADAPTERS, context))
    toml = 'format="pm-file"\nname="acme"\n[counters.pmThp]\nquantity="DRB.UEThpDl"'
    (report,) = reports(replay(bad.letter, ADAPTERS, mapped(context, toml)))
    assert report.values == {"DRB.UEThpDl": 7}
    assert report.object_id.endswith("NRCellDU=3")
    assert report.end_ns == NOON_NS + QUARTER_NS
