"""Files of all kinds in folders and archives, and Ranvier's own events."""

from __future__ import annotations

import gzip
import re
import zipfile
from dataclasses import replace

import msgspec
import pytest

from ranvier.fabric.event import encode
from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.sources.archive import open_archive
from ranvier.fabric.sources.native import Native
from ranvier.fabric.sources.source import Account, Bad
from ranvier.fabric.topology_change import RelationChange
from ranvier.ontology.errors import InputError

REPORT = MeasurementReport("NRCellDU=1", "NRCellDU", 1, 2, {"RRU.PrbTotDl": 3.0})
EVENT = encode(REPORT, "1")


def records_of(path, context) -> dict[str, list]:
    return {member.name: list(member.read(context)) for member in open_archive(path, context)}


def test_a_folder_an_archive_and_gzip_are_walked_and_told_by_content(context, tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "events.dat").write_bytes(EVENT)
    (tmp_path / "packed.bin.gz").write_bytes(gzip.compress(EVENT))
    (tmp_path / ".hidden").write_bytes(b"not telemetry")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("b/c.txt", EVENT)
    found = records_of(tmp_path, context)
    assert list(found) == ["all.zip/b/c.txt", "packed.bin", "sub/events.dat"]
    assert all(len(records) == 1 and records[0].payload.values == REPORT.values for records in found.values())


def test_a_file_that_nobody_can_read_is_one_dead_letter_and_the_others_go_on(context, tmp_path):
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7")
    (tmp_path / "b.zip").write_bytes(b"PK\x03\x04broken")
    (tmp_path / "c.gz").write_bytes(b"\x1f\x8bbroken")
    (tmp_path / "d.empty").write_bytes(b"")
    (tmp_path / "e.json").write_bytes(EVENT)
    found = records_of(tmp_path, context)
    assert [[type(record) is Bad for record in records] for records in found.values()] == [[True]] * 4 + [
        [False]
    ]
    assert found["a.pdf"][0].letter.raw == b"%PDF-1.7"


def test_a_path_that_is_not_there_is_an_error(context, tmp_path):
    with pytest.raises(InputError, match="not there"):
        list(open_archive(tmp_path / "nothing", context))


def test_accounts_add_up():
    total = Account(accepted=1, dead=2, derived=3, values=4)
    total += Account(accepted=10, dead=20, derived=30, values=40)
    assert (total.read, total.accepted, total.dead, total.derived, total.values) == (33, 11, 22, 33, 44)


def test_whose_an_event_is_the_context_says(context):
    own = replace(context, tenant="t", network="n")
    (record,) = Native().read(encode(msgspec.structs.replace(REPORT, tenant="other"), "1"), own)
    assert (record.payload.tenant, record.payload.network) == ("t", "n")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"values": {"RRU.PrbTotDl": 130.0}}, r"\[0, 100\] %"),
        ({"values": {"RRU.Nonsense": 1.0}}, "name of a quantity"),
        ({"object_class": "Toaster"}, "class of the ontology"),
        ({"start_ns": 9}, "does not end before it starts"),
        ({"object_class": "UE"}, "RRU.PrbTotDl on NRCellDU"),
    ],
)
def test_an_event_that_contradicts_the_ontology_is_a_dead_letter(context, change, reason):
    (bad,) = Native().read(encode(msgspec.structs.replace(REPORT, **change), "1"), context)

    assert re.search(reason, bad.letter.reason)


def test_a_declared_unit_that_contradicts_the_ontology_is_refused_with_both_units(context):
    raw = EVENT.replace(b'"values"', b'"units":{"RRU.PrbTotDl":"PRB"},"values"')
    (bad,) = Native().read(raw, context)
    assert "'%'" in bad.letter.reason
    assert "'PRB'" in bad.letter.reason


def test_a_relation_that_may_not_join_its_ends_is_refused(context):
    wrong = RelationChange("serves", "UE=1", "NRCellDU=1", 5)
    (bad,) = Native().read(encode(wrong, "1"), context)
    assert "ends that 'serves' may join" in bad.letter.reason


def test_an_array_of_events_keeps_order_with_the_bad_one_in_its_place(context):
    raw = b"[" + EVENT + b', {"specversion": "1.0"}, ' + EVENT + b"]"
    records = list(Native().read(raw, context))
    assert [isinstance(record, Bad) for record in records] == [False, True, False]
    assert records[1].letter.position == "element 2"
