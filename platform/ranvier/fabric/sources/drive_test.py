"""`DriveTest`: a drive-test tool's CSV, one row an instant, one UE a file (or as its column says).

    header ► mapping ► Rows ─┬─► MeasurementReport of the UE, start = end = the row's instant
                             └─► Serving: UE and cell nodes, `serves` intervals, `adjacent` at handovers

Rows that share an instant are different facts: they get their order in the file as nanoseconds (t, t + 1,
…), bad rows included, so that a row replayed later finds its own place and the same file read again gives
the same keys.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import IO

import msgspec

from ranvier.fabric.dead_letter import DeadLetter
from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.sources.distinguished_name import escaped
from ranvier.fabric.sources.drive_test_columns import Cell, Columns
from ranvier.fabric.sources.line_reader import Line, lines
from ranvier.fabric.sources.local_time import LocalTime
from ranvier.fabric.sources.mappings.drive_test_mapping import DriveTestMapping
from ranvier.fabric.sources.row_order import RowOrder
from ranvier.fabric.sources.serving import Serving
from ranvier.fabric.sources.source import Bad, Good, SourceContext
from ranvier.ontology.errors import RanvierError

_BOM = b"\xef\xbb\xbf"


class _Kept(msgspec.Struct):
    """What a dead letter keeps of its file, so that its row can be read again alone."""

    columns: list[str]
    near_ns: int | None = None
    order: int | None = None


def ue_of(source: str) -> str:
    """The distinguished name of the UE of a file: its path without the extension, escaped (TS 32.300)."""
    stem = source[:-4] if source.lower().endswith(".csv") else source
    return f"UE={escaped(stem)}"


def header_of(
    line: bytes, mappings: tuple[DriveTestMapping, ...]
) -> tuple[list[str], DriveTestMapping] | None:
    """The columns of a header line and the first mapping that fits them, or None."""
    for mapping in mappings:
        try:
            text = line.removeprefix(_BOM).decode(mapping.encoding)
            columns = [name.strip() for name in split(text, mapping)]
        except (ValueError, LookupError, csv.Error):
            continue
        if set(mapping.columns()) <= set(columns):
            return columns, mapping
    return None


def split(text: str, mapping: DriveTestMapping) -> list[str]:
    """The fields of one line."""
    if '"' not in text:
        return text.split(mapping.delimiter)
    return next(csv.reader([text], delimiter=mapping.delimiter))


class DriveTest:
    """The adapter; the mapping says what the columns mean."""

    name = "drive-test"

    def detect(self, head: bytes, context: SourceContext, /) -> bool:
        """Whether the first line holds the columns of a mapping."""
        return header_of(head.split(b"\n", 1)[0].rstrip(b"\r"), context.mappings.drive_tests) is not None

    def read(self, raw: IO[bytes] | bytes, context: SourceContext) -> Iterator[Good | Bad]:
        """A report for each row, with what it tells of the topology before it."""
        rows = lines(raw)
        header = next(rows, Line(1, b"", "an empty file"))
        found = None if header.fault else header_of(header.raw, context.mappings.drive_tests)
        if found is None:
            names = ", ".join(mapping.name for mapping in context.mappings.drive_tests)
            got = header.fault or repr(header.raw[:200])
            reason = f"expected a header that fits a mapping ({names}); got {got}; declare a mapping"
            yield context.bad(self.name, reason, "line 1", header.raw)
            return
        session = _Session(found[1], found[0], context)
        for row in rows:
            if row.raw.strip() or row.fault:
                yield from session.row(row)
        yield from session.end()

    def replay(self, letter: DeadLetter, context: SourceContext) -> Iterator[Good | Bad]:
        """The report of one row. Serving cells are not replayed: rows around it have told them since."""
        try:
            kept = msgspec.json.decode(letter.context, type=_Kept)
        except msgspec.DecodeError:
            yield from self.read(letter.raw, context)
            return
        fitting = [m for m in context.mappings.drive_tests if set(m.columns()) <= set(kept.columns)]
        if not fitting:
            reason = f"expected a mapping for the columns {kept.columns}; got none; declare one"
            yield context.bad(self.name, reason, letter.position, letter.raw, letter.context)
            return
        session = _Session(fitting[0], kept.columns, context)
        yield session.again(letter, kept)


class _Session:
    """One file while it is read: its state is the order of recent instants and each UE's serving cell."""

    def __init__(self, mapping: DriveTestMapping, columns: list[str], context: SourceContext) -> None:
        self._mapping, self._context, self._names = mapping, context, columns
        self._columns = Columns(mapping, columns, context.ontology)
        self._time = LocalTime(mapping.time)
        self._order = RowOrder(int(mapping.reorder_s * 1e9))
        self._ue = ue_of(context.source)
        self._near_ns: int | None = None
        self._latest_ns = context.latest_ns
        self._serving: dict[str, Serving] = {}

    def row(self, line: Line) -> Iterator[Good | Bad]:
        """The records of one line."""
        order: int | None = None
        position = f"line {line.number}"
        near_ns = self._near_ns
        try:
            fields = self._fields(line)
            instant_ns = self._instant(fields, near_ns)
            order = self._order.next(instant_ns)
            self._near_ns = instant_ns
            report = self._report(fields, instant_ns + order)
            cell = None if self._mapping.cell is None else self._columns.cell(fields)
        except (RanvierError, ValueError, csv.Error) as error:
            kept = _Kept(self._names, near_ns, order)
            yield self._context.bad("drive-test", str(error), position, line.raw, _text(kept))
            return
        if self._mapping.cell is not None:
            yield from self._follow(report, cell, position)
        yield Good(report, position)

    def again(self, letter: DeadLetter, kept: _Kept) -> Good | Bad:
        """One row alone, at the place among those of its instant that it had."""
        try:
            fields = self._fields(Line(1, letter.raw))
            instant_ns = self._instant(fields, kept.near_ns)
            return Good(self._report(fields, instant_ns + (kept.order or 0)), letter.position)
        except (RanvierError, ValueError, csv.Error) as error:
            return self._context.bad("drive-test", str(error), letter.position, letter.raw, letter.context)

    def end(self) -> Iterator[Good]:
        """What the end of the file says of the topology."""
        for serving in self._serving.values():
            yield from serving.end()

    def _fields(self, line: Line) -> list[str]:
        if line.fault:
            raise ValueError(f"expected a row; got {line.fault}; send the file again")
        fields = split(line.raw.decode(self._mapping.encoding), self._mapping)
        if len(fields) != len(self._names):
            raise ValueError(
                f"expected {len(self._names)} fields as in the header; got {len(fields)}; correct the row"
            )
        return fields

    def _instant(self, fields: list[str], near_ns: int | None) -> int:
        instant_ns = self._time.ns(fields[self._columns.time], near_ns)
        if instant_ns > self._latest_ns:
            raise ValueError(
                f"expected a time until {self._latest_ns} ns (now and {self._context.max_skew_s:g} s);"
                f" got {instant_ns} ns; set the clock or the zone right"
            )
        return instant_ns

    def _report(self, fields: list[str], at_ns: int) -> MeasurementReport:
        context = self._context
        return MeasurementReport(
            self._ue if self._columns.ue is None else ue_of(fields[self._columns.ue]),
            "UE", at_ns, at_ns, self._columns.values(fields),
            source=context.source, tenant=context.tenant, network=context.network,
        )  # fmt: skip

    def _follow(self, report: MeasurementReport, cell: Cell | None, position: str) -> Iterator[Good]:
        serving = self._serving.get(report.object_id)
        if serving is None:
            serving = Serving(report.object_id, self._mapping, self._context)
            self._serving[report.object_id] = serving
        return serving.row(report.start_ns, cell, position)


def _text(kept: _Kept) -> str:
    return msgspec.json.encode(kept).decode()
