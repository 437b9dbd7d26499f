"""A Kafka broker that is its own controller (KRaft)."""

from __future__ import annotations

import base64
import socket
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.servers.failure import ServerError
from tests.servers.ports import LOOPBACK
from tests.servers.recipes import KAFKA
from tests.servers.server import QUICK, Address, Server, java_command
from tests.servers.wire import receive

CLUSTER_ID = base64.urlsafe_b64encode(b"ranvier's tests!").decode().rstrip("=")
METADATA, METADATA_VERSION = 3, 4
LOGGING = """\
status=warn
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d %p %c: %m%n
rootLogger.level=WARN
rootLogger.appenderRef.out.ref=out
"""
SETTINGS = """\
process.roles=broker,controller
node.id=1
listeners=CLIENTS://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=CLIENTS://{host}:{advertised_port}
listener.security.protocol.map=CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=CLIENTS
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers={host}:{controller_port}
log.dirs={data}
auto.create.topics.enable=false

# There is one node: nothing can have two replicas.
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1

# Few and small parts, and no wait for more members before a group's first assignment.
num.partitions=4
offsets.topic.num.partitions=4
transaction.state.log.num.partitions=4
share.coordinator.state.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=16777216
num.network.threads=2
num.io.threads=4
"""


SECURED = """\
listeners=CLIENTS://{host}:{port},SECURED://{host}:{secured_port},CONTROLLER://{host}:{controller_port}
advertised.listeners=CLIENTS://{host}:{port},SECURED://{host}:{secured_port}
listener.security.protocol.map=CLIENTS:PLAINTEXT,SECURED:SASL_SSL,CONTROLLER:PLAINTEXT
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512
listener.name.secured.plain.sasl.jaas.config={jaas}.plain.PlainLoginModule required user_{user}="{password}";
listener.name.secured.scram-sha-512.sasl.jaas.config={jaas}.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
"""
JAAS = "org.apache.kafka.common.security"


@dataclass(frozen=True, slots=True)
class Secured:
    """A second listener for clients, with TLS and SASL (PLAIN and SCRAM-SHA-512).

    keystore  a PEM file: the broker's key (PKCS #8), then its certificate
    """

    port: int
    user: str
    password: str
    keystore: Path


class KafkaServer(Server):
    """Kafka on loopback, unencrypted. Its controller listens one port above its clients' port.

    advertised_port: the port that clients are sent to, where a proxy stands before the broker.
    quick: start with less work, and serve with more.
    secured: another listener, which asks who comes and is encrypted.
    """

    recipe = KAFKA
    start_patience_s = 120.0

    def __init__(
        self, folder: Path, port: int, *, data_folder: Path | None = None,
        controller_port: int | None = None, advertised_port: int | None = None, heap_mb: int = 512,
        quick: bool = False, secured: Secured | None = None,
    ) -> None:  # fmt: skip
        super().__init__(folder, port, data_folder)
        self.controller_port = controller_port or port + 1
        self.advertised_port = advertised_port or port
        self.heap_mb, self.secured = heap_mb, secured
        self._flags = ["-XX:+UseG1GC", *(QUICK if quick else []), self._logging_flag]

    def address(self) -> Address:
        return {"bootstrap": f"{LOOPBACK}:{self.advertised_port}"}

    def ports(self) -> dict[str, int]:
        more = {"secured": self.secured.port} if self.secured else {}
        return {"clients": self.port, "controller": self.controller_port, **more}

    def prepare(self) -> None:
        (self.folder / "logging.properties").write_text(LOGGING)
        places: dict[str, object] = {
            "host": LOOPBACK, "port": self.port, "controller_port": self.controller_port,
            "advertised_port": self.advertised_port, "data": self.data_folder,
        }  # fmt: skip
        text = SETTINGS.format(**places)
        if self.secured is not None:  # of a setting that is there twice, the last counts
            asked = self.secured
            more = {"user": asked.user, "password": asked.password, "keystore": asked.keystore}
            text += SECURED.format(**places, secured_port=asked.port, jaas=JAAS, **more)
        self._settings.write_text(text)
        if not (self.data_folder / "meta.properties").exists():
            self._format()

    def command(self) -> list[str]:
        return java_command(KAFKA, self.heap_mb, self._flags, "kafka.Kafka", str(self._settings))

    def answers(self) -> bool:
        """Whether it names itself in its metadata: only then has its controller let it serve."""
        with socket.create_connection((LOOPBACK, self.port), timeout=1) as connection:
            connection.settimeout(5)
            # The header (key, version, correlation, no client id), an empty list of topics, create none.
            request = struct.pack(">hhih", METADATA, METADATA_VERSION, 7, -1) + struct.pack(">ib", 0, 0)
            connection.sendall(struct.pack(">i", len(request)) + request)
            (size,) = struct.unpack(">i", receive(connection, 4))
            correlation, _, brokers = struct.unpack(">iii", receive(connection, size)[:12])
        return bool(correlation == 7 and brokers == 1)

    @property
    def _settings(self) -> Path:
        return self.folder / "server.properties"

    @property
    def _logging_flag(self) -> str:
        return f"-Dlog4j2.configurationFile={self.folder / 'logging.properties'}"

    def _format(self) -> None:
        flags = ["-XX:+UseSerialGC", *QUICK, self._logging_flag]
        arguments = ["format", "--standalone", "--cluster-id", CLUSTER_ID, "--config", str(self._settings)]
        if self.secured is not None:
            user = f"name={self.secured.user},password={self.secured.password}"
            arguments += ["--add-scram", f"SCRAM-SHA-512=[{user}]"]
        command = java_command(KAFKA, 128, flags, "kafka.tools.StorageTool", *arguments)
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ServerError(f"Kafka could not format {self.data_folder}: {done.stdout}{done.stderr}")
