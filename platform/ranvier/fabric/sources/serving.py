"""`Serving`: which cell serves a UE, told from rows one by one.

A handover is one `serves` interval that ends exactly where the next begins: the upsert of the new cell
ends the old one, because `serves` is functional at the UE. After silence of more than gap_s, and at the end
of the file, `serves` ends hold_s after the last row. Rows behind the latest one change nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from ranvier.fabric.sources.drive_test_columns import Cell
from ranvier.fabric.sources.mappings.drive_test_mapping import DriveTestMapping
from ranvier.fabric.sources.source import Good, SourceContext
from ranvier.fabric.topology_change import NodeChange, RelationChange, Scalar

_REMEMBERED = 10_000
"""Cells, and pairs of cells, that one UE remembers as told; beyond that it tells them again."""


class Serving:
    """The state of one UE of one file."""

    def __init__(self, ue: str, mapping: DriveTestMapping, context: SourceContext) -> None:
        self._ue, self._context = ue, context
        self._notes = {} if mapping.cell is None else mapping.cell.notes
        self._gap_ns, self._hold_ns = int(mapping.gap_s * 1e9), int(mapping.hold_s * 1e9)
        self._latest_ns: int | None = None
        self._cell: str | None = None
        self._last: Cell | None = None
        self._told: dict[str, dict[str, Scalar]] = {}
        self._adjacent: set[tuple[str, str]] = set()
        self._position = ""

    def row(self, at_ns: int, cell: Cell | None, position: str) -> Iterator[Good]:
        """What a row at `at_ns` says of the topology."""
        if self._latest_ns is None:
            yield self._node(self._ue, "UE", at_ns, {}, position)
        elif at_ns < self._latest_ns:
            return
        elif at_ns - self._latest_ns > self._gap_ns:
            yield from self.end()
        self._latest_ns, self._position = at_ns, position
        if cell is None:
            if self._cell is not None:
                yield self._relation("serves", self._cell, self._ue, at_ns, position, op="remove")
                self._cell = None
            return
        if cell is not self._last:
            yield from self._tell(cell, at_ns, position)
            self._last = cell
        if cell.node_id != self._cell:
            yield from self._hand_over(cell, at_ns, position)

    def end(self) -> Iterator[Good]:
        """The last row speaks for hold_s; then nothing serves."""
        if self._cell is not None and self._latest_ns is not None:
            at_ns = self._latest_ns + self._hold_ns
            yield self._relation("serves", self._cell, self._ue, at_ns, self._position, op="remove")
            self._cell = None

    def _tell(self, cell: Cell, at_ns: int, position: str) -> Iterator[Good]:
        """A cell that is new, or of which more is known or something else: what a row leaves out stays."""
        known = self._told.get(cell.node_id)
        properties = {**(known or {}), **cell.properties}
        if properties == known:
            return
        if len(self._told) >= _REMEMBERED:
            self._told.clear()
        self._told[cell.node_id] = properties
        yield self._node(cell.node_id, cell.node_class, at_ns, properties, position)

    def _hand_over(self, cell: Cell, at_ns: int, position: str) -> Iterator[Good]:
        if self._cell is not None and (self._cell, cell.node_id) not in self._adjacent:
            if len(self._adjacent) >= _REMEMBERED:
                self._adjacent.clear()
            self._adjacent.add((self._cell, cell.node_id))
            yield self._relation("adjacent", self._cell, cell.node_id, at_ns, position)
        self._cell = cell.node_id
        properties: dict[str, Scalar] = {"mode": cell.mode}
        if cell.mode in self._notes:
            properties["note"] = self._notes[cell.mode]
        yield self._relation("serves", cell.node_id, self._ue, at_ns, position, properties)

    def _node(
        self, node_id: str, node_class: str, at_ns: int, properties: dict[str, Scalar], position: str
    ) -> Good:
        own = self._context
        change = NodeChange(
            node_id, node_class, at_ns, properties,
            source=own.source, tenant=own.tenant, network=own.network,
        )  # fmt: skip
        return Good(change, position, derived=True)

    def _relation(
        self, relation: str, source_id: str, target_id: str, at_ns: int, position: str,
        properties: dict[str, Scalar] | None = None, op: str = "upsert",
    ) -> Good:  # fmt: skip
        own = self._context
        change = RelationChange(
            relation, source_id, target_id, at_ns, properties or {}, op,  # type: ignore[arg-type]
            own.source, own.tenant, own.network,
        )  # fmt: skip
        return Good(change, position, derived=True)
