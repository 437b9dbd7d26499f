"""`DriveTestMapping`: what the columns of a drive-test tool's CSV mean.

Written as TOML; docs/sources.md describes each field, and raca-2020.toml beside this file is the one that
ships. Units are declared, and the ontology refuses those that contradict its own.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from ranvier.ontology.ontology import Ontology


class TimeColumn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The column of the time stamp.

    format     a strptime format, or "iso8601", "epoch_s", "epoch_ms"
    zone       IANA zone of time stamps that name no offset themselves
    ambiguous  which reading a local time has that occurs twice (the hour when clocks go back) where no
               earlier row tells; otherwise the first reading that does not go back more than a minute
    """

    column: str
    format: str
    zone: str = "UTC"
    ambiguous: Literal["earlier", "later", "reject"] = "earlier"


class ValueColumn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A column that holds a quantity: number × scale + offset is the value in `unit`.

    sentinels     numbers in the column that mean "missing"
    cell_classes  the serving cell's classes under which the column has this meaning; None: always
    """

    column: str
    quantity: str
    unit: str
    scale: float = 1.0
    offset: float = 0.0
    sentinels: tuple[float, ...] = ()
    cell_classes: tuple[str, ...] | None = None


class CellProperty(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A column that holds a property of the serving cell.

    kind          how it is written: "text", "integer" or "hex"
    missing       texts that mean "not known", besides those of the whole file
    cell_classes  the classes whose cells have it; None: all
    """

    name: str
    column: str
    kind: Literal["text", "integer", "hex"] = "text"
    missing: tuple[str, ...] = ()
    cell_classes: tuple[str, ...] | None = None


class CellColumns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The columns that tell the serving cell.

    classes   text in the `mode` column to a class of the ontology; a mode that is not here is an error
    notes     mode to a remark that is kept on `serves`, about what the row's values mean in that mode
    """

    id: str
    mode: str
    classes: dict[str, str]
    property: tuple[CellProperty, ...] = ()
    notes: dict[str, str] = {}


class UeColumns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who measured: the column that names the UE, or None for one UE a file, named after it."""

    id: str | None = None


class DriveTestMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of a drive-test CSV's columns that matter, and what to do between rows.

    gap_s      rows further apart than this are separate stretches: `serves` ends in between
    hold_s     how long a row speaks for the serving cell when no further row follows within gap_s
    reorder_s  how far back a row may lie behind the latest one; older rows are dead letters, because which
               of several rows in one instant they are can no longer be told
    """

    name: str
    time: TimeColumn
    value: tuple[ValueColumn, ...]
    cell: CellColumns | None = None
    ue: UeColumns = UeColumns()
    format: Literal["drive-test"] = "drive-test"
    delimiter: str = ","
    encoding: str = "utf-8"
    missing: tuple[str, ...] = ("", "-")
    gap_s: float = 10.0
    hold_s: float = 1.0
    reorder_s: float = 3600.0

    def columns(self) -> tuple[str, ...]:
        """All columns that a header must have for this mapping to apply."""
        named = [self.time.column, *(value.column for value in self.value)]
        if self.cell is not None:
            named += [self.cell.id, self.cell.mode, *(told.column for told in self.cell.property)]
        if self.ue.id is not None:
            named.append(self.ue.id)
        return tuple(dict.fromkeys(named))

    def check(self, ontology: Ontology) -> None:
        """Raises OntologyError or UnitMismatch where the mapping contradicts the ontology."""
        for value in self.value:
            ontology.factor(value.quantity, value.unit)
