"""Any text as a name in InfluxDB, and back.

Object and quantity names are whatever networks send. Line protocol cannot carry a newline or a trailing
backslash, tag values may not be empty, a field may not be called `time`, and what starts with an underscore
is InfluxDB's own. So such characters are percent-encoded, reversibly, and with them all quotes, backslashes
and dollars: an encoded name cannot end a string in InfluxQL or Flux, so no query can be broken by a name.
Names of the standards (`NRCellDU=1,GNBDUFunction=2`, `RRC.ConnMean`) stay as they are.

`~` is encoded too: fields that start with it are the adapter's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import unquote

from ranvier.ontology.errors import InputError

EMPTY = "%"
_UNSAFE = re.compile("[\\x00-\\x1f\\x7f\"'\\\\%$~]")
_RESERVED = re.compile("_|time$", re.IGNORECASE)
_LINE_ESCAPES = str.maketrans({",": "\\,", "=": "\\=", " ": "\\ "})
_GO_REGEX = re.compile(r"([.+*?()|\[\]{}^/-])")


@lru_cache(maxsize=65_536)
def encode(name: str) -> str:
    """The name as it stands in InfluxDB. Raises InputError where it is no text (a lone surrogate)."""
    if not name:
        return EMPTY
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise InputError("a name that UTF-8 can carry", repr(name), "mend the source adapter") from error
    text = _UNSAFE.sub(lambda found: f"%{ord(found[0]):02X}", name)
    return f"%{ord(text[0]):02X}{text[1:]}" if _RESERVED.match(text) else text


@lru_cache(maxsize=65_536)
def decode(text: str) -> str:
    """The name that was encoded."""
    return "" if text == EMPTY else unquote(text)


def in_line(encoded: str) -> str:
    """An encoded name as a tag's value or a field's key in line protocol."""
    return encoded.translate(_LINE_ESCAPES)


def any_of(encoded: Iterable[str]) -> str:
    """A regular expression, in slashes, that only these encoded names match."""
    return "/^(" + "|".join(_GO_REGEX.sub(r"\\\1", name) for name in encoded) + ")$/"


def tags_of(text: str) -> dict[str, str]:
    """Tags as the CSV of InfluxQL writes them, `copy=1,object=Cell\\=1`, by name; values still encoded."""
    pairs = (part.split("=", 1) for part in re.split(r"(?<!\\),", text) if part)
    return {key: value.replace("\\", "") for key, value in pairs}
