"""Names of topics in Kafka, and the partition of a key."""

from __future__ import annotations

import re
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranvier.fabric.log.kafka_names import escape, partition_of, topic_name, unescape
from ranvier.fabric.log.sqlite import SqliteLog
from ranvier.fabric.ports import Entry
from ranvier.ontology.errors import InputError

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)


@given(TEXT)
def test_an_escaped_name_is_one_that_kafka_takes_and_leads_back(text: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9.-]*", escape(text))
    assert unescape(escape(text)) == text


@given(TEXT, TEXT)
def test_two_topics_never_share_a_name_even_where_kafka_takes_dot_for_underscore(a: str, b: str) -> None:
    assert (escape(a).replace(".", "_") == escape(b).replace(".", "_")) <= (a == b)


def test_the_platforms_own_topics_keep_their_names() -> None:
    assert topic_name("ranvier.", "telemetry.measurements") == "ranvier.telemetry.measurements"


def test_a_name_too_long_for_kafka_is_refused() -> None:
    assert len(topic_name("p.", "x" * 247)) == 249
    with pytest.raises(InputError, match="249"):
        topic_name("p.", "x" * 248)


@pytest.mark.parametrize("key", ["", "a", "cell/1", "ключ", "\x00"])
def test_a_key_has_the_partition_that_the_embedded_log_gives_it(key: str, tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "log.db", partitions=7)
    log.append("t", [Entry(key, b"")], 1)
    (place,) = [place for place, end in log.offsets("t").items() if end]
    log.close()
    assert partition_of(key, 7) == place[1] == crc32(key.encode()) % 7
