"""What a migration needs of its two sides: the ports, and of the source that it can tell all that it holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.ports import EventLog, GraphStore, SeriesStore
from ranvier.fabric.topology_change import TopologyChange
from ranvier.ontology.errors import InputError


class Told(Protocol):
    """Changes in order of recording; `number` counts all changes up to the end of them."""

    @property
    def number(self) -> int:
        """Where to go on after these."""
        ...

    @property
    def recorded_at_ns(self) -> Sequence[int]:
        """When each was recorded."""
        ...

    @property
    def changes(self) -> Sequence[TopologyChange]:
        """What was told."""
        ...


class GraphTeller(Protocol):
    """All that a graph was ever told. The order is the same each time while nobody writes."""

    def prepare(self) -> int:
        """Get ready; how many changes there are."""
        ...

    def batches(self, after: int = 0) -> Iterator[Told]:
        """The changes after the first `after`, in order of recording."""
        ...

    def scopes(self) -> Sequence[tuple[str, str]]:
        """The (tenant, network) pairs."""
        ...

    def entities(self, tenant: str, network: str) -> Sequence[str]:
        """The ids of all nodes that were ever named."""
        ...

    def recorded(self) -> Sequence[int]:
        """The times at which knowledge changed, rising."""
        ...

    def close(self) -> None:
        """Release what it holds."""
        ...


class Written(Protocol):
    """Some reports with their times of recording; `cursor` goes on after them."""

    @property
    def cursor(self) -> int:
        """Where to go on after these."""
        ...

    @property
    def points(self) -> int:
        """How many versions of points they hold."""
        ...

    @property
    def reports(self) -> Sequence[MeasurementReport]:
        """The reports."""
        ...

    @property
    def recorded_at_ns(self) -> Sequence[int]:
        """When each was recorded."""
        ...


class SeriesTeller(Protocol):
    """All versions of all points, in an order that is the same each time while nobody writes."""

    def total(self, after: int = -1) -> int:
        """How many versions there are after a cursor."""
        ...

    def versions(self, after: int = -1) -> Iterator[Written]:
        """What came after a cursor, in batches."""
        ...

    def scopes(self) -> Sequence[tuple[str, str, str]]:
        """The (tenant, network, origin) triples that have points."""
        ...

    def objects(self, tenant: str, network: str, origin: str) -> Sequence[str]:
        """The objects that have points."""
        ...

    def recorded(self, parts: int) -> Sequence[int]:
        """The times of recording that cut the points into so many equal parts; the latest is the last."""
        ...

    def close(self) -> None:
        """Release what it holds."""
        ...


@dataclass(frozen=True, slots=True)
class Side:
    """Three stores that belong together; `name` tells where they are, and never a secret."""

    name: str
    log: EventLog
    graph: GraphStore
    series: SeriesStore

    def graph_teller(self) -> GraphTeller:
        """What tells the graph. Raises InputError where this adapter cannot."""
        return cast(GraphTeller, _export(self.graph, self.name))

    def series_teller(self) -> SeriesTeller:
        """What tells the series. Raises InputError where this adapter cannot."""
        return cast(SeriesTeller, _export(self.series, self.name))


def _export(store: object, name: str) -> object:
    export = getattr(store, "export", None)
    if export is None:
        raise InputError(
            "stores that can tell all that they hold", f"{type(store).__name__} of {name}, which cannot",
            "move from embedded stores; what servers hold stays there",
        )  # fmt: skip
    return cast(object, export())
