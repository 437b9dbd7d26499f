"""Names of the managed objects of a layout's cells, as its counters and topology changes carry them."""

from __future__ import annotations

from dataclasses import dataclass

from ranvier.dtops.simulator.layout import Layout


@dataclass(frozen=True, slots=True)
class ObjectNames:
    """Distinguished names (TS 32.300), (C,) each: the cell in the DU and in the CU, and (gNBs,) the elements.

    cells  (C,) by which relations to a cell are named; empty: relations have names that are not known here
    """

    du: tuple[str, ...]
    cu: tuple[str, ...]
    elements: tuple[str, ...]
    cells: tuple[str, ...] = ()

    def relation(self, source: int, target: int) -> str:
        """The NRCellRelation from one cell to another."""
        return f"{self.cu[source]},NRCellRelation={self.cells[target]}"

    @classmethod
    def of(cls, layout: Layout, network: str) -> ObjectNames:
        """Names for a layout that has none of its own: gNBs by their first site, cells by their id."""
        site_of: dict[int, str] = {}
        for cell, gnb in enumerate(layout.cells.gnb):
            site_of.setdefault(int(gnb), layout.sites.ids[layout.cells.site[cell]])
        elements = {gnb: f"SubNetwork={network},ManagedElement={name}" for gnb, name in site_of.items()}
        named = list(zip(layout.cells.gnb, layout.cells.ids, strict=True))
        return cls(
            tuple(f"{elements[int(gnb)]},GNBDUFunction=1,NRCellDU={name}" for gnb, name in named),
            tuple(f"{elements[int(gnb)]},GNBCUCPFunction=1,NRCellCU={name}" for gnb, name in named),
            tuple(elements[gnb] for gnb in sorted(elements)),
            layout.cells.ids,
        )
