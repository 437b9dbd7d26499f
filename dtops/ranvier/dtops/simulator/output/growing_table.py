"""`GrowingTable`: a Parquet file that grows by rows while a period goes on, and appears when that is over."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ranvier.dtops.simulator.output import durable_file

ROWS_OF_GROUP = 65_536
"""Rows that are held before they are written, as one row group."""


class GrowingTable:
    """Rows of one file, in the order in which they come. Memory does not grow with them.

    What is there when the process dies is a part that the next one overwrites.
    """

    def __init__(self, at: Path) -> None:
        self._at = at
        self._writer: pq.ParquetWriter | None = None
        self._held: list[pa.Table] = []
        self._rows = 0

    def append(self, rows: pa.Table) -> None:
        """Rows more; all of one schema."""
        self._held.append(rows)
        self._rows += len(rows)
        if self._rows >= ROWS_OF_GROUP:
            self._write()

    def finish(self) -> None:
        """Make the file appear, whole."""
        self._write()
        self._close()
        durable_file.put_in_place(self._at)

    def abandon(self) -> None:
        """Forget what came."""
        self._held = []
        self._close()
        durable_file.part_of(self._at).unlink(missing_ok=True)

    def _write(self) -> None:
        if self._writer is None:
            self._at.parent.mkdir(exist_ok=True)
            self._writer = pq.ParquetWriter(
                durable_file.part_of(self._at), self._held[0].schema, compression="zstd"
            )
        if self._rows:
            self._writer.write_table(pa.concat_tables(self._held), row_group_size=max(self._rows, 1))
        self._held, self._rows = [], 0

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
