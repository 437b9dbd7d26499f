"""A third party's Parquet: what is right is scored like ours, what is wrong is named, row by row."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ranvier.aiops.baselines.climatology import Climatology
from ranvier.aiops.baselines.persistence import Persistence
from ranvier.dtops.referee.chronicle import Chronicle
from ranvier.dtops.referee.replay import Schedule, replay
from ranvier.dtops.referee.scoreboard import Scoreboard
from ranvier.dtops.referee.spool_ledger import SpoolLedger
from ranvier.dtops.referee.theirs import Theirs, read_theirs
from ranvier.dtops.synchroniser import LoadBinSynchroniser
from ranvier.fabric.measurement import MeasurementReport
from ranvier.ontology.errors import InputError

S = 10**9
HORIZONS = (1.0, 5.0)


def row(**changes: Any) -> dict[str, Any]:
    good = {
        "model": "sim", "object_id": "ue", "quantity": "q", "issued_at": 100 * S, "horizon_s": 5.0,
        "levels": None, "values": None, "samples": [1.0, 2.0],
    }  # fmt: skip
    return good | changes


SCHEMA = pa.schema(
    [
        ("model", pa.string()), ("object_id", pa.string()), ("quantity", pa.string()),
        ("issued_at", pa.int64()), ("horizon_s", pa.float64()), ("levels", pa.list_(pa.float64())),
        ("values", pa.list_(pa.float64())), ("samples", pa.list_(pa.float64())),
        ("known_at", pa.int64()), ("valid_at", pa.int64()),
    ]
)  # fmt: skip


def read(tmp_path: Path, rows: list[dict[str, Any]]) -> Theirs:
    path = tmp_path / "theirs.parquet"
    filled = [{"known_at": each["issued_at"], "valid_at": None, **each} for each in rows]
    for each in filled:
        if each["valid_at"] is None and each["issued_at"] is not None and each["horizon_s"] is not None:
            each["valid_at"] = int(each["issued_at"] + each["horizon_s"] * S)
    pq.write_table(pa.Table.from_pylist(filled, SCHEMA), path)
    return read_theirs(path, HORIZONS, S, ("q",))


FAULTS = {
    "no object": ({"object_id": None}, "object_id"),
    "issued after its valid time": ({"horizon_s": -5.0}, "horizon_s"),
    "knows what comes after": ({"known_at": 101 * S}, "known_at"),
    "another valid time": ({"valid_at": 90 * S}, "valid_at"),
    "neither kind": ({"samples": None}, "samples"),
    "both kinds": ({"values": [1.0], "levels": [0.5]}, "samples"),
    "NaN": ({"samples": [1.0, float("nan")]}, "samples"),
    "levels missing": ({"samples": None, "values": [1.0, 2.0], "levels": [0.5]}, "levels"),
    "crossing quantiles": ({"samples": None, "values": [2.0, 1.0], "levels": [0.2, 0.8]}, "values"),
    "levels that fall": ({"samples": None, "values": [1.0, 2.0], "levels": [0.8, 0.2]}, "levels"),
    "levels beyond 1": ({"samples": None, "values": [1.0, 2.0], "levels": [0.5, 1.0]}, "levels"),
    "before 1970": ({"issued_at": 0}, "issued_at"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_row_is_named_with_its_field_and_the_rest_is_used(tmp_path: Path, fault: str) -> None:
    changes, named = FAULTS[fault]
    theirs = read(tmp_path, [row(issued_at=50 * S), row(**changes), row(issued_at=60 * S)])
    assert [(bad.row, bad.field) for bad in theirs.bad] == [(1, named)]
    assert sum(len(bundle.row) for rival in theirs.rivals for bundle in rival.bundles) == 2


def test_contradictory_rows_are_all_refused_and_equal_ones_count_once(tmp_path: Path) -> None:
    """Nobody chooses afterwards which of two forecasts was meant."""
    rows = [row(), row(samples=[3.0, 4.0]), row(issued_at=200 * S), row(issued_at=200 * S)]
    theirs = read(tmp_path, rows)
    assert sorted(bad.row for bad in theirs.bad) == [0, 1]
    assert [bundle.row.tolist() for bundle in theirs.rivals[0].bundles] == [[2]]
    assert theirs.passed_over["they repeat an earlier row"] == 1


def test_two_forecasts_within_one_step_of_the_grid_contradict_each_other(tmp_path: Path) -> None:
    theirs = read(tmp_path, [row(issued_at=100 * S), row(issued_at=100 * S + S // 2, samples=[9.0])])
    assert theirs.bad_rows == 2


def test_other_horizons_and_quantities_are_counted_and_not_faults(tmp_path: Path) -> None:
    theirs = read(tmp_path, [row(horizon_s=7.0), row(quantity="other"), row()])
    assert theirs.bad_rows == 0
    assert sum(theirs.passed_over.values()) == 2


def test_a_file_without_the_columns_says_which_are_missing(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"model": ["a"], "quantity": ["q"]}), path)
    with pytest.raises(InputError, match=r"object_id.*issued_at.*samples"):
        read_theirs(path, HORIZONS, S, ("q",))


def test_what_is_no_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(b"model,object_id\n")
    with pytest.raises(InputError, match="Parquet"):
        read_theirs(path, HORIZONS, S, ("q",))


def test_timestamps_are_taken_as_utc(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    table = pa.Table.from_pylist([row()], SCHEMA)
    times = pa.array([100_000], pa.timestamp("ms", "UTC"))
    pq.write_table(table.set_column(3, "issued_at", times).drop(["known_at", "valid_at"]), path)
    theirs = read_theirs(path, HORIZONS, S, ("q",))
    assert theirs.issue_times_ns == (100 * S,)


def scored(tmp_path: Path, rows: list[dict[str, Any]]) -> tuple[Scoreboard, Theirs]:
    """A ramp of 200 s with our baselines and theirs."""
    theirs = read(tmp_path, rows)
    board = Scoreboard(("climatology", "persistence"), HORIZONS, S, {}, theirs.entered(), quantities=["q"])
    theirs.bind(board)
    schedule = Schedule(10 * S, 60 * S, 30 * S, 10 * S, theirs.issue_times_ns)
    with Chronicle() as chronicle, closing(SpoolLedger()) as ledger:
        for t in range(1, 201):
            chronicle.add(MeasurementReport("ue", "UE", t * S, t * S, {"q": float(t)}), t * S)
        replay(chronicle, [Climatology(), Persistence()], LoadBinSynchroniser(S), board, schedule, ledger)
    return board, theirs


def test_theirs_are_scored_with_the_same_code_on_the_common_points(tmp_path: Path) -> None:
    """They forecast persistence's own values at off-schedule times: the same scores come out."""
    times = [13, 47, 101, 153]
    rows = [
        row(issued_at=t * S, horizon_s=h, samples=[float(t)], model="sim") for t in times for h in HORIZONS
    ]
    board, theirs = scored(tmp_path, rows)
    assert np.array_equal(board.sums["sim (theirs)"], board.sums["persistence"])
    assert board.sums["persistence"].sum(axis=0)[0, :, 0].tolist() == [4.0, 4.0]
    assert theirs.rivals[0].matched == 8


def test_a_horizon_that_they_leave_out_does_not_empty_the_table(tmp_path: Path) -> None:
    board, _ = scored(tmp_path, [row(issued_at=t * S, samples=[float(t)]) for t in (20, 40, 60)])
    counts = board.sums["persistence"].sum(axis=0)[0, :, 0]
    assert counts[1] == 3.0
    assert counts[0] == 19.0


def test_nobody_can_pass_for_one_of_ours(tmp_path: Path) -> None:
    theirs = read(tmp_path, [row(model="climatology")])
    assert [rival.name for rival in theirs.rivals] == ["climatology (theirs)"]
