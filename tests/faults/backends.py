"""What a run stands on: embedded stores in a folder, or three servers of its own behind proxies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from ranvier.fabric.event import TOPOLOGY
from ranvier.fabric.ports import EventLog, GraphStore, Offsets, SeriesStore
from tests.faults import profiles
from tests.faults.disk import SmallDisk
from tests.faults.folder import Folder
from tests.faults.injector import EMBEDDED_WEIGHTS, Strike
from tests.faults.verify import Rows

EMBEDDED_MB = 768


class Backend(Protocol):
    """What the harness and the faults need of it."""

    addresses: Mapping[str, Mapping[str, str]]
    disks: dict[str, SmallDisk]
    weights: dict[Strike, float]
    pauses_s: Sequence[float]
    letters_once: bool
    shared: bool

    def mend(self, target: str) -> bool:
        """Start again what a full disk ended; whether that was needed."""
        ...

    def topology_ends(self) -> Offsets:
        """Where the topology topic ends."""
        ...

    def drained(self) -> bool:
        """Whether the stores have all of the log, as far as can be told from outside."""
        ...

    def rows(self, series: SeriesStore) -> Rows:
        """How many values the series store holds."""
        ...

    def opened(self) -> AbstractContextManager[tuple[EventLog, GraphStore, SeriesStore]]:
        """The stores, for the verification."""
        ...


class Embedded:
    """SQLite and DuckDB in one folder. DuckDB has one writing process, so there is one ingest process."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self.addresses: Mapping[str, Mapping[str, str]] = {}
        self.disks = {"stores": SmallDisk(folder.stores, EMBEDDED_MB)}
        self.weights = dict(EMBEDDED_WEIGHTS)
        self.pauses_s: Sequence[float] = (0.2, 1.0, 2.0)
        self.letters_once, self.shared = True, False

    def mend(self, target: str) -> bool:
        """There is no server."""
        return False

    def topology_ends(self) -> Offsets:
        """See the protocol."""
        log = profiles.open_log(self._folder)
        try:
            return dict(log.offsets(TOPOLOGY))
        finally:
            log.close()

    def drained(self) -> bool:
        """The ingest process alone can open the series: its idle steps must do."""
        return True

    def rows(self, series: SeriesStore) -> Rows:
        """Rows of the table of points."""
        return Rows(int(series.ping().detail["points"]), distinct=False)

    @contextmanager
    def opened(self) -> Iterator[tuple[EventLog, GraphStore, SeriesStore]]:
        """See the protocol."""
        log, graph = profiles.open_log(self._folder), profiles.open_graph(self._folder)
        series = profiles.open_series(self._folder)
        try:
            yield log, graph, series
        finally:
            for store in (log, graph, series):
                store.close()


@contextmanager
def backend_for(profile: str, servers: Sequence[str], folder: Folder) -> Iterator[Backend]:
    """The backend of a profile; what it mounted or started is gone in the end."""
    if profile == profiles.EMBEDDED:
        embedded = Embedded(folder)
        try:
            yield embedded
        finally:
            embedded.disks["stores"].close()
        return
    from tests.faults.server_backend import Servers

    real = Servers(folder, servers)
    try:
        real.start()
        yield real
    finally:
        real.close()
