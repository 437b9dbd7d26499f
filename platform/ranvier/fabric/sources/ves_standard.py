"""The domain stndDefined of VES: notifications of TS 28.532 in their own JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from ranvier.fabric.sources.iso_time import time_ns
from ranvier.fabric.sources.notice import Heartbeat
from ranvier.fabric.sources.nrm_object import NrmObject
from ranvier.fabric.sources.source import Good, SourceContext
from ranvier.fabric.sources.ves_alarms import alarm, severity
from ranvier.fabric.sources.ves_event import JsonObject, VesEvent, as_object, as_objects
from ranvier.fabric.sources.ves_notices import file_ready, heard
from ranvier.fabric.topology_change import NodeChange

_Told = Callable[[VesEvent, JsonObject, SourceContext, str], Iterator[Good]]


def standard(event: VesEvent, context: SourceContext, position: str) -> Iterator[Good]:
    """What a notification of TS 28.532 says, by its notificationType."""
    data = event.fields.get("data")
    if not isinstance(data, dict):
        raise ValueError("expected a notification in data; got none; correct the event")
    kind = data.get("notificationType")
    told = _KINDS.get(str(kind))
    if told is None:
        raise ValueError(f"expected a notificationType among {', '.join(_KINDS)}; got {kind!r}; leave it out")
    return told(event, data, context, position)


def name_of(reference: Any) -> str:
    """The distinguished name that an href tells (https://host/…/SubNetwork=1/ManagedElement=2) or is."""
    if not isinstance(reference, str) or "=" not in reference:
        raise ValueError(f"expected an object's href or name; got {reference!r}; correct the event")
    path = urlsplit(reference).path if "://" in reference else reference
    if "/" not in path:
        return path
    return ",".join(unquote(part) for part in path.split("/") if "=" in part)


def _alarm(event: VesEvent, data: JsonObject, context: SourceContext, position: str) -> Iterator[Good]:
    """notifyNewAlarm, notifyChangedAlarm, notifyClearedAlarm (TS 28.532, TS 28.111)."""
    cleared = data["notificationType"] == "notifyClearedAlarm"
    identity = data.get("alarmId")
    if not identity:
        raise ValueError("expected an alarmId; got none; correct the event")
    yield Good(
        alarm(
            context, name_of(data.get("href") or data.get("objectInstance")),
            alarm_id=str(identity), event_time_ns=_time_ns(event, data, context),
            perceived_severity="CLEARED" if cleared else severity(data.get("perceivedSeverity")),
            alarm_type=str(data.get("alarmType", "")), probable_cause=str(data.get("probableCause", "")),
            specific_problem=str(data.get("specificProblem", "")),
            additional_text=str(data.get("additionalText", "")),
        ),
        position,
    )  # fmt: skip


def _file_ready(event: VesEvent, data: JsonObject, context: SourceContext, position: str) -> Iterator[Good]:
    files = as_objects(data.get("fileInfoList"), "fileInfoList")
    if not files:
        raise ValueError("expected files in fileInfoList; got none; correct the event")
    for number, file in enumerate(files):
        yield file_ready(event, context, position, (file.get("fileLocation"), file, number > 0))


def _heartbeat(event: VesEvent, data: JsonObject, context: SourceContext, position: str) -> Iterator[Good]:
    interval_s = float(data.get("heartbeatNtfPeriod", 0))
    yield heard(event, context, position, Heartbeat(event.element, event.last_ns, interval_s))


def _created(event: VesEvent, data: JsonObject, context: SourceContext, position: str) -> Iterator[Good]:
    attributes = as_object(data.get("attributeList"), "attributeList")
    yield _change(event, data, context, (name_of(data.get("href")), attributes, position, False))


def _deleted(event: VesEvent, data: JsonObject, context: SourceContext, position: str) -> Iterator[Good]:
    yield _change(event, data, context, (name_of(data.get("href")), None, position, False))


def _changes(event: VesEvent, data: JsonObject, context: SourceContext, position: str) -> Iterator[Good]:
    changes = as_objects(data.get("moiChanges", data.get("mOIChanges")), "moiChanges")
    if not changes:
        raise ValueError("expected changes in moiChanges; got none; correct the event")
    for number, change in enumerate(changes):
        operation = str(change.get("operation", ""))
        name = name_of(change.get("path") or change.get("href") or data.get("href"))
        if operation not in {"CREATE", "DELETE"}:
            raise ValueError(
                f"expected CREATE or DELETE; got {operation!r} of {name}, which leaves other attributes open;"
                " send a configuration snapshot of the object"
            )
        value = as_object(change.get("value"), "value")
        attributes = value.get("attributes", value) if operation == "CREATE" else None
        yield _change(event, data, context, (name, attributes, position, number > 0))


def _partial(_event: VesEvent, data: JsonObject, _context: SourceContext, _position: str) -> Iterator[Good]:
    raise ValueError(
        f"expected all attributes of an object; got some of {data.get('href')!r}, which leaves others open;"
        " send a configuration snapshot of the object"
    )


def _change(
    event: VesEvent, data: JsonObject, context: SourceContext, told: tuple[str, Any, str, bool]
) -> Good:
    """A node that came (its attributes) or went (None)."""
    name, attributes, position, derived = told
    node = NrmObject.of({"objectInstance": name, "attributes": attributes or {}}, "", "", context.ontology)
    node.check(context.ontology)
    change = NodeChange(
        node.node_id, node.node_class, _time_ns(event, data, context), node.properties,
        "remove" if attributes is None else "upsert", context.source, context.tenant, context.network,
    )  # fmt: skip
    return Good(change, position, derived)


def _time_ns(event: VesEvent, data: JsonObject, context: SourceContext) -> int:
    told = data.get("eventTime")
    at_ns = time_ns(told) if isinstance(told, str) else event.last_ns
    if at_ns > context.latest_ns:
        raise ValueError(f"expected a time until now; got {told!r}; set the source's clock right")
    return at_ns


_KINDS: dict[str, _Told] = {
    "notifyNewAlarm": _alarm,
    "notifyChangedAlarm": _alarm,
    "notifyClearedAlarm": _alarm,
    "notifyFileReady": _file_ready,
    "notifyHeartbeat": _heartbeat,
    "notifyMOICreation": _created,
    "notifyMOIDeletion": _deleted,
    "notifyMOIChanges": _changes,
    "notifyMOIAttributeValueChanges": _partial,
}
