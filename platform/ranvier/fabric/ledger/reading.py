"""Scanning the ledger: the segments and the recent rows that a selection touches, as one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from ranvier.fabric.ledger import catalogue, sealing
from ranvier.ontology.errors import InputError


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows: of a tenant, with time_ns in [from_ns, to_ns), whose columns equal or are among values."""

    schema: pa.Schema
    tenant: str
    from_ns: int
    to_ns: int
    where: Mapping[str, str | int | Sequence[str]]

    def __post_init__(self) -> None:
        strange = [name for name in self.where if name not in self.schema.names]
        if strange:
            raise InputError(f"columns among {self.schema.names}", str(strange), "name those of the kind")


def scan(
    cursor: duckdb.DuckDBPyConnection, folder: Path, kind: str, selection: Selection, limit: int | None
) -> pa.Table:
    """The selected rows in order of time_ns, those of one time in order of appending."""
    parts = [_of_segments(cursor, folder, kind, selection)]
    streams = catalogue.recent_between(cursor, kind, selection.from_ns, selection.to_ns)
    parts += [_filtered(sealing.from_bytes(stream), selection) for stream in streams]
    table = pa.concat_tables(parts).combine_chunks()
    order = pc.sort_indices(table, [("time_ns", "ascending")])
    return table.take(order if limit is None else order[:limit])


def _of_segments(
    cursor: duckdb.DuckDBPyConnection, folder: Path, kind: str, selection: Selection
) -> pa.Table:
    names = catalogue.segments_between(cursor, kind, selection.from_ns, selection.to_ns)
    if not names:
        return selection.schema.empty_table()
    conditions = ["tenant = ?", "time_ns >= ?", "time_ns < ?"]
    values: list[object] = [selection.tenant, selection.from_ns, selection.to_ns]
    for name, value in selection.where.items():
        among = isinstance(value, Sequence) and not isinstance(value, str)
        conditions.append(f"list_contains(?, {_quoted(name)})" if among else f"{_quoted(name)} = ?")
        values.append(list(value) if among else value)  # type: ignore[arg-type]
    columns = ", ".join(_quoted(name) for name in selection.schema.names)
    found = cursor.sql(
        f"SELECT {columns} FROM read_parquet(?) WHERE {' AND '.join(conditions)}",
        params=[[str(folder / name) for name in names], *values],
    ).to_arrow_table()
    return found.cast(selection.schema)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _filtered(rows: pa.Table, selection: Selection) -> pa.Table:
    time = pc.field("time_ns")
    chosen = (pc.field("tenant") == selection.tenant) & (time >= selection.from_ns) & (time < selection.to_ns)
    for name, value in selection.where.items():
        among = isinstance(value, Sequence) and not isinstance(value, str)
        chosen &= pc.field(name).isin(list(value)) if among else pc.field(name) == value  # type: ignore[arg-type]
    return rows.filter(chosen)
