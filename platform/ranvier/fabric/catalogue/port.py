"""The port `Catalogue`: datasets are registered, observed as data comes, and asked for with their lineage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

from ranvier.fabric.catalogue.dataset import Dataset
from ranvier.fabric.catalogue.quality import Quality, QualityState
from ranvier.fabric.catalogue.run import Run, SourceFile
from ranvier.fabric.ports import Health

Direction = Literal["up", "down"]


class Observation(msgspec.Struct, frozen=True):
    """What came into one dataset: states by index of the UTC day, and the file that it came from, if any."""

    dataset_id: str
    days: dict[int, QualityState]
    file: SourceFile | None = None
    tenant: str = "default"


class Entry(msgspec.Struct, frozen=True):
    """A dataset with its figures over all that was observed, and how many files it came from."""

    dataset: Dataset
    quality: Quality
    files: int


class Edge(msgspec.Struct, frozen=True):
    """Data went from `source` to `target`. Each is "dataset:ID" or "run:ID"."""

    source: str
    target: str


class Lineage(msgspec.Struct, frozen=True):
    """Where a dataset came from (up), or what was made of it (down).

    runs   the runs on the way, newest first
    files  the latest files read by those runs into the dataset; `files_total` counts all that are kept
    """

    dataset_id: str
    direction: Direction
    edges: tuple[Edge, ...]
    runs: tuple[Run, ...]
    files: tuple[SourceFile, ...]
    files_total: int


class Catalogue(Protocol):
    """Datasets, their quality and their lineage, by tenant."""

    def register(self, dataset: Dataset) -> None:
        """Add a dataset, or replace its description. What was observed of it stays."""
        ...

    def record(self, run: Run) -> None:
        """Add a run, or replace it with its later state. Raises NotFound for datasets not registered."""
        ...

    def observe(self, observations: Sequence[Observation]) -> int:
        """Add what came; all of it or nothing. Returns how many observations counted.

        A file that the dataset already knows (by name and hash) changes nothing. Raises NotFound for a
        dataset that is not registered.
        """
        ...

    def get(self, tenant: str, dataset_id: str) -> Entry:
        """A dataset with its figures. Raises NotFound."""
        ...

    def page(self, tenant: str, after: str | None = None, limit: int = 100) -> tuple[Entry, ...]:
        """Datasets by rising id, those after `after`."""
        ...

    def days(self, tenant: str, dataset_id: str, from_day: int, to_day: int) -> dict[int, Quality]:
        """The figures of each UTC day (days since the epoch) in [from_day, to_day). Raises NotFound."""
        ...

    def files(
        self, tenant: str, dataset_id: str, after: str | None = None, limit: int = 100
    ) -> tuple[tuple[SourceFile, ...], str | None]:
        """The files read into a dataset, newest first, a page at a time, and the next cursor."""
        ...

    def lineage(self, tenant: str, dataset_id: str, direction: Direction = "up", limit: int = 100) -> Lineage:
        """The way of the data, over at most `limit` runs of each dataset, newest first. Raises NotFound."""
        ...

    def forget(self, before_ns: int) -> int:
        """Drop files received and runs ended before `before_ns`, and fold older days into one; how many went.

        The figures over all time stay as they are.
        """
        ...

    def ping(self) -> Health:
        """Whether the catalogue answers, with its size."""
        ...

    def close(self) -> None:
        """Release files and connections."""
        ...
