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
        for name in self.where:
            if name not in self.schema.names:
                raise InputError(f"columns among {self.schema.names}", repr(name), "name one of the kind's")
            self.among(name)

    def among(self, name: str) -> pa.Array:
        """The values that column `name` may have, in its own type. Raises InputError for others."""
        value, kind = self.where[name], self.schema.field(name).type
        several = isinstance(value, Sequence) and not isinstance(value, str)
        try:
            return pa.array(list(value) if several else [value], kind)  # type: ignore[arg-type]
        except (pa.ArrowException, OverflowError) as error:
            raise InputError(
                f"values of {name} of type {kind}", repr(value), "give them in that type"
            ) from error


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
    for name in selection.where:
        among = selection.among(name).to_pylist()
        # IN is pushed down to the files' statistics.
        conditions.append(f"{_quoted(name)} IN ({', '.join('?' * len(among))})" if among else "false")
        values += among
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
    for name in selection.where:
        chosen &= pc.field(name).isin(selection.among(name))
    return rows.filter(chosen)
