"""Answers of InfluxDB as columns. InfluxQL's CSV keeps all 64 bits of an integer and every digit of a float."""

from __future__ import annotations

import io
from collections.abc import Mapping

import pyarrow as pa
from pyarrow import csv

from ranvier.ontology.errors import StoreError

WHOLE, REAL, FLAG = pa.int64(), pa.float64(), pa.bool_()
TEXT = pa.dictionary(pa.int32(), pa.string())


def selected(answer: bytes, columns: Mapping[str, pa.DataType]) -> pa.Table:
    """What a SELECT gave: tags, time (ns), and the columns selected, in order, by the names given here.

    Raises StoreError where the answer is cut off.
    """
    types = {"name": TEXT, "tags": TEXT, "time": WHOLE, **columns}
    return _parsed(answer, types).drop_columns(["name"])


def listed_keys(answer: bytes) -> list[str]:
    """The names that SHOW FIELD KEYS gave."""
    types = dict.fromkeys(("name", "tags", "key", "type"), pa.string())
    return list(_parsed(answer, types)["key"].to_pylist())


def listed_values(answer: bytes) -> list[str]:
    """The values that SHOW TAG VALUES gave."""
    types = dict.fromkeys(("name", "tags", "key", "value"), pa.string())
    return list(_parsed(answer, types)["value"].to_pylist())


def _parsed(answer: bytes, types: Mapping[str, pa.DataType]) -> pa.Table:
    if not answer.strip():
        return pa.table({name: pa.array([], kind) for name, kind in types.items()})
    try:
        return csv.read_csv(
            io.BytesIO(answer),
            read_options=csv.ReadOptions(column_names=list(types), skip_rows=1, use_threads=False),
            convert_options=csv.ConvertOptions(
                column_types=dict(types), null_values=[""], strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as error:
        raise StoreError(
            "a whole table from InfluxDB",
            f"{error}: {answer[-200:]!r}",
            "see the server's log, and ask again",
        ) from error
