"""The real servers of the tests: only on loopback, stopped without a trace, and alive after kill -9 with data."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.servers.bolt import Bolt
from tests.servers.connect import parameters
from tests.servers.control import (
    InfluxServer,
    KafkaServer,
    Neo4jServer,
    Server,
    ServerError,
    free_ports,
    is_free,
)
from tests.servers.together import QUICK

# One worker: these start servers of their own, and two at a time are slow on two cores.
pytestmark = pytest.mark.xdist_group("own servers")

LOOPBACK = {"127.0.0.1", "::ffff:127.0.0.1", "::1"}


@pytest.fixture(scope="module", params=parameters(QUICK))
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server of its own; the tests of this module leave it running, but for the last."""
    server = QUICK[request.param](tmp_path_factory.mktemp(request.param), free_ports(1)[0])
    server.start()
    yield server
    server.stop()


def listening(pid: int) -> set[tuple[str, int]]:
    found = psutil.Process(pid).net_connections(kind="inet")
    return {(at.laddr.ip, at.laddr.port) for at in found if at.status == psutil.CONN_LISTEN}


def test_it_listens_on_loopback_alone_and_only_where_it_says(server: Server) -> None:
    assert server.pid is not None
    found = listening(server.pid)
    assert {ip for ip, _ in found} <= LOOPBACK
    assert {port for _, port in found} == set(server.ports().values())


def test_it_does_not_start_twice_over_one_folder(server: Server) -> None:
    with pytest.raises(ServerError, match=rf"runs already .* process {server.pid}"):
        server.start()


def test_another_object_over_its_folder_finds_it_running(server: Server) -> None:
    again = type(server)(server.folder, server.port)
    assert (again.pid, again.address()) == (server.pid, server.address())
    assert again.rss_bytes() > 50e6


def test_paused_it_keeps_its_connections_and_answers_nothing_until_it_is_resumed(server: Server) -> None:
    server.pause()
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.settimeout(0.5)
        connection.sendall(b"anything")
        with pytest.raises(TimeoutError):
            connection.recv(1)
    server.resume()
    assert server.answers()


def test_what_it_acknowledged_is_there_after_kill_9(server: Server) -> None:
    write, read = CLIENTS[type(server)]
    write(server)
    before = server.pid
    server.kill()
    assert not server.running
    server.start()
    assert server.pid != before
    assert read(server) == 1


def test_its_secrets_are_for_its_owner_only(server: Server) -> None:
    files = [Path(value) for name, value in server.address().items() if name.endswith("_file")]
    assert all(file.stat().st_mode & 0o077 == 0 for file in files)
    assert len(files) == (0 if isinstance(server, KafkaServer) else 1)


def test_stopped_it_leaves_no_process_and_nothing_listening(server: Server) -> None:
    """The last one of its server: those above found it running."""
    pid = server.pid
    assert pid is not None
    assert server.stop(), "SIGTERM did not end it"
    assert not psutil.pid_exists(pid)
    assert (server.pid, server.rss_bytes()) == (None, 0)
    assert all(is_free(port) for port in server.ports().values())


@pytest.mark.parametrize("name", parameters(QUICK))
def test_a_taken_port_is_refused_by_name_before_anything_starts(name: str, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    with socket.create_server(("127.0.0.1", port)):
        server = QUICK[name](tmp_path / name, port)
        with pytest.raises(ServerError, match=rf"expected port {port} \(clients\) to be free"):
            server.start()
    assert not server.running
    assert not server.folder.exists()


# ---------------------------------------------------------------- one write and one read of each
def write_kafka(server: Server) -> None:
    from kafka import KafkaProducer
    from kafka.admin import KafkaAdminClient, NewTopic

    bootstrap = server.address()["bootstrap"]
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics([NewTopic("kept", 1, 1)])
    admin.close()
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all")
    producer.send("kept", b"1").get(30)
    producer.close()


def read_kafka(server: Server) -> int:
    from kafka import KafkaConsumer, TopicPartition

    consumer = KafkaConsumer(bootstrap_servers=server.address()["bootstrap"])
    place = TopicPartition("kept", 0)
    end = int(consumer.end_offsets([place])[place])
    consumer.close()
    return end


def ask_neo4j(server: Server, query: str) -> int:
    with Bolt("127.0.0.1", server.port, "neo4j", server.address()["password"]) as bolt:
        return int(bolt.run(query, {}, "neo4j")[0][0])


def ask_influx(server: Server, path: str, body: str, kind: str) -> str:
    address = server.address()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    headers = {
        "Authorization": f"Token {address['token']}",
        "Content-Type": kind,
        "Accept": "application/csv",
    }
    connection.request("POST", f"{path}?org={address['org']}&bucket=unused", body, headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    assert answer.status in (200, 204), text
    return text


def read_influx(server: Server) -> int:
    query = 'from(bucket: "unused") |> range(start: 0) |> filter(fn: (r) => r._measurement == "kept")'
    said = ask_influx(server, "/api/v2/query", query, "application/vnd.flux")
    return sum(",kept" in line for line in said.splitlines())


CLIENTS: dict[type[Server], tuple[Callable[[Server], object], Callable[[Server], int]]] = {
    KafkaServer: (write_kafka, read_kafka),
    Neo4jServer: (
        lambda server: ask_neo4j(server, "CREATE (n:Kept) RETURN 1"),
        lambda server: ask_neo4j(server, "MATCH (n:Kept) RETURN count(n)"),
    ),
    InfluxServer: (
        lambda server: ask_influx(server, "/api/v2/write", "kept value=1", "text/plain"),
        read_influx,
    ),
}
