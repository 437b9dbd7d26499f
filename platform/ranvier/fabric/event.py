"""How the nouns travel: CloudEvents 1.0 in JSON, one topic for each kind.

    encode ► log ► decode

`data` is the noun itself; `type` says which. Decoding is strict: an event of another shape is refused with
the field and the reason, and the caller sends it to the dead letters.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from ranvier.fabric.alarm import Alarm
from ranvier.fabric.dead_letter import DeadLetter
from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.ports import Entry
from ranvier.fabric.topology_change import NodeChange, RelationChange
from ranvier.ontology.errors import InputError

Payload = MeasurementReport | NodeChange | RelationChange | Alarm | DeadLetter

HEADER_CHARACTERS = 1_000
MAX_BYTES = 8 * 2**20
"""The largest event that a log must take; dead letters may be half as large again, with what was refused."""
MEASUREMENTS = "telemetry.measurements"
FEEDBACK = "simulation.measurements"
TOPOLOGY = "telemetry.topology"
ALARMS = "telemetry.alarms"
DEAD_LETTERS = "telemetry.deadletters"

TYPES: dict[str, type[Payload]] = {
    "ranvier.measurement-report.v1": MeasurementReport,
    "ranvier.node-change.v1": NodeChange,
    "ranvier.relation-change.v1": RelationChange,
    "ranvier.alarm.v1": Alarm,
    "ranvier.dead-letter.v1": DeadLetter,
}
TYPE_OF: dict[type[Payload], str] = {noun: name for name, noun in TYPES.items()}
TOPIC_OF: dict[type[Payload], str] = {
    MeasurementReport: MEASUREMENTS,
    NodeChange: TOPOLOGY,
    RelationChange: TOPOLOGY,
    Alarm: ALARMS,
    DeadLetter: DEAD_LETTERS,
}


class _Envelope(msgspec.Struct):
    """A CloudEvent whose data is still undecoded."""

    id: str
    type: str
    source: str
    data: msgspec.Raw
    specversion: str = "1.0"


class _Report(msgspec.Struct, gc=False):
    """The CloudEvent that there is most of, in one pass."""

    id: str
    type: Literal["ranvier.measurement-report.v1"]
    source: str
    data: MeasurementReport
    specversion: str = "1.0"


_REPORT = msgspec.json.Decoder(_Report)
_ENVELOPE = msgspec.json.Decoder(_Envelope)
_PAYLOADS: dict[str, msgspec.json.Decoder[Payload]] = {
    name: msgspec.json.Decoder(noun) for name, noun in TYPES.items()
}
_ENCODER = msgspec.json.Encoder()


def topic_of(payload: Payload) -> str:
    """The topic that carries this payload; simulation feedback has one of its own."""
    if isinstance(payload, MeasurementReport) and payload.origin != "observed":
        return FEEDBACK
    return TOPIC_OF[type(payload)]


def key_of(payload: Payload) -> str:
    """The key that keeps each managed object's events in order, prefixed by whose they are."""
    own = (
        payload.object_id
        if isinstance(payload, MeasurementReport)
        else getattr(payload, "key", payload.source)
    )
    return f"{payload.tenant}/{payload.network}/{own}"


def encode(payload: Payload, event_id: str) -> bytes:
    """`payload` as a CloudEvent in JSON."""
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": event_id,
        "type": TYPE_OF[type(payload)],
        "source": payload.source or "ranvier",
        "datacontenttype": "application/json",
        "data": payload,
    }
    return _ENCODER.encode(event)


def entry_of(payload: Payload, event_id: str) -> Entry:
    """`payload` as the log takes it. A dead letter's headers say why and of what, for whoever looks there."""
    headers = {}
    if isinstance(payload, DeadLetter):
        said = {"reason": payload.reason, "source": payload.source, "position": payload.position}
        headers = {name: text[:HEADER_CHARACTERS] for name, text in said.items()}
    return Entry(key_of(payload), encode(payload, event_id), headers)


def decode(raw: bytes) -> Payload:
    """The payload of a CloudEvent.

    Raises InputError when it is no CloudEvent, has an unknown type, or its data has another shape.
    """
    try:
        return _REPORT.decode(raw).data
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError):
        pass  # another type, or a mistake that is told below
    try:
        envelope = _ENVELOPE.decode(raw)
        decoder = _PAYLOADS[envelope.type]
        return decoder.decode(envelope.data)
    except KeyError:
        known = ", ".join(TYPES)
        raise InputError(f"a type among {known}", repr(envelope.type), "see docs/events.md") from None
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise InputError("a CloudEvent in JSON", str(error), "see docs/events.md") from None
