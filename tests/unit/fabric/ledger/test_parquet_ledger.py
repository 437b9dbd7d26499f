"""Tampering with a ParquetLedger, and crashes between writing a segment and telling the database."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ranvier.fabric.ledger import catalogue, segments
from ranvier.fabric.ledger.parquet import ParquetLedger
from ranvier.ontology.errors import StoreBusy, StoreError


def rows(n: int) -> pa.Table:
    return pa.table(
        {
            "tenant": ["default"] * 3,
            "time_ns": pa.array([n] * 3, pa.int64()),
            "values": pa.array([[0.1 * n, 2.0]] * 3, pa.list_(pa.float64())),
        }
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A ledger with ten seals, the first six of them in two segments."""
    ledger = ParquetLedger(tmp_path, segment_rows=9)
    for n in range(8):
        ledger.append("forecasts", f"k{n}", rows(n), n)
    assert ledger.verify("forecasts") == 8
    ledger.close()
    assert len(list((tmp_path / "forecasts").glob("*.parquet"))) == 2
    return tmp_path


def segment(folder: Path) -> Path:
    return min((folder / "forecasts").glob("*.parquet"))


def verify(folder: Path) -> None:
    ledger = ParquetLedger(folder)
    try:
        ledger.verify("forecasts")
    finally:
        ledger.close()


def test_a_changed_value_in_a_segment_is_found_and_named(folder: Path) -> None:
    table = pq.ParquetFile(segment(folder)).read()
    values = table.column("values").to_pylist()
    values[4][0] += 1e-12
    place = table.column_names.index("values")
    pq.write_table(
        table.set_column(place, "values", pa.array(values, pa.list_(pa.float64()))), segment(folder)
    )
    with pytest.raises(StoreError, match="'k1'"):
        verify(folder)


def test_a_removed_row_is_found(folder: Path) -> None:
    table = pq.ParquetFile(segment(folder)).read()
    pq.write_table(table.slice(1), segment(folder))
    with pytest.raises(StoreError, match="'k0'"):
        verify(folder)


def test_rows_put_into_another_order_are_found(folder: Path) -> None:
    table = pq.ParquetFile(segment(folder)).read()
    pq.write_table(table.take(list(range(len(table)))[::-1]), segment(folder))
    with pytest.raises(StoreError):
        verify(folder)


def test_a_segment_that_is_gone_or_damaged_is_found(folder: Path) -> None:
    content = segment(folder).read_bytes()
    segment(folder).write_bytes(content[: len(content) // 2])
    with pytest.raises(StoreError, match="segment"):
        verify(folder)
    segment(folder).unlink()
    with pytest.raises(StoreError):
        verify(folder)


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE seals SET sealed_at_ns = 99 WHERE sequence = 7",
        "UPDATE seals SET key = 'other' WHERE sequence = 7",
        "UPDATE seals SET digest = repeat('0', 64) WHERE sequence = 7",
        "DELETE FROM seals WHERE sequence = 3",
        "UPDATE recent SET stream = (SELECT stream FROM recent WHERE sequence = 6) WHERE sequence = 7",
        "DELETE FROM recent WHERE sequence = 6",
        "INSERT INTO recent SELECT * REPLACE (8 AS sequence) FROM recent WHERE sequence = 7",
    ],
)
def test_tampering_with_the_database_is_found(folder: Path, tampering: str) -> None:
    with duckdb.connect(str(folder / catalogue.FILE)) as connection:
        connection.execute(tampering)
    with pytest.raises(StoreError):
        verify(folder)


class PowerCut(BaseException):
    """What no handler catches."""


def test_a_crash_after_writing_a_segment_neither_loses_nor_doubles_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(*_: object) -> None:
        raise PowerCut

    ledger = ParquetLedger(tmp_path, segment_rows=9)
    for n in range(2):
        ledger.append("forecasts", f"k{n}", rows(n), n)
    monkeypatch.setattr(catalogue, "to_segment", cut)
    with pytest.raises(PowerCut):
        ledger.append("forecasts", "k2", rows(2), 2)
    monkeypatch.undo()
    ledger.close()
    assert list((tmp_path / "forecasts").iterdir())
    again = ParquetLedger(tmp_path, segment_rows=9)
    assert list((tmp_path / "forecasts").iterdir()) == []
    assert len(again.scan("forecasts", "default")) == 9
    again.append("forecasts", "k3", rows(3), 3)
    assert len(again.scan("forecasts", "default")) == 12
    assert again.verify("forecasts") == 4
    again.close()


def test_a_segment_that_was_not_finished_is_removed(folder: Path) -> None:
    (folder / "forecasts" / "000000000006-000000000009.parquet.partial").write_bytes(b"PAR1")
    verify(folder)
    assert list((folder / "forecasts").glob("*.partial")) == []


def many(count: int) -> pa.Table:
    return rows(1).take([0] * count)


def test_rows_that_are_a_segment_by_themselves_never_pass_through_the_database(tmp_path: Path) -> None:
    ledger = ParquetLedger(tmp_path, segment_rows=9)
    for number, count in enumerate((2, 3, 9, 20, 4)):
        ledger.append("forecast", f"key {number}", many(count), 1_000 + number)
    assert ledger._connection.execute("SELECT sequence FROM recent ORDER BY sequence").fetchall() == [(4,)]
    assert [len(ledger.get("forecast", f"key {number}")) for number in range(5)] == [2, 3, 9, 20, 4]
    assert len(ledger.scan("forecast", "default")) == 38
    assert ledger.verify("forecast") == 5
    ledger.close()
    again = ParquetLedger(tmp_path, segment_rows=9)
    assert again.verify("forecast") == 5
    again.close()


def test_a_crash_before_the_seal_of_a_large_entry_leaves_no_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(*args: object) -> None:
        raise KeyboardInterrupt

    ledger = ParquetLedger(tmp_path, segment_rows=9)
    ledger.append("forecast", "before", many(2), 1_000)
    with monkeypatch.context() as patch:
        patch.setattr(catalogue, "insert", cut)
        with pytest.raises(KeyboardInterrupt):
            ledger.append("forecast", "large", many(20), 1_001)
    ledger.close()
    again = ParquetLedger(tmp_path, segment_rows=9)
    assert len(list((tmp_path / "forecast").iterdir())) == 1, "the stray file went"
    again.append("forecast", "large", many(20), 1_002)
    assert len(again.scan("forecast", "default")) == 22
    assert again.verify("forecast") == 2
    again.close()


def test_only_segments_that_a_window_touches_are_opened(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment(folder).unlink()
    ledger = ParquetLedger(folder)
    assert len(ledger.scan("forecasts", "default", 3)) == 15
    assert len(ledger.get("forecasts", "k7")) == 3
    ledger.close()


def test_a_folder_is_open_once_at_a_time(tmp_path: Path) -> None:
    ledger = ParquetLedger(tmp_path)
    with pytest.raises(StoreBusy, match="HTTP API"):
        ParquetLedger(tmp_path)
    ledger.close()


def test_a_segment_holds_what_was_written(tmp_path: Path) -> None:
    name = segments.write(tmp_path, [(3, rows(3)), (4, rows(4))])
    assert [(n, table.to_pylist()) for n, table in segments.each(tmp_path / name)] == [
        (3, rows(3).to_pylist()),
        (4, rows(4).to_pylist()),
    ]
    assert segments.rows_of(tmp_path / name, 4).to_pylist() == rows(4).to_pylist()
