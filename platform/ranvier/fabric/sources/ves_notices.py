"""The domains heartbeat, pnfRegistration and notification of VES: what an element says of itself.

A heartbeat and a ready file become a MeasurementReport without values: the element was heard at that time,
which is what a watch for silent sources needs. The `notice` beside it carries the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.sources.notice import FileReady, Heartbeat
from ranvier.fabric.sources.source import Good, SourceContext
from ranvier.fabric.sources.ves_event import VesEvent, as_object, as_objects
from ranvier.fabric.topology_change import NodeChange, Scalar

_PROPERTIES = {
    "vendorName": "vendorName", "softwareVersion": "swVersion", "serialNumber": "serialNumber",
    "modelNumber": "modelNumber", "unitType": "unitType", "unitFamily": "unitFamily",
    "oamV4IpAddress": "oamV4IpAddress", "oamV6IpAddress": "oamV6IpAddress",
}  # fmt: skip


def heartbeat(event: VesEvent, context: SourceContext, position: str) -> Iterator[Good]:
    """The element is alive (heartbeatFields)."""
    interval_s = event.fields.get("heartbeatInterval", 0)
    if not isinstance(interval_s, int | float):
        raise ValueError(f"expected heartbeatInterval in seconds; got {interval_s!r}; correct the event")
    yield heard(event, context, position, Heartbeat(event.element, event.last_ns, float(interval_s)))


def registration(event: VesEvent, context: SourceContext, position: str) -> Iterator[Good]:
    """The element announces itself (pnfRegistrationFields): a ManagedElement."""
    properties: dict[str, Scalar] = {
        own: str(event.fields[name]) for name, own in _PROPERTIES.items() if event.fields.get(name)
    }
    change = NodeChange(
        event.element, context.ontology.class_of(event.element), event.last_ns, properties,
        source=context.source, tenant=context.tenant, network=context.network,
    )  # fmt: skip
    yield Good(change, position)


def notification(event: VesEvent, context: SourceContext, position: str) -> Iterator[Good]:
    """Files that are ready (notificationFields with changeType FileReady); the first counts as the event."""
    if event.fields.get("changeType") != "FileReady":
        got = event.fields.get("changeType")
        raise ValueError(f"expected changeType FileReady; got {got!r}; leave other notifications out")
    entries = as_objects(event.fields.get("arrayOfNamedHashMap"), "arrayOfNamedHashMap")
    if not entries:
        raise ValueError("expected files in arrayOfNamedHashMap; got none; correct the event")
    for number, entry in enumerate(entries):
        told = as_object(entry.get("hashMap"), "hashMap")
        location = told.get("location") or entry.get("name", "")
        yield file_ready(event, context, position, (location, told, number > 0))


def file_ready(
    event: VesEvent, context: SourceContext, position: str, told: tuple[Any, dict[str, Any], bool]
) -> Good:
    """One ready file: its location, what is said of it, and whether it is a further one of its event."""
    location, about, derived = told
    if not isinstance(location, str) or not location:
        raise ValueError(f"expected the location of a file; got {location!r}; correct the event")
    compression = str(about.get("compression", about.get("fileCompression", "")))
    form = str(about.get("fileFormatType", about.get("fileFormat", "")))
    ready = FileReady(event.element, event.last_ns, location, compression, form)
    return heard(event, context, position, ready, derived=derived)


def heard(
    event: VesEvent, context: SourceContext, position: str, notice: Heartbeat | FileReady,
    *, derived: bool = False,
) -> Good:  # fmt: skip
    """A report without values: the element was heard."""
    report = MeasurementReport(
        event.element, context.ontology.class_of(event.element), event.last_ns, event.last_ns, {},
        source=context.source, tenant=context.tenant, network=context.network,
    )  # fmt: skip
    return Good(report, position, derived, notice)
