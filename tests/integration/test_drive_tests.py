"""The real drive tests through the adapter: every row accounted for, every handover where it was."""

from __future__ import annotations

import csv
import io
import itertools
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.replay import replay
from ranvier.fabric.sources.adapters import ADAPTERS
from ranvier.fabric.sources.archive import open_archive
from ranvier.fabric.sources.source import Account, Bad, SourceContext
from ranvier.fabric.topology_change import NodeChange, RelationChange
from ranvier.ontology.ontology import load

CLASSES = {"5G": "NRCellDU", "LTE": "EUtranCell"}
SECOND_NS = 1_000_000_000


def rows_of(path: Path) -> dict[str, list[dict[str, str]]]:
    """The archive read independently of the adapter."""
    with zipfile.ZipFile(path) as archive:
        return {
            info.filename: list(csv.DictReader(io.StringIO(archive.read(info).decode())))
            for info in archive.infolist()
            if not info.is_dir()
        }


@pytest.fixture(scope="module")
def rows(drive_tests) -> dict[str, list[dict[str, str]]]:
    return rows_of(drive_tests)


@pytest.fixture(scope="module")
def records(drive_tests) -> dict[str, list]:
    context = SourceContext("drive-test-5g.zip", load())
    found = {}
    for member in open_archive(drive_tests, context):
        account = Account()
        found[member.name] = list(account.count(member.read(context))), account
    return found


def test_every_row_of_every_file_is_accepted_or_a_dead_letter_with_its_line(rows, records):
    assert records.keys() == rows.keys()
    assert len(rows) == 54
    assert sum(len(of_file) for of_file in rows.values()) == 116_040
    for name, (found, account) in records.items():
        lines = [
            int((r.letter.position if isinstance(r, Bad) else r.position).removeprefix("line "))
            for r in found
            if isinstance(r, Bad) or not r.derived
        ]
        assert lines == list(range(2, len(rows[name]) + 2))
        assert account.read == len(rows[name])


def test_only_neighbour_qualities_below_the_reporting_range_are_refused(records):
    reasons = [r.letter.reason for found, _ in records.values() for r in found if isinstance(r, Bad)]
    assert len(reasons) == 41
    assert all(reason.startswith("expected UE.NeighbourRSRQ in [-43, 20] dB") for reason in reasons)


def test_no_two_rows_share_a_key_though_thousands_share_their_second(records):
    keys, seconds = Counter(), Counter()
    for found, _ in records.values():
        for record in found:
            if not isinstance(record, Bad) and isinstance(record.payload, MeasurementReport):
                report = record.payload
                keys[report.object_id, report.start_ns] += 1
                seconds[report.object_id, report.start_ns // SECOND_NS] += 1
    assert max(keys.values()) == 1
    assert sum(count - 1 for count in seconds.values()) > 6_000


def test_each_handover_of_the_rows_is_one_end_and_one_beginning(rows, records):
    refused = {
        name: {r.letter.position for r in found if isinstance(r, Bad)} for name, (found, _) in records.items()
    }
    for name, (found, _) in records.items():
        cells, latest = [], ""
        for line, row in enumerate(rows[name], start=2):
            if f"line {line}" in refused[name] or row["Timestamp"] < latest:
                continue
            latest = row["Timestamp"]
            node_class = CLASSES.get(row["NetworkMode"], "UtranCell")
            cell = f"{node_class}={row['RAWCELLID']}"
            if not cells or cells[-1] != cell:
                cells.append(cell)
        changes = [
            r.payload for r in found if not isinstance(r, Bad) and isinstance(r.payload, RelationChange)
        ]
        serves = [c for c in changes if c.relation == "serves"]
        told = [c.source_id for c in serves if c.op == "upsert"]
        assert told == cells
        assert [c.op for c in serves] == ["upsert"] * len(told) + ["remove"]
        times = [c.valid_from_ns for c in serves]
        assert times == sorted(times)
        pairs = {(c.source_id, c.target_id) for c in changes if c.relation == "adjacent"}
        assert pairs == set(itertools.pairwise(cells))


def test_all_relations_are_allowed_and_join_nodes_that_were_told_before(records):
    ontology = load()
    for found, _ in records.values():
        classes = {}
        for record in found:
            payload = None if isinstance(record, Bad) else record.payload
            if isinstance(payload, NodeChange):
                classes[payload.node_id] = payload.node_class
            elif isinstance(payload, RelationChange):
                assert ontology.allows(
                    payload.relation, classes[payload.source_id], classes[payload.target_id]
                )


def test_values_are_the_files_own(rows, records):
    name = min(rows)
    found, _ = records[name]
    reports = [
        r.payload for r in found if not isinstance(r, Bad) and isinstance(r.payload, MeasurementReport)
    ]
    assert len(reports) == len(rows[name])
    for report, row in zip(reports, rows[name], strict=True):
        assert report.object_id == f"UE={name.removesuffix('.csv')}"
        assert report.values["MDT.M5.UEThpDl"] == float(row["DL_bitrate"])
        if row["NetworkMode"] in CLASSES and row["RSRP"] != "-200":
            assert report.values["MDT.M1.RSRP"] == float(row["RSRP"])


def test_a_dead_letter_of_a_real_row_replays_to_its_own_place_once_the_bound_is_mended(records):
    import msgspec

    ontology = load()
    wider = msgspec.structs.replace(ontology.quantities["UE.NeighbourRSRQ"], minimum=-60.0)
    mended = msgspec.structs.replace(ontology, quantities={**ontology.quantities, wider.name: wider})
    context = SourceContext("elsewhere", mended)
    for found, _ in records.values():
        reports = [r.payload for r in found if not isinstance(r, Bad)]
        taken = {report.start_ns for report in reports if isinstance(report, MeasurementReport)}
        for letter in (r.letter for r in found if isinstance(r, Bad)):
            (good,) = replay(letter, ADAPTERS, context)
            assert good.payload.start_ns not in taken
            assert good.payload.values["UE.NeighbourRSRQ"] < -43
            taken.add(good.payload.start_ns)
