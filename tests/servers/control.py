"""The servers that a test may start, kill, pause and fill: one class each, with the verbs of `Server`.

server = KafkaServer(tmp_path / "kafka", port=free_ports(1)[0])
server.start()
...
server.kill()
server.start()   # on the data that the kill left
server.stop()
"""

from __future__ import annotations

from tests.servers.failure import ServerError
from tests.servers.influx_server import InfluxServer
from tests.servers.kafka_server import KafkaServer
from tests.servers.neo4j_server import Neo4jServer
from tests.servers.ports import free_ports, is_free
from tests.servers.server import Server

__all__ = ["InfluxServer", "KafkaServer", "Neo4jServer", "Server", "ServerError", "free_ports", "is_free"]
