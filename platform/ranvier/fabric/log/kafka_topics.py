"""`Topics`: the log's topics in Kafka, declared with their partitions and retention at the first use."""

from __future__ import annotations

import time

from ranvier.fabric.log.kafka_client import Admin
from ranvier.fabric.log.kafka_config import KafkaConfig
from ranvier.fabric.log.kafka_names import topic_name, unescape
from ranvier.fabric.log.kafka_records import MESSAGE_OVERHEAD
from ranvier.ontology.errors import StoreError

ANY_TIME_MS = str(2**63 - 1)
RECHECK_S = 0.02


class Topics:
    """What is known to exist is not asked for again."""

    def __init__(self, config: KafkaConfig, admin: Admin) -> None:
        self._config, self._admin = config, admin
        self._known: set[str] = set()

    def declare(self, topic: str) -> str:
        """Make `topic` unless it exists; its name in Kafka. Raises StoreError for other partitions."""
        name = topic_name(self._config.prefix, topic)
        if name not in self._known and not self._exists(name):
            copies = self._config.replication_factor
            self._admin.create_topic(name, self._config.partitions, copies, configs(self._config))
            self._await(name)
        return name

    def find(self, topic: str) -> str | None:
        """The name of `topic` in Kafka, or None where there is no such topic."""
        name = topic_name(self._config.prefix, topic)
        return name if name in self._known or self._exists(name) else None

    def forget(self, name: str) -> None:
        """Ask again whether it exists: an append to it has failed."""
        self._known.discard(name)

    def topic_of(self, name: str) -> str:
        """The topic that goes by `name` in Kafka."""
        return unescape(name.removeprefix(self._config.prefix))

    def places(self, name: str) -> list[tuple[str, int]]:
        """The topic's partitions."""
        return [(name, part) for part in range(self._config.partitions)]

    def _await(self, name: str) -> None:
        """Until every partition has a leader; brokers learn of a new topic a moment after it is made."""
        deadline = time.monotonic() + self._config.deadline_s
        while not self._exists(name):
            if time.monotonic() > deadline:
                raise StoreError(
                    f"leaders for the partitions of {name}", "none in time", "see that enough brokers run"
                )
            time.sleep(RECHECK_S)

    def _exists(self, name: str) -> bool:
        found = self._admin.partition_counts([name]).get(name)
        if found is None:
            return False
        if found != self._config.partitions:
            raise StoreError(
                f"a topic {name} of {self._config.partitions} partitions",
                f"one of {found}",
                "set that number: another one would break the order by key",
            )
        self._known.add(name)
        return True


def configs(config: KafkaConfig) -> dict[str, str]:
    """The settings of a topic. Any time is taken, since a simulated clock or one that jumped gives them."""
    retention_ms = -1 if config.retention_s is None else int(config.retention_s * 1000)
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(retention_ms),
        "retention.bytes": "-1",
        "message.timestamp.type": "CreateTime",
        "message.timestamp.before.max.ms": ANY_TIME_MS,
        "message.timestamp.after.max.ms": ANY_TIME_MS,
        "max.message.bytes": str(config.max_record_bytes + 10 * MESSAGE_OVERHEAD),
        "min.insync.replicas": str(config.min_insync_replicas),
        "compression.type": "producer",
    }
