"""Three servers of the run's own, each behind a proxy and on a small file system where one may be mounted."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from ranvier.fabric.event import FEEDBACK, MEASUREMENTS, TOPOLOGY
from ranvier.fabric.ports import EventLog, GraphStore, Offsets, SeriesStore
from ranvier.fabric.series import influx_listing
from ranvier.fabric.series.influx import InfluxSeries
from ranvier.fabric.series.influx_layout import FEEDBACK as RUNS
from ranvier.fabric.series.influx_layout import OBSERVED
from ranvier.ontology.errors import RanvierError
from tests.faults import profiles
from tests.faults.disk import SmallDisk
from tests.faults.folder import Folder
from tests.faults.injector import Strike
from tests.faults.processes import wait_until
from tests.faults.proxy import HOST, Proxy
from tests.faults.server_faults import SERVER_WEIGHTS, needs
from tests.faults.verify import Rows
from tests.servers.control import InfluxServer, KafkaServer, Neo4jServer, Server, ServerError, free_ports

DISK_MB = {"kafka": 768, "neo4j": 1024, "influx": 512}
MEND_S = 8.0
TOPICS = (MEASUREMENTS, FEEDBACK, TOPOLOGY)
PAUSES_S = (0.5, 2.0, 5.0, 14.0)
"""The longest is longer than a Kafka session: the process loses its partitions, and does not know when it wakes."""
ADDRESS_NAMES = {
    "kafka": ("bootstrap",),
    "neo4j": ("uri", "user", "password"),
    "influx": ("url", "org", "token"),
}


@dataclass(slots=True)
class Part:
    """One server, the proxy before it, and the disk under it."""

    name: str
    server: Server
    proxy: Proxy
    disk: SmallDisk


def _answers(server: Server) -> bool:
    try:
        return server.running and server.answers()
    except OSError:
        return False


class Servers:
    """The backend on the three servers."""

    pauses_s: Sequence[float] = PAUSES_S

    def __init__(self, folder: Folder, names: Sequence[str]) -> None:
        self._folder = folder
        self.shared = "influx" in names
        self.letters_once = "kafka" not in names
        self.weights: dict[Strike, float] = {
            kind: weight for kind, weight in SERVER_WEIGHTS.items() if needs(kind) <= set(names)
        }
        self.parts = {name: self._part(name) for name in names}
        self.disks = {name: part.disk for name, part in self.parts.items()}
        self.addresses: Mapping[str, Mapping[str, str]] = {}

    def _part(self, name: str) -> Part:
        disk = SmallDisk(self._folder.path / f"{name}-disk", DISK_MB[name])
        ports = free_ports(2)
        proxy = Proxy(ports[0])
        home, data = self._folder.path / name, disk.path / "data"
        made: Server
        if name == "kafka":
            made = KafkaServer(
                home, ports[0], data_folder=data, controller_port=ports[1], advertised_port=proxy.port
            )
        elif name == "neo4j":
            made = Neo4jServer(home, ports[0], data_folder=data, advertised_port=proxy.port)
        else:
            made = InfluxServer(home, ports[0], data_folder=data)
        return Part(name, made, proxy, disk)

    def start(self) -> None:
        """All three at once."""
        failures: list[BaseException] = []

        def bring_up(part: Part) -> None:
            try:
                part.server.start()
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=bring_up, args=(part,)) for part in self.parts.values()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        found = {}
        for part in self.parts.values():
            own, through = f"{HOST}:{part.server.port}", f"{HOST}:{part.proxy.port}"
            address = {name: part.server.address()[name] for name in ADDRESS_NAMES[part.name]}
            found[part.name] = {name: value.replace(own, through) for name, value in address.items()}
        self.addresses = found

    def mend(self, target: str) -> bool:
        """After a full disk: start a server that ended or gave up, as an operator would; whether that was needed.

        A Kafka broker ends when it cannot write its log; Neo4j refuses every transaction until it is restarted.
        """
        server = self.parts[target].server
        if wait_until(lambda: _answers(server), MEND_S, 1.0):
            return False
        self.restart(target)
        return True

    def restart(self, target: str) -> None:
        """Start it on the data that are there; recovery may take a minute."""
        server = self.parts[target].server
        if server.running:
            server.kill()
        with suppress(ServerError):
            server.start()
            return
        server.start()

    def topology_ends(self) -> Offsets:
        """See the protocol."""
        log = profiles.open_log(self._folder)
        try:
            return dict(log.offsets(TOPOLOGY))
        finally:
            log.close()

    def drained(self) -> bool:
        """Whether both stores say that they go on at the log's ends."""
        if not self.shared:
            return True  # the series file is the ingest process's own: its idle steps must do
        try:
            with self.opened() as (log, graph, series):
                stored = {**series.offsets(), **graph.offsets()}
                ends = [pair for topic in TOPICS for pair in log.offsets(topic).items()]
            return all(stored.get(place, 0) == end for place, end in ends)
        except RanvierError:
            return False

    def rows(self, series: SeriesStore) -> Rows:
        """As the store counts them. A ping counts only where that is quick; here it may take its time."""
        if isinstance(series, InfluxSeries):
            points = sum(influx_listing.count(series._select, each) for each in (OBSERVED, RUNS))
            return Rows(points, distinct=True)
        return Rows(int(series.ping().detail["points"]), distinct=self.shared)

    @contextmanager
    def opened(self) -> Iterator[tuple[EventLog, GraphStore, SeriesStore]]:
        """See the protocol."""
        with ExitStack() as stack:
            log = profiles.open_log(self._folder)
            stack.callback(log.close)
            graph = profiles.open_graph(self._folder)
            stack.callback(graph.close)
            series = profiles.open_series(self._folder)
            stack.callback(series.close)
            yield log, graph, series

    def close(self) -> None:
        """Stop the servers, and take away what was mounted."""
        for part in self.parts.values():
            with suppress(ServerError):
                part.server.stop(20)
            part.proxy.close()
            part.disk.close()
