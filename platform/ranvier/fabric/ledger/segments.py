"""Segments: sealed rows that have left the database, as Parquet files that are never written again."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ranvier.fabric.ledger.sealing import SEQUENCE
from ranvier.ontology.errors import StoreError

ROWS_PER_GROUP = 16_384


def write(folder: Path, tables: Sequence[tuple[int, pa.Table]]) -> str:
    """Write (sequence, rows) pairs as one file that is on the disk when this returns; its name."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{tables[0][0]:012d}-{tables[-1][0]:012d}.parquet"
    marked = [rows.append_column(SEQUENCE, pa.array([n] * len(rows), pa.int64())) for n, rows in tables]
    partial = folder / f"{name}.partial"
    pq.write_table(
        pa.concat_tables(marked), partial, compression="zstd", compression_level=3,
        row_group_size=ROWS_PER_GROUP,
    )  # fmt: skip
    _sync(partial)
    partial.rename(folder / name)
    _sync(folder)
    return name


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def rows_of(path: Path, sequence: int) -> pa.Table:
    """The rows of one seal. Raises StoreError where the file is gone or damaged."""
    table = _read(path, [(SEQUENCE, "=", sequence)])
    return table.drop_columns([SEQUENCE])


def each(path: Path) -> Iterator[tuple[int, pa.Table]]:
    """All of a segment's (sequence, rows), in order; a sequence that comes twice is given twice."""
    table = _read(path, None)
    numbers = table.column(SEQUENCE).to_numpy()
    rows = table.drop_columns([SEQUENCE])
    start = 0
    while start < len(numbers):
        stop = start + 1
        while stop < len(numbers) and numbers[stop] == numbers[start]:
            stop += 1
        yield int(numbers[start]), rows.slice(start, stop - start)
        start = stop


def _read(path: Path, filters: list[tuple[str, str, int]] | None) -> pa.Table:
    try:
        return pq.ParquetFile(path).read(use_threads=False) if filters is None else pq.read_table(
            path, filters=filters, use_threads=False, partitioning=None
        )  # fmt: skip
    except (OSError, pa.ArrowException) as error:
        raise StoreError(
            f"a segment of the ledger at {path}", str(error), "restore it from a backup"
        ) from error


def remove_strays(folder: Path, known: set[str]) -> None:
    """Remove the files that a crash left between writing a segment and telling the database."""
    for path in folder.glob("*.parquet*"):
        if path.name not in known:
            path.unlink()
