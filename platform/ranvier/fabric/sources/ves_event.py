"""`VesEvent`: one event of the VES listener (ONAP VES 7): its header, and where its element lies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from ranvier.fabric.sources.distinguished_name import escaped, joined
from ranvier.fabric.sources.source import SourceContext

JsonObject = dict[str, Any]


class Header(msgspec.Struct, frozen=True, rename="camel"):
    """The commonEventHeader, as far as it is used. Times are in microseconds since the Unix epoch."""

    domain: str
    event_id: str
    source_name: str
    last_epoch_microsec: int | float
    start_epoch_microsec: int | float
    event_name: str = ""
    reporting_entity_name: str = ""
    nf_vendor_name: str = ""
    stnd_defined_namespace: str = ""


class VesEvent(msgspec.Struct, frozen=True):
    """A header that has been checked and the fields of its domain."""

    header: Header
    fields: JsonObject
    element: str

    @property
    def start_ns(self) -> int:
        """When it began."""
        return int(self.header.start_epoch_microsec) * 1000

    @property
    def last_ns(self) -> int:
        """When it was last so: the time of the event."""
        return int(self.header.last_epoch_microsec) * 1000


def as_object(value: Any, name: str) -> JsonObject:
    """`value`, which must be a JSON object; None counts as an empty one. Raises ValueError."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"expected {name} as an object; got {type(value).__name__}; correct the event")
    return value


def as_objects(value: Any, name: str) -> list[JsonObject]:
    """`value`, which must be a list of JSON objects; None counts as an empty one. Raises ValueError."""
    listed = [] if value is None else value
    if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
        raise ValueError(f"expected {name} as a list of objects; got {str(value)[:100]!r}; correct the event")
    return listed


def event_of(value: JsonObject, context: SourceContext) -> VesEvent:
    """The event of a JSON object. Raises ValueError where it is none, or is from the future."""
    try:
        header = msgspec.convert(value.get("commonEventHeader"), Header)
    except msgspec.ValidationError as error:
        raise ValueError(f"expected a commonEventHeader of VES 7; got {error}; correct the event") from None
    fields = as_object(value.get(f"{header.domain}Fields"), f"{header.domain}Fields")
    if not header.source_name.strip():
        raise ValueError("expected a sourceName; got an empty one; name who sends the event")
    name = header.source_name.strip()
    element = name if "=" in name else f"ManagedElement={escaped(name)}"
    event = VesEvent(header, fields, joined(context.mappings.ves.dn_prefix, element))
    for micros in (header.start_epoch_microsec, header.last_epoch_microsec):
        if not 0 <= micros * 1000 <= min(context.latest_ns, 2**62):
            raise ValueError(
                f"expected a time until now and {context.max_skew_s:g} s; got {micros} µs since 1970;"
                " set the source's clock right"
            )
    return event


def bodies(value: Any) -> Iterator[JsonObject]:
    """The events of {"event": …}, {"eventList": […]}, or a bare event. Raises ValueError for others."""
    if isinstance(value, dict):
        if isinstance(value.get("eventList"), list):
            for item in value["eventList"]:
                yield from bodies(item)
            return
        inner = value.get("event", value)
        if isinstance(inner, dict) and "commonEventHeader" in inner:
            yield inner
            return
    raise ValueError(
        "expected an event with a commonEventHeader, or an eventList; got neither; see docs/sources.md"
    )
