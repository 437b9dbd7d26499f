"""Whatever bytes come, every adapter gives good and bad records, and the account holds."""

from __future__ import annotations

import gzip
import io

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ranvier.fabric.event import encode
from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.replay import replay
from ranvier.fabric.sources.adapters import ADAPTERS
from ranvier.fabric.sources.source import Account, Bad, Good, SourceContext
from ranvier.ontology.ontology import load

CONTEXT = SourceContext("any", load(), at_ns=1)
HEADER = {
    "domain": "fault",
    "eventId": "1",
    "sourceName": "gNB-1",
    "startEpochMicrosec": 1,
    "lastEpochMicrosec": 2,
}
FAULT = {"alarmCondition": "down", "specificProblem": "fan", "eventSeverity": "MAJOR"}
NOTIFICATION = {
    "notificationType": "notifyMOIChanges",
    "moiChanges": [{"operation": "CREATE", "path": "NRCellDU=1"}],
}
PERF = {
    "granularityPeriod": 900, "measInfoList": [{
        "measTypes": {"sMeasTypesList": ["RRU.PrbTotDl"]},
        "measValuesList": [{"measObjInstId": "NRCellDU=1", "measResults": [{"p": 1, "sValue": "3"}]}],
    }],
}  # fmt: skip


def event(domain: str, **fields) -> bytes:
    return msgspec.json.encode({"event": {"commonEventHeader": {**HEADER, "domain": domain}, **fields}})


VALID: dict[str, list[bytes]] = {
    "drive-test": [
        b"Timestamp,Longitude,Latitude,Speed,NetworkMode,RSRP,RSRQ,SNR,CQI,RSSI,DL_bitrate,UL_bitrate,PINGAVG,"
        b"PINGMIN,PINGMAX,PINGSTDEV,PINGLOSS,LACHEX,RAWCELLID,NRxRSRP,NRxRSRQ\n2019.12.16_13.40.04,-8.3,51.8,0,5G,-103,-15,1.0,15,-90,72,20,-,"
        b"-,-,-,-,9CBA,10805003,-106.0,-11.0\n2019.12.16_13.40.05,-8.3,51.8,0,LTE,-90,-15,1.0,15,-90,72,20,-,-,-,-,-,9,1,-96,-1\n"
    ],
    "pm-file": [
        b'<measCollecFile><fileHeader dnPrefix="SubNetwork=A" vendorName="v"/><measData>'
        b'<managedElement localDn="ManagedElement=1"/><measInfo><granPeriod duration="PT900S" '
        b'endTime="2020-01-01T00:00:00Z"/><measType p="1">RRU.PrbTotDl</measType>'
        b'<measValue measObjLdn="NRCellDU=1">'
        b'<r p="1">3</r></measValue></measInfo></measData></measCollecFile>'
    ],
    "ves": [
        event("fault", faultFields=FAULT),
        event("perf3gpp", perf3gppFields={"measDataCollection": PERF}),
        event("stndDefined", stndDefinedFields={"data": NOTIFICATION}),
        event("measurement", measurementFields={"measurementInterval": 9, "additionalMeasurements": [
            {"name": "NRCellDU=1", "hashMap": {"RRU.PrbTotDl": "7"}}]}),
        event("heartbeat", heartbeatFields={"heartbeatInterval": 9}),
        event("notification", notificationFields={"changeType": "FileReady", "arrayOfNamedHashMap": [
            {"name": "f", "hashMap": {"location": "file:///f"}}]}),
    ],
    "native": [encode(MeasurementReport("NRCellDU=1", "NRCellDU", 1, 2, {"RRU.PrbTotDl": 3.0}), "1")],
    "nrm": [
        b'{"SubNetwork":[{"id":"A","attributes":{"userLabel":"x"},"ManagedElement":[{"id":"1","attributes":'
        b'{"latitude":1.5,"longitude":2}}]}]}',
        b'[{"objectClass":"NRCellDU","objectInstance":"NRCellDU=1","attributes":{"nRPCI":5}}]',
    ],
}  # fmt: skip


