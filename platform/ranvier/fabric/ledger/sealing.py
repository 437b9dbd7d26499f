"""Sealing: rows in one canonical form, and the chain of digests over them.

    rows ► plain types, one chunk, nulls over zeros ► Arrow IPC stream ► SHA-256 with the digest before

The form has to survive a way through Parquet bit for bit: dictionaries are decoded, metadata is dropped, and
what lies in memory under a null is cleared.
"""

from __future__ import annotations

import hashlib
import re

import pyarrow as pa
import pyarrow.ipc

from ranvier.ontology.errors import InputError

GENESIS = "0" * 64
SEQUENCE = "_sequence"
KIND = re.compile(r"[a-z][a-z0-9_-]{0,63}")


def canonical(rows: pa.Table) -> pa.Table:
    """`rows` with plain types and no metadata, in one chunk, with zeros under its nulls."""
    fields = [pa.field(f.name, _plain(f.type)) for f in rows.schema]
    columns = []
    for field, column in zip(fields, rows.columns, strict=True):
        plain = column.cast(field.type).combine_chunks()
        if isinstance(plain, pa.ChunkedArray):
            plain = plain.chunk(0) if plain.num_chunks else pa.array([], field.type)
        columns.append(_cleared(plain))
    return pa.table(columns, schema=pa.schema(fields))


def _plain(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        return pa.binary()
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return pa.list_(_plain(kind.value_type))
    return kind


def _cleared(column: pa.Array) -> pa.Array:
    """The same values in fresh buffers where a null may lie over something."""
    has_nulls = column.null_count > 0
    if pa.types.is_list(column.type):
        has_nulls = has_nulls or column.flatten().null_count > 0
    return pa.array(column.to_pylist(), column.type) if has_nulls else column


def to_bytes(rows: pa.Table) -> bytes:
    """The canonical rows as an Arrow IPC stream of one batch."""
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(metadata_version=pa.ipc.MetadataVersion.V5)
    with pa.ipc.new_stream(sink, rows.schema, options=options) as writer:
        writer.write_table(rows)
    return bytes(sink.getvalue())


def from_bytes(stream: bytes) -> pa.Table:
    """The rows of an Arrow IPC stream."""
    with pa.ipc.open_stream(stream) as reader:
        return reader.read_all()


def digest(previous: str, kind: str, key: str, sealed_at_ns: int, stream: bytes) -> str:
    """SHA-256(previous ‖ kind ‖ key ‖ sealed_at_ns ‖ stream), in hex.

    The first four are text in UTF-8 (the time in decimal digits), each followed by a zero byte.
    """
    head = "".join(f"{part}\0" for part in (previous, kind, key, sealed_at_ns))
    return hashlib.sha256(head.encode() + stream).hexdigest()


def check_kind(kind: str) -> None:
    """Raises InputError where `kind` cannot name a folder everywhere."""
    if not KIND.fullmatch(kind):
        raise InputError("a kind of lower-case letters, digits, - and _", repr(kind), "rename it")


def check_rows(rows: pa.Table) -> None:
    """Raises InputError where `rows` lacks what every kind has."""
    for name, kind in (("tenant", pa.string()), ("time_ns", pa.int64())):
        if name not in rows.column_names or rows.schema.field(name).type != kind:
            raise InputError(f"a column {name} of type {kind}", str(rows.schema), "add it to the rows")
        if rows.column(name).null_count:
            raise InputError(f"a {name} in every row", "a null", "fill it in")
    if SEQUENCE in rows.column_names or len(set(rows.column_names)) != rows.num_columns:
        raise InputError(
            f"columns of different names, none {SEQUENCE}", str(rows.column_names), "rename them"
        )
