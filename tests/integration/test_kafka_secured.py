"""The event log on a broker that demands TLS and SASL, by the platform's own settings."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ranvier.fabric.ports import Entry, EventLog
from ranvier.gateway.server_settings import ServerSettings
from ranvier.gateway.server_stores import OPENERS
from ranvier.ontology.errors import StoreError
from ranvier.ontology.ontology import load
from tests.servers.connect import parameters
from tests.servers.kafka_server import KafkaServer, Secured
from tests.servers.ports import free_ports

pytestmark = [
    pytest.mark.xdist_group("own servers"),
    pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificates"),
]
USER, PASSWORD = "ranvier", "not so secret"
ENTRIES = [Entry(f"k{n}", b"value %d" % n) for n in range(50)]


@dataclass(frozen=True)
class Broker:
    """Where it is, and what its certificate is signed by."""

    port: int
    authority: Path

    def settings(self, **more: Any) -> ServerSettings:
        """As a user gives them."""
        given = {
            "bootstrap": f"127.0.0.1:{self.port}", "security_protocol": "SASL_SSL",
            "sasl_mechanism": "SCRAM-SHA-512", "username": USER, "password": PASSWORD,
            "ca_file": self.authority, "deadline_s": 6.0, "request_timeout_s": 3.0,
        }  # fmt: skip
        return ServerSettings.model_validate({"kafka": given | more})


def openssl(folder: Path, *arguments: str) -> None:
    done = subprocess.run(
        ["openssl", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def certificates(folder: Path) -> tuple[Path, Path]:
    """An authority of our own, and a key with the certificate that it signed for 127.0.0.1 alone."""
    new = ("req", "-new", "-newkey", "rsa:2048", "-nodes")
    openssl(folder, *new, "-x509", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=tests")
    openssl(folder, *new, "-keyout", "broker.key", "-out", "broker.csr", "-subj", "/CN=broker")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names")
    openssl(folder, "x509", "-req", "-in", "broker.csr", *signed, "-out", "broker.pem")
    keystore = folder / "keystore.pem"
    keystore.write_text((folder / "broker.key").read_text() + (folder / "broker.pem").read_text())
    return folder / "ca.pem", keystore


@pytest.fixture(scope="module", params=parameters({"kafka": KafkaServer}))
def broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    authority, keystore = certificates(tmp_path_factory.mktemp("certificates"))
    (secured_port,) = free_ports(1)
    server = KafkaServer(
        tmp_path_factory.mktemp("kafka"), free_ports(1)[0], quick=True,
        secured=Secured(secured_port, USER, PASSWORD, keystore),
    )  # fmt: skip
    server.start()
    yield Broker(secured_port, authority)
    server.stop()


def opened(settings: ServerSettings) -> EventLog:
    made: EventLog = OPENERS["log"](settings, load())
    return made


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "PLAIN"])
def test_records_go_there_and_come_back(broker: Broker, mechanism: str) -> None:
    log = opened(broker.settings(sasl_mechanism=mechanism, prefix=f"{mechanism}."))
    try:
        assert log.ping().ok, log.ping().error
        log.append("t", ENTRIES, 5)
        consumer, found = log.consumer("g", ["t"]), []
        for _ in range(50):
            found += consumer.poll(100, 0.5)
            if len(found) == len(ENTRIES):
                break
        assert sorted(record.value for record in found) == sorted(entry.value for entry in ENTRIES)
        consumer.commit({(r.topic, r.partition): r.offset + 1 for r in found})
        assert sum(log.lag("g").values()) == 0
        part, offset = found[0].partition, found[0].offset
        assert log.read("t", part, offset, 1)[0].value == found[0].value
    finally:
        log.close()


def test_another_password_gets_nothing_and_is_asked_after(broker: Broker) -> None:
    """As AccessRefused where the client hears why; mostly it hears of a closed connection, until the deadline."""
    log = opened(broker.settings(password="a guess"))
    try:
        with pytest.raises(StoreError, match="password") as refused:
            log.append("t", ENTRIES, 5)
        assert "a guess" not in str(refused.value)
    finally:
        log.close()


@pytest.mark.parametrize(
    "wrong",
    [{"ca_file": None}, {"bootstrap": "localhost"}, {"security_protocol": "SASL_PLAINTEXT"}],
    ids=["an authority that is not trusted", "a host that the certificate does not name", "no TLS"],
)
def test_a_broker_that_cannot_be_trusted_gets_nothing(broker: Broker, wrong: dict[str, Any]) -> None:
    more = {"bootstrap": f"localhost:{broker.port}"} if "bootstrap" in wrong else wrong
    log = opened(broker.settings(**more))
    try:
        with pytest.raises(StoreError):
            log.append("t", ENTRIES, 5)
    finally:
        log.close()


def test_the_name_need_not_fit_where_the_settings_say_so(broker: Broker) -> None:
    log = opened(broker.settings(bootstrap=f"localhost:{broker.port}", check_hostname=False))
    try:
        assert log.ping().ok
    finally:
        log.close()
