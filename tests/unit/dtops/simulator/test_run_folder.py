"""A run on disk: whole or not at all, and the same whether it was interrupted, killed or left alone."""

import json
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from ranvier.dtops.simulator.output import run_job
from ranvier.dtops.simulator.output.growing_table import ROWS_OF_GROUP, GrowingTable
from ranvier.dtops.simulator.output.run_folder import RunFolder
from ranvier.dtops.simulator.output.run_job import Plan, begin, resume
from ranvier.dtops.simulator.scenario_file import load_scenario
from ranvier.ontology.errors import InputError, NotFound

SLOTS = 520
"""Two periods of 200 slots, and a part of a third one."""
TRACES = ("traces", "cell_traces", "measurements")


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> None:
    torch.set_num_threads(1)


def plan(run: str = "r") -> Plan:
    scenario = load_scenario("one-cell").changed(granularity_s=0.2)
    return Plan(run, scenario, SLOTS, seeds=(1, 2), traces=True, threads=1)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return begin(plan(), tmp_path_factory.mktemp("runs") / "whole")


def same(a: RunFolder, b: RunFolder) -> bool:
    kinds = ("counters", "kpis", "users", *TRACES)
    tables = all(
        pa.Table.equals(a.table(kind).combine_chunks(), b.table(kind).combine_chunks(), check_metadata=False)
        or str(a.table(kind).to_pylist()) == str(b.table(kind).to_pylist())  # where values are NaN
        for kind in kinds
    )
    return tables and a.manifest["digest"] == b.manifest["digest"]


def interrupt_at(slot: int) -> run_job.Progress:
    def progress(done: int, total: int) -> None:
        if done >= slot:
            raise KeyboardInterrupt

    return progress


def test_run_leaves_every_table_and_says_that_it_is_complete(whole: RunFolder) -> None:
    manifest = json.loads((whole.path / "manifest.json").read_text())
    assert (manifest["state"], manifest["slots_done"], manifest["periods"]) == ("COMPLETE", SLOTS, 3)
    assert set(manifest["tables"]) == {"counters", "kpis", "users", *TRACES}
    assert torch.__version__.startswith(manifest["versions"]["torch"])
    assert manifest["seeds"] == [1, 2]
    assert not list(whole.path.rglob("*.part"))


@pytest.mark.parametrize("slot", [80, 200, 360])
def test_interrupted_run_goes_on_to_the_same_end(whole: RunFolder, tmp_path: Path, slot: int) -> None:
    with pytest.raises(KeyboardInterrupt):
        begin(plan(), tmp_path / "run", interrupt_at(slot))
    stopped = RunFolder.open(tmp_path / "run")
    assert stopped.manifest["state"] == "ABORT"
    assert stopped.manifest["slots_done"] == slot // 200 * 200
    assert not list(stopped.path.rglob("*.part"))
    finished = resume(tmp_path / "run", threads=1)
    assert finished.manifest["state"] == "COMPLETE"
    assert "error" not in finished.manifest
    assert same(finished, whole)


def test_run_killed_between_the_state_and_the_manifest_loses_nothing(
    whole: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What a kill leaves: the second period's files and state are there, the manifest does not count them.
    written = RunFolder._write_manifest

    def killed(folder: RunFolder) -> None:
        if folder.manifest["periods"] == 2:
            raise SystemExit
        written(folder)

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "_write_manifest", killed)
        with pytest.raises(SystemExit):
            begin(plan(), tmp_path / "run")
    assert RunFolder.open(tmp_path / "run").manifest["periods"] == 1
    assert (tmp_path / "run/state/000002.pt").exists()
    assert same(resume(tmp_path / "run", threads=1), whole)


def test_parts_of_a_killed_run_are_written_again(whole: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        begin(plan(), tmp_path / "run", interrupt_at(240))
    (tmp_path / "run/traces/.000001.parquet.part").write_bytes(b"PAR1 half of a file")
    assert same(resume(tmp_path / "run", threads=1), whole)


def test_complete_run_is_left_as_it_is(whole: RunFolder) -> None:
    before = (whole.path / "manifest.json").stat().st_mtime_ns
    resume(whole.path, threads=1)
    assert (whole.path / "manifest.json").stat().st_mtime_ns == before


def test_only_the_state_at_the_end_is_kept(whole: RunFolder) -> None:
    assert [each.name for each in (whole.path / "state").iterdir()] == ["000003.pt"]


def test_traces_add_to_what_was_counted(whole: RunFolder) -> None:
    # Users' delivered bits by slot, against the users' rates of each period.
    traced = whole.table("traces")
    users = whole.table("users")
    delivered = sum(traced["delivered_bits"].to_pylist())
    length = {0: 200, 200: 200, 400: 120}
    counted = sum(
        rate * 1e3 * length[first] * 1e-3
        for rate, first in zip(users["rate_kbit_s"].to_pylist(), users["first_slot"].to_pylist(), strict=True)
    )
    assert delivered > 0
    assert delivered == pytest.approx(counted, rel=1e-9)


def test_users_prbs_are_those_of_the_cells(whole: RunFolder) -> None:
    users, cells = whole.table("traces"), whole.table("cell_traces")
    assert sum(users["prbs"].to_pylist()) == sum(cells["prbs"].to_pylist()) > 0
    slots = cells["slot"].to_pylist()
    assert min(slots) >= 0
    assert max(slots) < SLOTS


def test_measurements_come_once_a_measurement_period(whole: RunFolder) -> None:
    table = whole.table("measurements")
    assert set(table["slot"].to_pylist()) == set(range(0, SLOTS, 40))
    rows = list(
        zip(
            table["slot"].to_pylist(),
            table["realisation"].to_pylist(),
            table["user"].to_pylist(),
            strict=True,
        )
    )
    assert len(rows) == len(set(rows))


def test_duckdb_reads_all_periods_of_a_table(whole: RunFolder) -> None:
    found = duckdb.connect().execute(f"SELECT count(*) FROM '{whole.path}/traces/*.parquet'").fetchone()
    assert found == (len(whole.table("traces")),)


def test_origin_of_each_counter_is_its_run_and_realisation(whole: RunFolder) -> None:
    counters = whole.table("counters")
    assert set(counters["realisation"].to_pylist()) == {0, 1}
    assert set(counters["object_class"].to_pylist()) >= {"NRCellDU", "NRCellCU", "ManagedElement"}


def test_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("mine")
    with pytest.raises(InputError, match="an empty folder"):
        RunFolder.create(tmp_path, {})


def test_missing_and_broken_manifests_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        RunFolder.open(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(InputError, match="manifest"):
        RunFolder.open(tmp_path)


def test_growing_table_writes_while_it_grows_and_appears_when_finished(tmp_path: Path) -> None:
    at = tmp_path / "t/000000.parquet"
    table = GrowingTable(at)
    rows = pa.table({"n": range(ROWS_OF_GROUP // 4)})
    for _ in range(10):
        table.append(rows)
    part = at.with_name(".000000.parquet.part")
    assert part.stat().st_size > 0
    assert not at.exists()
    table.finish()
    assert not part.exists()
    assert pq.ParquetFile(at).num_row_groups == 3
    assert pq.read_table(at).num_rows == 10 * len(rows)
