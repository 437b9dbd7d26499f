"""What a run leaves in the catalogue."""

from __future__ import annotations

import io
import uuid
from pathlib import Path

import msgspec
import pytest

from ranvier.fabric.alarm import Alarm
from ranvier.fabric.catalogue.fingerprint import Fingerprint
from ranvier.fabric.catalogue.keeper import Keeper
from ranvier.fabric.catalogue.lineage_folder import LineageFolder
from ranvier.fabric.catalogue.own_datasets import own_datasets
from ranvier.fabric.catalogue.quality import DAY_NS
from ranvier.fabric.catalogue.run import Run
from ranvier.fabric.catalogue.sqlite import SqliteCatalogue
from ranvier.fabric.dead_letter import DeadLetter
from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.sources.source import Bad, Good
from ranvier.fabric.topology_change import NodeChange

S = 10**9
NOW = 20_000 * DAY_NS + 3600 * S
RUN = Run(str(uuid.UUID(int=3)), "ingest", "START", NOW)
BAD = Bad(DeadLetter("no reason", "f", "line 1", b""))


def report(period: int) -> Good:
    end_ns = NOW + period * 10 * S
    values = {"RRU.PrbTotDl": 5.0, "DRB.UEThpDl": 6.0}
    return Good(MeasurementReport("NRCellDU=1", "NRCellDU", end_ns - 10 * S, end_ns, values), "line 1")


@pytest.fixture
def catalogue():
    opened = SqliteCatalogue(Path(":memory:"))
    for dataset in own_datasets("NOC", "", 0, 10.0):
        opened.register(dataset)
    yield opened
    opened.close()


def read(keeper: Keeper, records: list[Good | Bad], adapter: str = "pm-file", raw: bytes = b"x") -> None:
    assert (
        list(keeper.watch(records, Fingerprint("a.xml", io.BytesIO(raw)), adapter, NOW + 60 * S)) == records
    )


def figures(catalogue: SqliteCatalogue, dataset_id: str) -> tuple[int, int, int]:
    entry = catalogue.get("default", dataset_id)
    return entry.quality.accepted, entry.quality.refused, entry.files


def test_each_record_counts_in_the_dataset_of_its_kind(catalogue: SqliteCatalogue) -> None:
    alarm = Alarm("1", "NRCellDU=1", "NRCellDU", NOW, "MAJOR", "EQUIPMENT_ALARM", "none")
    node = NodeChange("NRCellDU=1", "NRCellDU", NOW)
    read(Keeper(catalogue, RUN), [report(0), report(1), BAD, Good(alarm, "2"), Good(node, "3", derived=True)])
    assert figures(catalogue, "measurements") == (2, 1, 1)
    assert figures(catalogue, "topology") == (1, 0, 1)
    assert figures(catalogue, "alarms") == (1, 0, 1)
    assert figures(catalogue, "dead-letters") == (1, 0, 1)


@pytest.mark.parametrize(
    ("adapter", "dataset"), [("pm-file", "measurements"), ("nrm", "topology"), ("ves", "alarms")]
)
def test_a_file_of_which_nothing_could_be_used_counts_against_what_it_should_have_fed(
    catalogue: SqliteCatalogue, adapter: str, dataset: str
) -> None:
    read(Keeper(catalogue, RUN), [BAD], adapter)
    assert figures(catalogue, dataset) == (0, 1, 1)


def test_a_file_read_again_passes_and_counts_once(catalogue: SqliteCatalogue) -> None:
    read(Keeper(catalogue, RUN), [report(0)])
    read(Keeper(catalogue, msgspec.structs.replace(RUN, run_id=str(uuid.UUID(int=4)))), [report(0)])
    assert figures(catalogue, "measurements") == (1, 0, 1)


def test_files_one_after_the_other_give_the_completeness_of_all(catalogue: SqliteCatalogue) -> None:
    keeper = Keeper(catalogue, RUN)
    for period in (0, 1, 3):
        read(keeper, [report(period)], raw=str(period).encode())
    quality = catalogue.get("default", "measurements").quality
    assert (quality.received, quality.expected, quality.completeness) == (6, 8, 0.75)


def test_a_run_leaves_its_start_its_end_and_its_files_as_events(
    catalogue: SqliteCatalogue, tmp_path: Path
) -> None:
    keeper = Keeper(catalogue, RUN, LineageFolder(tmp_path))
    keeper.begin()
    read(keeper, [report(0)])
    keeper.end(NOW + 3600 * S)
    (path,) = tmp_path.iterdir()
    events = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
    assert [event["eventType"] for event in events] == ["START", "COMPLETE"]
    assert [source["name"] for source in events[1]["inputs"]] == ["a.xml"]
    (run,) = catalogue.lineage("default", "measurements").runs
    assert (run.state, run.ended_at_ns) == ("COMPLETE", NOW + 3600 * S)


def test_a_run_that_failed_says_why(catalogue: SqliteCatalogue) -> None:
    keeper = Keeper(catalogue, RUN)
    keeper.begin()
    keeper.end(NOW + S, "disk full")
    (run,) = catalogue.lineage("default", "measurements").runs
    assert (run.state, run.error) == ("FAIL", "disk full")
