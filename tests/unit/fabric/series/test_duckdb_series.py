"""What holds for the DuckDB adapter beyond the port's contract."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.ports import SeriesQuery
from ranvier.fabric.series import connection, selection
from ranvier.fabric.series.duckdb import DuckdbSeries
from ranvier.fabric.series.intern import SeriesIndex
from ranvier.ontology.errors import StoreBusy, StoreError
from ranvier.ontology.ontology import Ontology

ONTOLOGY = Ontology("none", {}, {}, {})

OPEN = """
import sys
from pathlib import Path
from ranvier.fabric.series.duckdb import DuckdbSeries
from ranvier.ontology.errors import StoreBusy
from ranvier.ontology.ontology import Ontology
try:
    DuckdbSeries(Path(sys.argv[1]), Ontology("none", {}, {}, {}))
except StoreBusy as error:
    print(error)
"""


def report(n: int, cell: int = 0) -> MeasurementReport:
    return MeasurementReport(f"Cell={cell}", "Cell", n, n + 1, {"a": float(n), "b": 0.0})


def test_a_second_process_is_told_who_is_in_the_way_and_what_to_do(tmp_path: Path) -> None:
    store = DuckdbSeries(tmp_path / "s.duckdb", ONTOLOGY)
    done = subprocess.run(
        [sys.executable, "-c", OPEN, str(tmp_path / "s.duckdb")], capture_output=True, text=True, check=False
    )
    store.close()
    assert "another process" in done.stdout
    assert "HTTP API" in done.stdout


def test_the_same_process_opens_a_file_once_at_a_time(tmp_path: Path) -> None:
    store = DuckdbSeries(tmp_path / "s.duckdb", ONTOLOGY)
    with pytest.raises(StoreBusy):
        DuckdbSeries(tmp_path / "s.duckdb", ONTOLOGY)
    store.close()
    DuckdbSeries(tmp_path / "s.duckdb", ONTOLOGY).close()


def test_a_file_that_is_no_database_is_refused_with_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "s.duckdb").write_bytes(b"this is no database" * 1000)
    with pytest.raises(StoreError, match="DuckDB"):
        DuckdbSeries(tmp_path / "s.duckdb", ONTOLOGY)


def test_series_numbers_hold_when_the_cache_forgets_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = SeriesIndex.__init__

    def small(self: SeriesIndex, connection: object, capacity: int = 0) -> None:
        original(self, connection, capacity=4)  # type: ignore[arg-type]

    monkeypatch.setattr(SeriesIndex, "__init__", small)
    store = DuckdbSeries(tmp_path / "s.duckdb", ONTOLOGY)
    for n in range(5):
        store.write([report(n, cell) for cell in range(10)], n)
    frame = store.read(SeriesQuery(quantities=("a",)))
    assert store.ping().detail["series"] == 20
    assert len(frame) == 50
    assert frame.object_ids.tolist() == [f"Cell={cell}" for cell in range(10) for _ in range(5)]
    store.close()


def test_series_whose_commit_failed_are_not_taken_for_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a full disk: the numbers of that transaction are given to other series afterwards."""
    store = DuckdbSeries(tmp_path / "series.duckdb", ONTOLOGY)
    own = connection.transaction

    @contextmanager
    def full(writer: Any) -> Iterator[None]:
        with own(writer):
            yield
            raise StoreError("the series store to write", "the disk is full", "make room")

    monkeypatch.setattr(connection, "transaction", full)
    with pytest.raises(StoreError, match="full"):
        store.write([report(1, cell=1), report(1, cell=2)], 1)
    monkeypatch.setattr(connection, "transaction", own)
    store.write([report(2, cell=3)], 2)
    store.write([report(1, cell=1), report(1, cell=2)], 3)
    again = DuckdbSeries(tmp_path / "copy.duckdb", ONTOLOGY)
    again.write([report(2, cell=3), report(1, cell=1), report(1, cell=2)], 3)
    one, other = store.read(SeriesQuery()), again.read(SeriesQuery())
    assert one.object_ids.tolist() == other.object_ids.tolist()
    assert one.values.tolist() == other.values.tolist()
    store.close()
    again.close()


def test_a_read_of_a_window_scans_its_own_row_groups_only(tmp_path: Path) -> None:
    """Zone maps on the period's end: of 20 row groups of 122,880 rows, a window of 1 in 100 lies in two."""
    store = DuckdbSeries(tmp_path / "s.duckdb", ONTOLOGY)
    values = {f"q{n}": float(n) for n in range(100)}
    for n in range(120):
        store.write([MeasurementReport(f"Cell={c}", "Cell", n, n + 1, values) for c in range(200)], n)
    with store._writer.cursor() as cursor:
        cursor.execute("CHECKPOINT")
        cursor.execute("CREATE TEMP VIEW wanted_series AS SELECT id, id AS place FROM series")
        bounds = {"from_ns": 60, "to_ns": 61, "known_at_ns": 1000, "after_ns": -1}
        plan = cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {selection.BEST}", bounds).fetchall()[0][1]
    store.close()
    scan = next(node for node in _nodes(json.loads(plan)) if "points" in str(node["extra_info"].get("Table")))
    assert scan["row_groups_scanned"] <= 2
    assert scan["total_row_groups_to_scan"] >= 19


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All operators of a plan."""
    for node in plan.get("operator", plan.get("children", [])):
        yield node
        yield from _nodes(node)


def test_memory_of_the_series_index_is_bounded(tmp_path: Path) -> None:
    store = DuckdbSeries(tmp_path / "s.duckdb", ONTOLOGY)
    index = SeriesIndex(store._writer, capacity=100)
    for start in range(0, 2000, 50):
        numbers = index.numbers([report(0, cell) for cell in range(start, start + 50)])
        assert len(np.unique(np.concatenate(numbers))) == 100
        assert len(index._known) <= 150
    store.close()
