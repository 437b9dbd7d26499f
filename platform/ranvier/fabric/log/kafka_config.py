"""`KafkaConfig`: where the brokers are, and how the platform uses them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ranvier.ontology.errors import InputError

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MIB = 2**20


@dataclass(frozen=True, slots=True)
class KafkaConfig:
    """How to reach and use an Apache Kafka cluster.

    bootstrap           one or more "host:port", by commas
    prefix              of every topic and group; keeps one platform from another on the same cluster, so no
                        platform's prefix may begin another's
    partitions          of each topic; fixed when the topic is made: another number breaks the order by key
    replication_factor  copies of each partition
    min_insync_replicas how many copies must have a record before it is acknowledged; with 3 copies take 2
    retention_s         after which age the brokers delete by their own clock, read or not; None: never, and
                        only `truncate` deletes, what every group has committed
    security_protocol   PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL
    sasl_*              PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512, with the user's name and password
    ssl_*               PEM files: the authority that signed the brokers, our certificate and its key
    deadline_s          after which a call on brokers that are away gives up
    request_timeout_s   after which one request is taken for lost and tried again
    session_s           after which a consumer whose process fell silent loses its partitions
    poll_interval_s     after which a consumer that does not poll loses them; longer than any flush of a sink
    max_record_bytes    the largest entry: twice the largest event, since dead letters carry what was refused
    buffer_bytes        what a consumer holds of each partition before it pauses it
    fetch_bytes         what a consumer asks of each partition at once
    """

    bootstrap: str
    prefix: str = "ranvier."
    partitions: int = 4
    replication_factor: int = 1
    min_insync_replicas: int = 1
    retention_s: float | None = None
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str | None = None
    sasl_username: str | None = None
    sasl_password: str | None = field(default=None, repr=False)
    ssl_cafile: str | None = None
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None
    ssl_key_password: str | None = field(default=None, repr=False)
    ssl_check_hostname: bool = True
    deadline_s: float = 30.0
    request_timeout_s: float = 10.0
    session_s: float = 10.0
    poll_interval_s: float = 300.0
    max_record_bytes: int = 16 * MIB
    buffer_bytes: int = 2 * MIB
    fetch_bytes: int = MIB

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9._-]+", self.prefix):
            raise InputError("a prefix of letters, digits, '.', '_' and '-'", repr(self.prefix), "change it")
        if self.security_protocol not in PROTOCOLS:
            raise InputError(
                f"a security protocol of {', '.join(PROTOCOLS)}", self.security_protocol, "choose one"
            )
        if self.security_protocol.startswith("SASL") and not (self.sasl_mechanism and self.sasl_username):
            raise InputError("a SASL mechanism and user name", "none", "set them, or another protocol")
        if self.partitions < 1 or self.replication_factor < 1:
            raise InputError(
                "at least one partition and one copy of it",
                f"{self.partitions} and {self.replication_factor}",
                "raise them",
            )
        if not 0 < self.request_timeout_s < self.deadline_s:
            raise InputError(
                "a request timeout shorter than the deadline",
                f"{self.request_timeout_s} s and {self.deadline_s} s",
                "give a request a part of the deadline, so that it can be tried again",
            )
