"""The domain fault of VES, and the words for severities that VES and TS 28.111 have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from ranvier.fabric.alarm import Alarm, Severity
from ranvier.fabric.sources.source import Good, SourceContext
from ranvier.fabric.sources.ves_event import VesEvent, as_object
from ranvier.ontology.errors import OntologyError

_SEVERITIES: dict[str, Severity] = {name: name for name in get_args(Severity)} | {"NORMAL": "CLEARED"}


def severity(text: Any) -> Severity:
    """The severity that VES or TS 28.111 call so. Raises ValueError."""
    found = _SEVERITIES.get(str(text).upper())
    if found is None:
        raise ValueError(
            f"expected a severity among {', '.join(_SEVERITIES)}; got {text!r}; correct the event"
        )
    return found


def fault(event: VesEvent, context: SourceContext, position: str) -> Iterator[Good]:
    """An alarm that is raised, changed or (severity NORMAL) cleared (faultFields)."""
    fields = event.fields
    more = as_object(fields.get("alarmAdditionalInformation"), "alarmAdditionalInformation")
    condition = _text(fields, "alarmCondition")
    problem = _text(fields, "specificProblem")
    interface = str(fields.get("alarmInterfaceA", ""))
    object_id = str(more.get("objectInstance") or (interface if "=" in interface else event.element))
    own_id = f"{event.header.source_name}/{interface}/{condition}/{problem}"
    yield Good(
        alarm(
            context, object_id,
            alarm_id=str(more.get("alarmId") or own_id), event_time_ns=event.last_ns,
            perceived_severity=severity(fields.get("eventSeverity")),
            alarm_type=str(fields.get("eventCategory", "")), probable_cause=condition,
            specific_problem=problem,
        ),
        position,
    )  # fmt: skip


def alarm(context: SourceContext, object_id: str, **fields: Any) -> Alarm:
    """An alarm of the object, whose class its name tells ("" where the ontology does not know it)."""
    try:
        object_class = context.ontology.class_of(object_id)
    except OntologyError:
        object_class = ""
    return Alarm(
        object_id=object_id, object_class=object_class, source=context.source,
        tenant=context.tenant, network=context.network, **fields,
    )  # fmt: skip


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"expected {name} in faultFields; got {value!r}; correct the event")
    return value
