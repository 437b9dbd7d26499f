"""What the client of Kafka is told, and what a configuration refuses."""

from __future__ import annotations

import gc
import sys
import warnings
from dataclasses import replace
from typing import Any

import pytest

from ranvier.fabric.log import kafka_client
from ranvier.fabric.log.kafka import KafkaConfig, KafkaLog
from ranvier.fabric.log.kafka_topics import configs
from ranvier.fabric.ports import Entry
from ranvier.ontology.errors import InputError, StoreError

SECURE = KafkaConfig(
    "one:9093, two:9093",
    security_protocol="SASL_SSL",
    sasl_mechanism="SCRAM-SHA-512",
    sasl_username="ranvier",
    sasl_password="a secret",
    ssl_cafile="/ca.pem",
    ssl_certfile="/cert.pem",
    ssl_keyfile="/key.pem",
    ssl_key_password="another secret",
)


def test_the_client_is_told_of_tls_and_sasl() -> None:
    told = kafka_client.settings(SECURE)
    assert told["bootstrap_servers"] == ["one:9093", "two:9093"]
    assert {name: told[name] for name in told if name.startswith(("sasl", "ssl", "security"))} == {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "ranvier",
        "sasl_plain_password": "a secret",
        "ssl_cafile": "/ca.pem",
        "ssl_certfile": "/cert.pem",
        "ssl_keyfile": "/key.pem",
        "ssl_password": "another secret",
        "ssl_check_hostname": True,
    }


def test_a_client_without_tls_and_sasl_is_told_of_neither() -> None:
    told = kafka_client.settings(KafkaConfig("one:9092"))
    assert not [name for name in told if name.startswith(("sasl", "ssl"))]


@pytest.mark.parametrize("client", ["KafkaAdminClient", "KafkaConsumer", "KafkaProducer"])
def test_every_client_of_the_library_takes_what_it_is_told(client: str) -> None:
    known = getattr(kafka_client.library().api, client).DEFAULT_CONFIG
    assert kafka_client.settings(SECURE).keys() <= known.keys()


def test_a_secret_is_never_shown() -> None:
    assert "secret" not in repr(SECURE)
    assert "secret" not in str(SECURE)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"prefix": "with space"}, "prefix"),
        ({"prefix": ""}, "prefix"),
        ({"security_protocol": "TLS"}, "security protocol"),
        ({"security_protocol": "SASL_SSL"}, "SASL"),
        ({"partitions": 0}, "partition"),
        ({"request_timeout_s": 30.0}, "deadline"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        KafkaConfig("one:9092", **wrong)


def test_a_topic_takes_any_time_and_keeps_all_unless_told_otherwise() -> None:
    config = KafkaConfig("one:9092", min_insync_replicas=2, replication_factor=3)
    told = configs(config)
    assert told["retention.ms"] == told["retention.bytes"] == "-1"
    assert told["message.timestamp.after.max.ms"] == told["message.timestamp.before.max.ms"] == str(2**63 - 1)
    assert told["min.insync.replicas"] == "2"
    assert int(told["max.message.bytes"]) > config.max_record_bytes
    assert configs(replace(config, retention_s=90.5))["retention.ms"] == "90500"


def test_a_broker_that_is_away_is_told_of_within_the_deadline() -> None:
    log = KafkaLog(KafkaConfig("127.0.0.1:1", deadline_s=1.0, request_timeout_s=0.5))
    with pytest.raises(StoreError, match=r"127\.0\.0\.1:1.*see that the brokers run"):
        log.append("t", [Entry("k", b"")], 1)
    health = log.ping()
    assert not health.ok
    assert "127.0.0.1:1" in health.error
    log.close()
    with warnings.catch_warnings():  # the library leaves sockets that found no one to the collector
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    with pytest.raises(StoreError, match="closed"):
        log.append("t", [Entry("k", b"")], 1)


def test_without_the_library_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kafka", None)
    kafka_client.library.cache_clear()
    with pytest.raises(StoreError, match=r"ranvier\[servers\]"):
        KafkaLog(KafkaConfig("127.0.0.1:1")).append("t", [Entry("k", b"")], 1)
    kafka_client.library.cache_clear()
