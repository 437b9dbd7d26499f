"""How the log's topics and groups are named in Kafka, and which partition a key has."""

from __future__ import annotations

import re
from zlib import crc32

from ranvier.ontology.errors import InputError

LONGEST = 249
_UNSAFE = re.compile(r"[^A-Za-z0-9.]")
_ESCAPED = re.compile(r"(?:-[0-9a-f]{2})+")


def escape(text: str) -> str:
    """Any text in letters, digits, '.' and '-': each byte of another character's UTF-8 is '-' and two digits.

    '_' is among the others, because Kafka refuses topics that differ only in '.' and '_'.
    """
    return _UNSAFE.sub(lambda found: "".join(f"-{byte:02x}" for byte in found[0].encode()), text)


def unescape(name: str) -> str:
    """The text that `escape` made `name` from."""
    return _ESCAPED.sub(lambda found: bytes.fromhex(found[0].replace("-", "")).decode(), name)


def topic_name(prefix: str, topic: str) -> str:
    """The name of `topic` in Kafka. Raises InputError where Kafka's limit of 249 characters is exceeded."""
    name = prefix + escape(topic)
    if len(name) > LONGEST:
        raise InputError(f"a topic whose escaped name has at most {LONGEST} characters", name, "shorten it")
    return name


def partition_of(key: str, partitions: int) -> int:
    """CRC-32 of the key in UTF-8 modulo the partitions, as in the SQLite log: moving keeps the place."""
    return crc32(key.encode()) % partitions
