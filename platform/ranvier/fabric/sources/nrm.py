"""`Nrm`: a snapshot of the configuration, as the network resource model in JSON (TS 28.541, TS 28.532).

Two shapes are read: objects nested below their parents in lists named after the class ({"id", "attributes",
"NRCellDU": [...]}), and a flat list of objects that name themselves ({"objectClass", "objectInstance"}).

    document ► walk ► NodeChange for each object ─┬─► contains, from the names
                                                  └─► adjacent, uses, sameCell, locatedAt, from references

All are valid from the snapshot's time: its `snapshotTime`, else the context's `at_ns`. A snapshot says
nothing of what it does not name; `removed` does, for those that are complete below a name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

import msgspec

from ranvier.fabric.dead_letter import DeadLetter
from ranvier.fabric.sources.distinguished_name import escaped, joined, parts
from ranvier.fabric.sources.iso_time import time_ns
from ranvier.fabric.sources.json_items import Item, items
from ranvier.fabric.sources.nrm_object import NrmObject
from ranvier.fabric.sources.nrm_relations import Relations
from ranvier.fabric.sources.source import Bad, Good, SourceContext
from ranvier.fabric.topology_change import NodeChange
from ranvier.ontology.errors import RanvierError

DEPTH = 32
_TIMES = ("snapshotTime", "timestamp", "eventTime")
_MARKS = (b'"ManagedElement"', b'"SubNetwork"', b'"objectClass"', b'"objectInstance"', b'"attributes"')


class _Kept(msgspec.Struct):
    """What a dead letter keeps of its document."""

    parent: str
    object_class: str
    at_ns: int | None


class Nrm:
    """The adapter."""

    name = "nrm"

    def detect(self, head: bytes, _context: SourceContext, /) -> bool:
        """Whether it is JSON that names managed objects and is no event."""
        start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
        return (
            start[:1] in (b"{", b"[")
            and any(mark in start for mark in _MARKS)
            and b'"commonEventHeader"' not in start
            and b'"specversion"' not in start
        )

    def read(self, raw: IO[bytes] | bytes, context: SourceContext) -> Iterator[Good | Bad]:
        """Each managed object, and what it says of its relations."""
        walk = _Walk(context)
        for item in items(raw):
            yield from walk.document(item)

    def replay(self, letter: DeadLetter, context: SourceContext) -> Iterator[Good | Bad]:
        """One managed object again, with what was below it where that was refused with it."""
        try:
            kept = msgspec.json.decode(letter.context, type=_Kept)
            value = msgspec.json.decode(letter.raw)
        except (msgspec.DecodeError, ValueError, RecursionError):
            yield from self.read(letter.raw, context)
            return
        walk = _Walk(context)
        walk.at_ns = kept.at_ns if kept.at_ns is not None else context.at_ns
        yield from walk.object(value, kept.object_class, kept.parent, 0)


class _Walk:
    """One snapshot while it is read."""

    def __init__(self, context: SourceContext) -> None:
        self._context = context
        self._relations = Relations(context)
        self.at_ns = context.at_ns if context.at_ns is not None else context.now_ns

    def document(self, item: Item) -> Iterator[Good | Bad]:
        """All objects of one document."""
        try:
            if item.fault:
                raise ValueError(f"expected a whole JSON document; got {item.fault}; send it again")
            value = msgspec.json.decode(item.raw)
            if not isinstance(value, dict):
                raise ValueError(f"expected a JSON object; got {type(value).__name__}; see docs/sources.md")
            self._set_time(value)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            yield self._context.bad("nrm", str(error), item.position, item.raw)
            return
        if "objectClass" in value or "objectInstance" in value:
            yield from self.object(value, str(value.get("objectClass", "")), "", 0)
            return
        yield from self._children(value, "", 0)

    def _set_time(self, value: dict[str, Any]) -> None:
        told = next((value[name] for name in _TIMES if isinstance(value.get(name), str)), None)
        if told is not None:
            self.at_ns = time_ns(told)
        if self.at_ns is not None and self.at_ns > self._context.latest_ns:
            raise ValueError(f"expected a time until now; got {told}; set the source's clock right")

    def _children(self, value: dict[str, Any], parent: str, depth: int) -> Iterator[Good | Bad]:
        for key, below in value.items():
            for child in below if isinstance(below, list) else [below]:
                if isinstance(child, dict) and key != "attributes":
                    yield from self.object(child, key, parent, depth)

    def object(self, value: Any, object_class: str, parent: str, depth: int) -> Iterator[Good | Bad]:
        """One managed object, then what is below it."""
        try:
            if self.at_ns is None:
                raise ValueError("expected a snapshotTime; got none; write it, or give the time of the file")
            if depth > DEPTH:
                raise ValueError(f"expected at most {DEPTH} levels of objects; got more; check the document")
            told = NrmObject.of(value, object_class, parent, self._context.ontology)
        except (ValueError, RanvierError) as error:
            yield self._bad(str(error), value, object_class, parent)
            return
        try:
            told.check(self._context.ontology)
        except RanvierError as error:
            yield self._bad(str(error), told.alone(), object_class, parent)
        else:
            yield from self._told(told)
        yield from self._children(told.below, told.node_id, depth + 1)

    def _told(self, told: NrmObject) -> Iterator[Good]:
        assert self.at_ns is not None
        own = self._context
        change = NodeChange(
            told.node_id, told.node_class, self.at_ns, told.properties,
            source=own.source, tenant=own.tenant, network=own.network,
        )  # fmt: skip
        yield Good(change, told.node_id)
        yield from self._relations.of(told, self.at_ns)

    def _bad(self, reason: str, value: Any, object_class: str, parent: str) -> Bad:
        kept = msgspec.json.encode(_Kept(parent, object_class, self.at_ns)).decode()
        named = value.get("id", value.get("objectInstance", "?")) if isinstance(value, dict) else "?"
        position = joined(parent, f"{object_class}={escaped(str(named)[:200])}")
        return self._context.bad("nrm", reason, position, msgspec.json.encode(value), kept)


def removed(
    previous: dict[str, str], seen: set[str], below: str, at_ns: int, context: SourceContext
) -> Iterator[NodeChange]:
    """The removal of each object of `previous` (its name to its class) that a complete snapshot did not name.

    `below` is the name at and below which the snapshot is complete; nothing outside it is touched. Deepest
    names come first, so that no object outlives its container.
    """
    lost = [name for name in previous if name not in seen and (name == below or name.startswith(f"{below},"))]
    for name in sorted(lost, key=lambda name: (-len(parts(name)), name)):
        yield NodeChange(
            name, previous[name], at_ns, {}, "remove",
            context.source, context.tenant, context.network,
        )  # fmt: skip