def read(adapter: str, raw) -> list[Good | Bad]:
    account = Account()
    records = list(account.count(ADAPTERS[adapter].read(raw, CONTEXT)))
    dead = sum(isinstance(record, Bad) for record in records)
    assert account.read == account.accepted + account.dead == len(records) - account.derived
    assert account.dead == dead
    return records


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_each_example_is_good_through_and_through(adapter):
    for raw in VALID[adapter]:
        records = read(adapter, raw)
        assert records
        assert not [record.letter.reason for record in records if isinstance(record, Bad)]


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_an_example_is_told_by_its_content(adapter):
    for raw in VALID[adapter]:
        assert [name for name, source in ADAPTERS.items() if source.detect(raw, CONTEXT)] == [adapter]


@pytest.mark.parametrize("adapter", ADAPTERS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.binary(max_size=400) | st.text(max_size=200).map(str.encode))
def test_arbitrary_bytes_never_raise(adapter, raw):
    for record in read(adapter, raw):
        if isinstance(record, Bad):
            assert record.letter.adapter == adapter
            assert record.letter.reason


@st.composite
def damaged(draw, adapter: str) -> bytes:
    raw = bytearray(draw(st.sampled_from(VALID[adapter])))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(raw) - 1)))
        kind = draw(st.sampled_from(["cut", "drop", "replace", "insert", "repeat"]))
        if kind == "cut":
            del raw[at:]
        elif kind == "drop":
            del raw[at : at + draw(st.integers(1, 20))]
        elif kind == "replace":
            raw[at : at + 1] = draw(st.binary(min_size=1, max_size=3))
        elif kind == "insert":
            tokens = [
                b"{",
                b"]",
                b'"',
                b"<",
                b"&",
                b"null",
                b"[[",
                b"1e999",
                b"-",
                b"\n",
                b"\x00",
                b"\xff",
                b"[]",
            ]
            raw[at:at] = draw(st.sampled_from(tokens))
        else:
            raw[at:at] = raw[at : at + 30]
    return bytes(raw)


@pytest.mark.parametrize("adapter", ADAPTERS)
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_damaged_examples_never_raise_nor_does_their_replay(adapter, data):
    for record in read(adapter, data.draw(damaged(adapter))):
        if isinstance(record, Bad):
            again = list(replay(record.letter, ADAPTERS, CONTEXT))
            assert all(isinstance(found, Good | Bad) for found in again)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def _paths(value, path=()):
    yield path
    for key, below in (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        yield from _paths(below, (*path, key))


@pytest.mark.parametrize("adapter", ["ves", "native", "nrm"])
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_any_value_in_any_place_of_an_event_never_raises(adapter, data):
    value = [msgspec.json.decode(data.draw(st.sampled_from(VALID[adapter])))]
    path = data.draw(st.sampled_from(list(_paths(value))[1:]))
    target = value
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = data.draw(JSON)
    for record in read(adapter, msgspec.json.encode(value)):
        if isinstance(record, Bad):
            list(replay(record.letter, ADAPTERS, CONTEXT))


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_gzipped_body_is_unpacked_and_a_cut_one_is_a_dead_letter_at_its_break(adapter):
    raw = VALID[adapter][0]
    packed = gzip.compress(raw)
    assert read(adapter, packed) == read(adapter, raw)
    assert any(isinstance(record, Bad) for record in read(adapter, packed[: len(packed) // 2]))


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_stream_that_fails_in_the_middle_ends_in_a_dead_letter(adapter):
    class Failing(io.BytesIO):
        def read(self, size=-1):
            raise OSError("disk gone")

        readline = read

    (bad,) = read(adapter, Failing(VALID[adapter][0]))
    assert "disk gone" in bad.letter.reason
