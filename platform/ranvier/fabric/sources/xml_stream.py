"""`elements`: a stream of XML, element by element, safe against what XML files can do to a reader.

A document type (and with it entities, their expansion and external files) is refused, nothing is fetched, and
one element may not grow beyond a budget. What breaks comes as one XmlBreak, after all elements before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import IO, Any

from lxml import etree

from ranvier.fabric.sources.line_reader import BROKEN
from ranvier.ontology.errors import InputError

Element = Any
ELEMENT_BUDGET = 64 << 20
"""The most bytes that may pass between two elements of interest."""
_TAIL = 512
_OPTIONS = {"resolve_entities": False, "load_dtd": False, "no_network": True, "huge_tree": False}


class XmlBreak(InputError):
    """The XML cannot be read on from `position`; `tail` holds the last bytes that were read."""

    position: str = ""
    tail: bytes = b""


class _Watched:
    """The stream, with the last bytes read, how many, and what it raised."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.read_bytes = self.budget_from = 0
        self.tail = b""
        self.fault = ""

    def read(self, size: int) -> bytes:
        """Like a file's; a stream that breaks ends, and says why in `fault`."""
        if self.read_bytes - self.budget_from > ELEMENT_BUDGET:
            self.fault = f"more than {ELEMENT_BUDGET} bytes in one element"
            return b""
        try:
            chunk = self._stream.read(size)
        except BROKEN as error:
            self.fault = f"{type(error).__name__}: {error}"
            return b""
        self.read_bytes += len(chunk)
        self.tail = (self.tail + chunk[-_TAIL:])[-_TAIL:]
        return chunk


def elements(stream: IO[bytes], tags: tuple[str, ...]) -> Iterator[tuple[str, str, Element]]:
    """("start" or "end", local name, element) for elements whose local name is in `tags`, in any namespace.

    The caller frees what it has used with `free`. Raises XmlBreak.
    """
    watched = _Watched(stream)
    line = 0
    try:
        walk = etree.iterparse(
            watched, events=("start", "end"), tag=[f"{{*}}{tag}" for tag in tags], **_OPTIONS
        )
        for event, element in walk:
            if line == 0:
                _refuse_document_type(element)
            line = element.sourceline or line
            watched.budget_from = watched.read_bytes
            yield event, local(element.tag), element
    except (etree.LxmlError, ValueError) as error:
        raise _broken(watched, error, line) from None


def free(element: Element) -> None:
    """Forget an element that has been used, and what came before it in its parent."""
    element.clear()
    parent = element.getparent()
    if parent is not None:
        while element.getprevious() is not None:
            del parent[0]


@lru_cache(maxsize=256)
def local(tag: str) -> str:
    """The name without its namespace."""
    return tag.rpartition("}")[2]


def as_bytes(element: Element) -> bytes:
    """The element written out again, with the namespaces it needs."""
    return bytes(etree.tostring(element, with_tail=False))


def _refuse_document_type(element: Element) -> None:
    if element.getroottree().docinfo.internalDTD is not None:
        raise ValueError("a document type, which may define entities and name other files")


def _broken(watched: _Watched, error: Exception, line: int) -> XmlBreak:
    at = getattr(error, "position", None) or (line, 0)
    broken = XmlBreak(
        "well-formed XML without a document type", watched.fault or str(error), "send the file again, whole"
    )
    broken.position = f"line {at[0]}, column {at[1]}, byte {watched.read_bytes} or before"
    broken.tail = watched.tail
    return broken
