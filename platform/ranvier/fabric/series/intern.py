"""`SeriesIndex`: short numbers for series, so that a row of the store needs no text.

A series is (tenant, network, origin, object, quantity). Reports name the same quantities of the same object
again and again, so the numbers of a whole report are kept under one key, in a cache of bounded size.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ranvier.fabric.measurement import MeasurementReport

Layout = tuple[str, str, str, str, tuple[str, ...]]
"""(tenant, network, origin, object, its quantities in the report's order)."""

COLUMNS = ("tenant", "network", "origin", "object_id", "quantity")
NAMES = ", ".join(COLUMNS)


class SeriesIndex:
    """Numbers by layout. Used by the writing thread only, within its transaction."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, capacity: int = 65_536) -> None:
        self._connection, self._capacity = connection, capacity
        self._known: dict[Layout, NDArray[np.int32]] = {}
        self._fresh: list[Layout] = []

    def numbers(self, reports: Sequence[MeasurementReport]) -> list[NDArray[np.int32]]:
        """For each report the numbers of its series, in the order of its values."""
        layouts = [(r.tenant, r.network, r.origin, r.object_id, tuple(r.values)) for r in reports]
        known = self._known
        missing = [layout for layout in dict.fromkeys(layouts) if layout not in known]
        found: dict[Layout, NDArray[np.int32]] = {}
        if missing:
            found = self._look_up(missing)
            known.update(found)
            self._fresh += missing
        numbers = [known[layout] for layout in layouts]
        self._shrink()
        return numbers

    def _shrink(self) -> None:
        surplus = len(self._known) - self._capacity
        if surplus > 0:
            for layout in list(self._known)[: surplus + self._capacity // 8]:
                del self._known[layout]

    def settle(self) -> None:
        """The transaction was committed."""
        self._fresh.clear()

    def forget_fresh(self) -> None:
        """The transaction was rolled back: numbers given in it are no longer true."""
        for layout in self._fresh:
            self._known.pop(layout, None)
        self._fresh.clear()

    def clear(self) -> None:
        """Series were deleted."""
        self._known.clear()

    def _look_up(self, layouts: Sequence[Layout]) -> dict[Layout, NDArray[np.int32]]:
        wanted = list(dict.fromkeys((*layout[:4], q) for layout in layouts for q in layout[4]))
        if not wanted:
            return {layout: np.empty(0, np.int32) for layout in layouts}
        columns = [pa.array(column, pa.string()) for column in zip(*wanted, strict=True)]
        place = pa.array(range(len(wanted)), pa.int64())
        self._connection.register("wanted", pa.table([*columns, place], [*COLUMNS, "place"]))
        try:
            numbers = self._number_all()
        finally:
            self._connection.unregister("wanted")
        number_of = dict(zip(wanted, numbers, strict=True))
        return {
            layout: np.array([number_of[(*layout[:4], q)] for q in layout[4]], np.int32) for layout in layouts
        }

    def _number_all(self) -> list[int]:
        execute = self._connection.execute
        execute(
            f"INSERT INTO series SELECT (SELECT coalesce(max(id), -1) FROM series) + row_number() "
            f"OVER (ORDER BY place), {NAMES} FROM wanted ANTI JOIN series USING ({NAMES})"
        )
        rows = execute(f"SELECT s.id FROM wanted JOIN series s USING ({NAMES}) ORDER BY place").fetchnumpy()
        return [int(number) for number in rows["id"]]
