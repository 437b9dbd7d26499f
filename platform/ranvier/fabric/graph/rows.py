"""`insert`: many rows into a table, several with each statement."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import cache
from itertools import chain
from typing import Any

_AT_ONCE = 50
"""Rows of a statement: starting one costs about as much as a row does, and 50 rows bind at most 500 values."""


def insert(connection: sqlite3.Connection, into: str, rows: Sequence[Sequence[Any]]) -> None:
    """`INSERT INTO table (columns)` for rows of equal length, in their order."""
    whole = len(rows) - len(rows) % _AT_ONCE
    if whole:
        groups = (chain.from_iterable(rows[i : i + _AT_ONCE]) for i in range(0, whole, _AT_ONCE))
        connection.executemany(_statement(into, len(rows[0]), _AT_ONCE), map(tuple, groups))
    if whole < len(rows):
        connection.executemany(_statement(into, len(rows[0]), 1), rows[whole:])


@cache
def _statement(into: str, width: int, count: int) -> str:
    row = f"({', '.join('?' * width)})"
    return f"{into} VALUES {', '.join([row] * count)}"
