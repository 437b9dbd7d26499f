"""`Stores`: everything that a platform keeps, opened together and closed together."""

from __future__ import annotations

from dataclasses import dataclass

from ranvier.fabric.catalogue.port import Catalogue
from ranvier.fabric.ports import EventLog, GraphStore, Ledger, SeriesStore
from ranvier.ontology.ontology import Ontology


@dataclass(frozen=True, slots=True)
class Ports:
    """What the profile decides: log, graph and series, in the folder or on servers."""

    log: EventLog
    graph: GraphStore
    series: SeriesStore


@dataclass(frozen=True, slots=True)
class Stores:
    """The ports of one platform, and the ontology that they keep to."""

    log: EventLog
    graph: GraphStore
    series: SeriesStore
    ledger: Ledger
    catalogue: Catalogue
    ontology: Ontology

    def close(self) -> None:
        """Close all, the log last, since the others follow it."""
        for store in (self.graph, self.series, self.ledger, self.catalogue, self.log):
            store.close()
