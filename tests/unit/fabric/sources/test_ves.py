"""The VES adapter: what each domain becomes."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from ranvier.fabric.replay import replay
from ranvier.fabric.sources.adapters import ADAPTERS
from ranvier.fabric.sources.mappings.mappings import Mappings
from ranvier.fabric.sources.mappings.ves_mapping import VesMapping
from ranvier.fabric.sources.notice import FileReady, Heartbeat
from ranvier.fabric.sources.source import Bad
from ranvier.fabric.sources.ves import Ves

NOON_NS = 1_579_176_000_000_000_000
CELL = "SubNetwork=A,ManagedElement=gNB-1,GNBDUFunction=1,NRCellDU=3"


def event(domain: str, **fields) -> dict:
    header = {
        "domain": domain, "eventId": "e-1", "sourceName": "gNB-1", "version": "4.1",
        "startEpochMicrosec": NOON_NS // 1000, "lastEpochMicrosec": NOON_NS // 1000,
    }  # fmt: skip
    return {"commonEventHeader": header, f"{domain}Fields": fields}


def read(context, *events: dict, key: str = "event") -> list:
    body = {"event": events[0]} if key == "event" else {"eventList": list(events)}
    return list(Ves().read(msgspec.json.encode(body), context))


def perf3gpp(*results, types=("RRU.PrbTotDl",)) -> dict:
    values = [
        {"measObjInstId": "GNBDUFunction=1,NRCellDU=3", "suspectFlag": "true", "measResults": list(results)}
    ]
    infos = [
        {
            "measInfoId": {"sMeasInfoId": "PRB"},
            "measTypes": {"sMeasTypesList": list(types)},
            "measValuesList": values,
        }
    ]
    data = {
        "granularityPeriod": 900,
        "measuredEntityDn": "SubNetwork=A,ManagedElement=gNB-1",
        "measInfoList": infos,
    }
    return event("perf3gpp", measDataCollection=data)


def test_perf3gpp_becomes_a_report_of_each_object_over_its_granularity_period(context):
    (record,) = read(context, perf3gpp({"p": 1, "sValue": "42"}))
    report = record.payload
    assert (report.object_id, report.object_class, report.suspect) == (CELL, "NRCellDU", True)
    assert (report.start_ns, report.end_ns) == (NOON_NS - 900_000_000_000, NOON_NS)
    assert report.values == {"RRU.PrbTotDl": 42}


def test_a_null_result_is_missing(context):
    (record,) = read(context, perf3gpp({"p": 1, "isNull": "true"}))
    assert record.payload.values == {}


def test_a_refused_counter_of_an_event_replays_alone(context):
    good, bad = read(
        context, perf3gpp({"p": 1, "sValue": "42"}, {"p": 2, "sValue": "1"}, types=("RRU.PrbTotDl", "pmX"))
    )
    assert good.payload.values == {"RRU.PrbTotDl": 42}
    assert list(replay(bad.letter, ADAPTERS, context)) == [bad]


def test_measurement_fields_belong_to_the_element_or_to_the_object_they_name(context):
    body = event(
        "measurement", measurementInterval=60,
        additionalMeasurements=[{"name": "GNBDUFunction=1,NRCellDU=3", "hashMap": {"RRU.PrbTotDl": "7"}}],
    )  # fmt: skip
    (record,) = read(context, body)
    assert record.payload.object_id == "ManagedElement=gNB-1,GNBDUFunction=1,NRCellDU=3"
    assert record.payload.values == {"RRU.PrbTotDl": 7}
    assert record.payload.end_ns - record.payload.start_ns == 60_000_000_000


def test_a_fault_and_its_end_are_one_alarm(context):
    fields = {"alarmCondition": "cellDown", "specificProblem": "no power", "alarmInterfaceA": CELL}
    raised, cleared = (
        read(context, event("fault", eventSeverity=severity, **fields))[0].payload
        for severity in ("CRITICAL", "NORMAL")
    )
    assert raised.alarm_id == cleared.alarm_id
    assert (raised.perceived_severity, cleared.perceived_severity) == ("CRITICAL", "CLEARED")
    assert (raised.object_id, raised.object_class) == (CELL, "NRCellDU")
    assert raised.event_time_ns == NOON_NS


def test_a_3gpp_alarm_notification_names_its_object_by_href(context):
    data = {
        "notificationType": "notifyNewAlarm", "alarmId": "7", "perceivedSeverity": "MAJOR", "probableCause": "fire",
        "href": "https://mnf.example/3GPPManagement/SubNetwork=A/ManagedElement=gNB-1/GNBDUFunction=1/NRCellDU=3",
        "eventTime": "2020-01-16T11:00:00Z",
    }  # fmt: skip
    (record,) = read(context, event("stndDefined", data=data))
    assert record.payload.object_id == CELL
    assert record.payload.event_time_ns == NOON_NS - 3_600_000_000_000


def test_created_and_deleted_objects_come_and_go_and_partial_changes_are_refused(context):
    change = {
        "notificationType": "notifyMOIChanges",
        "moiChanges": [{"operation": "CREATE", "path": CELL, "value": {"nRPCI": 5}}],
    }
    (created,) = read(context, event("stndDefined", data=change))
    assert (created.payload.op, created.payload.properties) == ("upsert", {"nRPCI": 5})
    (deleted,) = read(
        context, event("stndDefined", data={"notificationType": "notifyMOIDeletion", "href": CELL})
    )
    assert (deleted.payload.op, deleted.payload.node_class) == ("remove", "NRCellDU")
    (bad,) = read(
        context,
        event("stndDefined", data={"notificationType": "notifyMOIAttributeValueChanges", "href": CELL}),
    )
    assert "snapshot" in bad.letter.reason


def test_a_heartbeat_says_that_the_element_was_heard(context):
    (record,) = read(context, event("heartbeat", heartbeatInterval=20))
    assert (record.payload.object_id, record.payload.values, record.payload.end_ns) == (
        "ManagedElement=gNB-1",
        {},
        NOON_NS,
    )
    assert record.notice == Heartbeat("ManagedElement=gNB-1", NOON_NS, 20.0)


def test_a_registration_is_a_managed_element_below_the_declared_name(context):
    below = replace(context, mappings=Mappings(ves=VesMapping(dn_prefix="SubNetwork=A")))
    (record,) = read(below, event("pnfRegistration", vendorName="Acme", softwareVersion="3"))
    assert record.payload.node_id == "SubNetwork=A,ManagedElement=gNB-1"
    assert record.payload.properties == {"vendorName": "Acme", "swVersion": "3"}


def ready(context, location: str) -> FileReady:
    entry = {"name": "f", "hashMap": {"location": location, "compression": "gzip"}}
    (record,) = read(context, event("notification", changeType="FileReady", arrayOfNamedHashMap=[entry]))
    return record.notice


def test_a_ready_file_is_only_ever_looked_for_by_its_name_in_the_declared_folder(context, tmp_path):
    folder = tmp_path / "pm"
    folder.mkdir()
    (folder / "a.xml.gz").write_bytes(b"")
    (tmp_path / "secret").write_bytes(b"")
    (folder / "link").symlink_to(tmp_path / "secret")
    assert ready(context, "sftp://user@host/any/where/a.xml.gz").within(folder) == folder / "a.xml.gz"
    for location in (
        "file:///../secret",
        "../secret",
        "http://x/%2e%2e/secret",
        "http://x/link",
        "http://x/",
        "x\0y",
    ):
        assert ready(context, location).within(folder) is None


def test_an_event_list_and_a_line_an_event_are_read_event_by_event(context):
    good, bad = event("heartbeat"), event("telepathy")
    kinds = [type(record) for record in read(context, good, bad, good, key="list")]
    assert [kind is Bad for kind in kinds] == [False, True, False]
    lines = b"\n".join(
        (msgspec.json.encode({"event": good}), b'{"event": ', msgspec.json.encode({"event": good}))
    )
    records = list(Ves().read(lines, context))
    assert [isinstance(record, Bad) for record in records] == [False, True, False]
    assert records[1].letter.position == "line 2"


def test_an_event_from_the_future_is_refused(context):
    (bad,) = read(replace(context, now_ns=NOON_NS - 400_000_000_000), event("heartbeat"))
    assert "clock" in bad.letter.reason
